"""`when`: names, types and functions of its expression are known before anything runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from irkit.model.playbooks import Step, When
from irkit.playbook.bindings import KINDS
from irkit.playbook.conditions import LITERAL, VERDICTS, Path, chains, code, objection, plain, used, variable
from irkit.playbook.diagnostics import Place, suggest
from irkit.playbook.rules.kinds import Kind, fields, item, many, members, present
from irkit.playbook.rules.slips import names, remedy, slip
from irkit.playbook.rules.subject import Subject
from irkit.playbook.yamltree import Node

DEPTH = 5
"""So many fields deep a value's parts have names: references hold a cluster, and nothing is deeper."""
_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNKNOWN = re.compile(r"undeclared reference to '([^']*)'")
_FUNCTIONS = ("size", "startsWith", "endsWith", "contains", "matches", "exists", "all", "exists_one")
_VERDICT = re.compile(rf"\.\s*verdict\s*[!=]=\s*(?P<after>{LITERAL.pattern})|\.\s*verdict\s+in\s*\[(?P<among>[^\]]*)\]")
_MIRRORED = re.compile(rf"(?P<before>{LITERAL.pattern})\s*[!=]=\s*steps\s*\.\s*\w+\s*\.\s*verdict\b")


Wrong = tuple[Place, str, str]
"""Where, what is wrong, and the remedy."""


@dataclass(frozen=True, slots=True)
class Name:
    """A value that a condition may take, and its type."""

    path: Path
    kind: Kind


def check_conditions(subject: Subject) -> dict[str, When]:
    """Report what is wrong with each condition; gives those that are right, by step, with the values that they take."""
    found: dict[str, When] = {}
    for step in subject.playbook.steps:
        if step.when is None:
            continue
        text, at = step.when.text, subject.place(step).of("when")
        message, help_ = objection(text)
        if message:
            subject.error(at, step, f"`when`: {message}", help_)
            continue
        known = {variable(one.path): one for one in _names(subject, step)}
        taken = used(text, {name: one.path for name, one in known.items()})
        wrong = [*_compiled(subject, step, text, known), *_order(subject, step, taken, at), *_misspelt(text, at)]
        for where, complaint, meant in wrong:
            subject.error(where, step, complaint, meant)
        if not wrong:
            found[step.id] = When(text=text, names=taken)
    return found


def _names(subject: Subject, step: Step) -> Iterator[Name]:
    """Every value that there could be: of inputs, and of all other steps."""
    for one in subject.playbook.inputs:
        optional = not one.required and one.default is None
        yield from _parts(Name(("inputs", one.name), KINDS[one.type] | None if optional else KINDS[one.type]))
    for other in subject.playbook.steps:
        spec = subject.spec(other)
        if other.id == step.id:
            continue
        verdict = Name(("steps", other.id, "verdict"), str)
        yield verdict if other.for_each is None else Name(verdict.path, many(str))
        for name, kind in (fields(spec.outputs) if spec is not None else {}).items():
            path = ("steps", other.id, "outputs", name)
            yield from _parts(Name(path, kind if other.for_each is None else many(kind)))


def _parts(name: Name) -> Iterator[Name]:
    """The value and its fields; those of a list are lists."""
    yield name
    each = item(name.kind)
    if len(name.path) < DEPTH + 2:
        for field, kind in fields(name.kind if each is None else each).items():
            empty = NoneType in members(name.kind)
            inner = many(kind) if each is not None else (kind | None if empty else kind)
            yield from _parts(Name((*name.path, field), inner))


def _compiled(subject: Subject, step: Step, text: str, known: Mapping[str, Name]) -> Iterator[Wrong]:
    """Let CEL check it. Its first complaint is reported; the rest follow from that too often."""
    if _right_by_itself(text, known):
        return
    from cel_expr_python import cel  # noqa: PLC0415 -- only playbooks with a condition need it

    place = subject.place(step).parts["when"]
    try:
        program = cel.NewEnv(variables={name: _type(one.kind) for name, one in known.items()}).compile(text)
    except RuntimeError as error:
        first = _ERROR.search(str(error))
        message = first[3].removesuffix(" (in container '')") if first else ""
        at = _inside(place, text, int(first[1]), int(first[2])) if first else place.at
        yield at, *_complaint(message, text, known)
        return
    given = program.return_type()
    if given != cel.Type.BOOL:
        words = ((cel.Type.STRING, "text"), (cel.Type.INT, "a number"), (cel.Type.DYN, "a value of any type"))
        shown = next((word for kind, word in words if kind == given), "something else")
        yield place.at, f"`when` wants true or false, this is {shown}", _compared(text.strip(), known)


def _compared(text: str, known: Mapping[str, Name]) -> str:
    """How a value that is no condition becomes one."""
    parts = [name for name in known if name.startswith(f"{text}.")]
    if parts:
        one = f"{text}.name" if f"{text}.name" in parts else parts[0]
        return f"ask about a part of it, as in {one} == something"
    optional = text in known and NoneType in members(known[text].kind)
    return f"compare it: {text[:60]} != null" if optional else "compare it: == something"


def _right_by_itself(text: str, known: Mapping[str, Name]) -> bool:
    """Whether it asks about one value of the right type: then there is nothing that CEL would say."""
    asked = plain(text)
    one = known.get(asked[0]) if asked is not None else None
    if asked is None or one is None:
        return False
    return NoneType in members(one.kind) if asked[1] in {"there", "empty"} else one.kind is bool


def _type(kind: Kind) -> Any:  # noqa: ANN401 -- the library's own class
    """The type by which CEL checks. What may be empty can be compared with null; an object has only its fields."""
    from cel_expr_python import cel  # noqa: PLC0415 -- only playbooks with a condition need it

    plain = {str: cel.Type.STRING, int: cel.Type.INT, bool: cel.Type.BOOL}
    boxed = {str: "StringValue", int: "Int64Value", bool: "BoolValue"}
    found = {_root(one) for one in present(kind)}
    if len(found) != 1:
        return cel.Type.DYN
    one = found.pop()
    if one in plain:
        return cel.Type(f"google.protobuf.{boxed[one]}") if NoneType in members(kind) else plain[one]
    inner = item(kind)
    if inner is not None:
        return cel.Type.List(_type(inner))
    if get_origin(one) is dict:
        return cel.Type.Map(cel.Type.STRING, _type(get_args(one)[1]))
    return cel.Type.AbstractType("object") if fields(kind) else cel.Type.DYN


def _root(kind: Kind) -> Kind:
    """The type of a literal's values; any other type itself."""
    origin: object = get_origin(kind)
    if origin is Literal:
        kinds = {type(value) for value in get_args(kind)}
        return kinds.pop() if len(kinds) == 1 else kind
    return kind


def _inside(node: Node, text: str, line: int, column: int) -> Place:
    """Where in the file a place of the expression is; the value's own where it is quoted or folded."""
    plain = line == 1 and node.text == text and "\n" not in text
    return (node.at[0], node.at[1] + max(column, 1) - 1) if plain else node.at


def _complaint(message: str, text: str, known: Mapping[str, Name]) -> tuple[str, str]:
    if "recursion" in message or not message:
        return "`when` is nested deeper than 32 levels", "say it in fewer steps"
    unknown = _UNKNOWN.search(message)
    if "operand of a select" in message and (beyond := _beyond(text, known)):
        return f"`when` knows no `{beyond[:60]}`", names(beyond, known)
    if unknown is None:
        return f"`when`: {message[:200]}", remedy(message, text)
    name = unknown[1]
    whole = next((chain for chain in chains(text) if chain.startswith(name)), name)
    dashed = next((one.path[1] for one in known.values() if one.path[1].startswith(f"{name.partition('.')[2]}-")), "")
    if name.startswith("steps.") and dashed:
        return f"`when`: CEL reads {name}-… as minus", f"write {variable(('steps', dashed))} for step `{dashed}`"
    if name in {"inputs", "steps"}:
        return f"`when`: `{name}` is no value by itself", "inputs.NAME, steps.ID.verdict, steps.ID.outputs.NAME"
    return f"`when` knows no `{whole[:60]}`", slip(text) or _function(whole) or names(whole, known)


def _function(word: str) -> str:
    """The function that a word without a dot was meant for, or ""."""
    return suggest(word, _FUNCTIONS, "") if "." not in word else ""


def _beyond(text: str, known: Mapping[str, Name]) -> str:
    """A name that goes on behind an object, where nothing is known of that name."""
    bare = code(text)
    for chain in chains(text):
        called = re.search(re.escape(chain).replace(r"\.", r"\s*\.\s*") + r"\s*\(", bare)
        whole = chain.rpartition(".")[0] if called else chain
        if whole not in known and any(whole.startswith(f"{name}.") for name in known):
            return whole
    return ""


def _order(subject: Subject, step: Step, paths: tuple[Path, ...], at: Place) -> Iterator[Wrong]:
    """What a condition asks about must have ended."""
    before = subject.ancestors[step.id]
    for source_id in dict.fromkeys(path[1] for path in paths if path[0] == "steps"):
        source = subject.steps[source_id]
        if source_id in before or (step.always and not source.always):
            continue
        if source.always and not step.always:
            yield at, f"`when` asks about `{source_id}` of `finally`", "ask about a step under `steps`"
        else:
            needs = ", ".join([*step.needs, source_id])
            yield at, f"`when` asks about `{source_id}` without needing it", f"say needs: [{needs}]"


def _misspelt(text: str, at: Place) -> Iterator[Wrong]:
    """A misspelt verdict would never be true."""
    compared = [found["after"] or found["among"] for found in _VERDICT.finditer(text)]
    compared += [found["before"] for found in _MIRRORED.finditer(text)]
    for word in (literal[1:-1] for part in compared for literal in LITERAL.findall(part)):
        if word not in VERDICTS:
            meant = suggest(word, VERDICTS, f"one of {', '.join(VERDICTS)}")
            yield at, f"`when`: no verdict is called `{word[:40]}`", meant
