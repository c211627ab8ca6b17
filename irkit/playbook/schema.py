"""The JSON Schema of playbook files, for editors: made from the language's own tables and the actions' models.

It checks form and types of literals. What needs the whole file (references, order, evidence) is the linter's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from irkit.actions.api import ActionSpec
from irkit.actions.catalog import Catalog
from irkit.model.base import Json
from irkit.playbook import language
from irkit.playbook.arguments import EXPRESSION
from irkit.playbook.bindings import REFERENCES
from irkit.playbook.conditions import MAX_LENGTH
from irkit.playbook.reading import DURATION

Schema = dict[str, Any]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EXPRESSION = {"$ref": "#/$defs/expression"}


def render_schema(catalog: Catalog) -> str:
    """The schema as the file that is kept beside the shipped playbooks."""
    return orjson.dumps(playbook_schema(catalog), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"


def playbook_schema(catalog: Catalog) -> dict[str, Json]:
    """The schema as JSON: every action of the catalog with its parameters."""
    defs: Schema = {
        "expression": {
            "type": "string",
            "pattern": f"^{EXPRESSION}$",
            "description": "Stands for a whole value: ${inputs.NAME}, ${steps.ID.OUTPUT} or ${item}.",
        },
        "id": {"type": "string", "pattern": f"^{language.ID_FORM}$"},
    }
    specs = [action.spec for action in catalog]
    blocks = {spec.id: _with_block(spec, defs) for spec in specs}
    defs["input"] = _input(defs)
    defs["step"] = _step(specs, blocks)
    defs |= {f"with {name}": block for name, block in blocks.items()}
    top = _object(
        language.TOP_KEYS,
        {
            "apiVersion": {"const": language.API_VERSION},
            "kind": {"const": "Playbook"},
            "metadata": _object(
                language.METADATA_KEYS,
                {"name": {"$ref": "#/$defs/id"}, "title": {"type": "string"}, "description": {"type": "string"}},
                required=("name",),
            ),
            "spec": _object(
                language.SPEC_KEYS,
                {
                    "inputs": {
                        "type": "object",
                        "patternProperties": {f"^{language.INPUT_FORM}$": {"$ref": "#/$defs/input"}},
                        "additionalProperties": False,
                    },
                    "steps": _steps(),
                    "finally": _steps(),
                },
                required=("steps",),
            ),
        },
        required=tuple(language.TOP_KEYS),
    )
    about = "A playbook of irkit. `irkit playbook lint` also checks references, order and evidence."
    return {"$schema": _DIALECT, "title": "irkit playbook", **top, "description": about, "$defs": defs}


def _steps() -> Schema:
    return {
        "type": "array",
        "items": {"$ref": "#/$defs/step"},
        "minItems": 1,
        "maxItems": language.MAX_STEPS,
    }


def _step(specs: Iterable[ActionSpec], blocks: Mapping[str, Schema]) -> Schema:
    parts: Schema = {
        "id": {"$ref": "#/$defs/id"},
        "uses": {"enum": list(blocks)},
        "with": {"type": "object"},
        "needs": {"type": "array", "items": {"$ref": "#/$defs/id"}, "uniqueItems": True},
        "for_each": _EXPRESSION,
        "when": {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH},
        "timeout": {"type": "string", "pattern": f"^{DURATION}$"},
        "approval": {"enum": list(language.APPROVALS)},
        "on_failure": {"enum": list(language.ON_FAILURE)},
        "accept_loss": {"type": "string", "minLength": 1},
    }
    step = _object(language.STEP_KEYS, parts, required=("id", "uses"))
    step["allOf"] = [
        {
            "if": {"properties": {"uses": {"const": spec.id}}, "required": ["uses"]},
            "then": {
                "description": f"{spec.title} ({spec.purpose}, {spec.risk})",
                "properties": {"with": {"$ref": f"#/$defs/with {spec.id}"}},
                **({"required": ["with"]} if blocks[spec.id].get("required") else {}),
            },
        }
        for spec in specs
    ]
    return step


def _with_block(spec: ActionSpec, defs: Schema) -> Schema:
    """The parameters of an action, each a literal or an expression; what they refer to goes to `defs`."""
    prefix = f"{spec.id} "
    block = _hoisted(spec.params.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}"), prefix, defs)
    block["properties"] = {
        name: {**_about(part), "anyOf": [_EXPRESSION, part]} for name, part in block.get("properties", {}).items()
    }
    return block


def _about(part: Schema) -> Schema:
    return {key: part.pop(key) for key in ("description", "default") if key in part}


def _input(defs: Schema) -> Schema:
    parts: Schema = {
        "type": {"enum": list(language.INPUT_TYPES)},
        "description": {"type": "string"},
        "default": {},
        "required": {"type": "boolean"},
    }
    found = _object(language.INPUT_KEYS, parts, required=("type",))
    plain = {"text": "string", "integer": "integer", "boolean": "boolean"}
    kinds: Schema = {name: {"type": kind} for name, kind in plain.items()}
    for name, reference in REFERENCES.items():
        prefix = f"input {name} "
        made = reference.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
        kinds[name] = _hoisted(made, prefix, defs)
    found["allOf"] = [
        {
            "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
            "then": {"properties": {"default": {"anyOf": [{"type": "null"}, kind]}}},
        }
        for name, kind in kinds.items()
    ]
    return found


def _hoisted(made: Schema, prefix: str, defs: Schema) -> Schema:
    """A model's schema with its own definitions moved to the file's, under names that no other model has."""
    defs |= {f"{prefix}{name}": one for name, one in made.pop("$defs", {}).items()}
    return made


def _object(about: Mapping[str, str], parts: Schema, *, required: tuple[str, ...]) -> Schema:
    """A closed object whose keys are described as the language's tables say."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: {"description": text, **parts[key]} for key, text in about.items()},
        "required": list(required),
    }
