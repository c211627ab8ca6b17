"""`when`: one CEL expression that decides whether a step is needed. Checked offline, evaluated from the journal. Pure.

The language is CEL (github.com/google/cel-spec) by its authors' own library, with less of it: no `map` and no `filter`,
which copy a list for each item (9,000 items took 5 s), one pass over a list, 400 characters. The library parses at most
32 levels and ends a pass after 10,000 items; its regular expressions (RE2) never go back.

A value is called as it is in `${...}`, with `outputs` between: `inputs.pod.name`, `steps.scope.outputs.siblings`,
`steps.isolate.verdict`. CEL reads a dash as minus, so `steps.mark_node` is the step `mark-node`. A field of a list is
the list of that field: `steps.scope.outputs.siblings.name`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from irkit.model.base import Json
from irkit.model.playbooks import When
from irkit.playbook.bindings import Missing

MAX_LENGTH = 400
"""Characters of an expression."""
PASSES = frozenset({"all", "exists", "exists_one"})
"""Macros that go through a list and build none."""
VERDICTS = ("proven", "leaky", "unproven", "refused", "failed", "skipped")
"""What `steps.ID.verdict` can be."""

Path = tuple[str, ...]
LITERAL = re.compile(r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'""")
_CHAIN = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*", re.ASCII)
_PLAIN = re.compile(r"\s*(!?)\s*([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)\s*(?:([!=]=)\s*null\s*)?", re.ASCII)
_CALL = re.compile(r"\.\s*(\w+)\s*\(", re.ASCII)


def variable(path: Path) -> str:
    """What CEL calls the value: the path with dots, and underscores for the dashes of a step's id."""
    return ".".join((path[0], path[1].replace("-", "_"), *path[2:]))


def code(text: str) -> str:
    """The expression with what is quoted blanked, at its old length."""
    return LITERAL.sub(lambda found: '"' + " " * (len(found[0]) - 2) + '"', text)


def chains(text: str) -> Iterator[str]:
    """Every dotted name of the expression, without its blanks."""
    for found in _CHAIN.finditer(code(text)):
        yield re.sub(r"\s+", "", found[0])


def objection(text: str) -> tuple[str, str]:
    """What the expression uses of CEL that is left out here, and the remedy; two empty texts where nothing."""
    if len(text) > MAX_LENGTH:
        return f"a condition of {len(text)} characters", f"say it in {MAX_LENGTH}"
    last = -1
    for found in LITERAL.finditer(text):
        before = text[found.start() - 1 : found.start()]
        if found.start() == last or before.isalnum() or before == "_":
            return "a raw, binary or triple-quoted text", 'quote plainly: "text"'
        last = found.end()
    if "//" in code(text):
        return "a comment in a condition", "YAML has comments: # before the line"
    if re.search(r"\bhas\s*\(", code(text)):
        return "`has`, which asks about fields by their presence", 'compare with null, or ask "KEY" in MAPPING'
    calls = _CALL.findall(code(text))
    for name in ("map", "filter"):
        if name in calls:
            return f"`{name}` builds a list, and nothing bounds what that costs", "ask with exists or all"
    if sum(name in PASSES for name in calls) > 1:
        return "more than one pass over a list", "one of all, exists and exists_one"
    return "", ""


def used(text: str, known: Mapping[str, Path]) -> tuple[Path, ...]:
    """The known values that the expression names, each by its longest known beginning, as CEL resolves names."""
    found: dict[Path, None] = {}
    for chain in chains(text):
        parts = chain.split(".")
        beginnings = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
        path = next((known[name] for name in beginnings if name in known), None)
        if path is not None:
            found[path] = None
    return tuple(found)


def rename(text: str, names: Mapping[str, str]) -> str:
    """The expression with these names in place of others; each by its longest beginning, as CEL resolves names."""
    found, end = "", 0
    for chain in _CHAIN.finditer(code(text)):
        parts = re.sub(r"\s+", "", chain[0]).split(".")
        counts = range(len(parts), 0, -1)
        count = next((count for count in counts if ".".join(parts[:count]) in names), 0)
        if count:
            found += text[end : chain.start()] + ".".join((names[".".join(parts[:count])], *parts[count:]))
            end = chain.end()
    return found + text[end:]


def plain(text: str) -> tuple[str, Literal["there", "empty", "true", "false"]] | None:
    """The name that a condition asks about and nothing else: whether it is there, is empty, is true or is false.

    Most conditions do, and for them nobody waits for the library: loading it costs more than reading a playbook.
    """
    found = _PLAIN.fullmatch(text)
    if found is None:
        return None
    negated, name, compared = found.groups()
    if compared:
        return None if negated else (name, "there" if compared == "!=" else "empty")
    return name, "false" if negated else "true"


def holds(
    when: When, inputs: Mapping[str, Json], outputs: Mapping[str, Json], verdicts: Mapping[str, Json]
) -> bool | Missing:
    """Whether the condition is true; Missing where that cannot be said, and why.

    `verdicts` maps a step to its verdict, one of `for_each` to the list of its children's. An empty value is null.
    One of a step that gave no outputs does not exist: `&&` and `||` pass over it where their other side decides, else
    it is why nothing can be said.
    """
    bound: dict[str, Any] = {}
    for path in when.names:
        if path[0] == "inputs":
            value: Json | Missing = _walk(inputs.get(path[1]), path[2:])
        elif path[2:] == ("verdict",):
            value = verdicts[path[1]] if path[1] in verdicts else Missing("")
        else:
            value = _walk(outputs[path[1]], path[3:]) if path[1] in outputs else Missing("")
        if isinstance(value, Missing):
            continue
        if not _comparable(value):
            return Missing(f"{variable(path)} holds a character that no condition can compare")
        bound[variable(path)] = value
    asked = plain(when.text)
    if asked is not None and asked[0] in bound:
        name, what = asked
        if what in {"there", "empty"}:
            return (bound[name] is None) == (what == "empty")
        if isinstance(bound[name], bool):
            return bool(bound[name]) == (what == "true")
    try:
        found = _program(when.text, when.names).eval(data=bound)
    except RuntimeError as error:  # a pass over too many items
        return Missing(_plain(str(error)))
    value = found.value()
    return value if isinstance(value, bool) else Missing(_plain(str(value)))


def _walk(value: Json, names: Path) -> Json:
    """Follow fields; a list's field is the list of its items' field."""
    for at, name in enumerate(names):
        if isinstance(value, list):
            return [_walk(item, names[at:]) for item in value]
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _comparable(value: Json) -> bool:
    """Whether the library takes every text whole: it cuts at a NUL, so that "web<NUL>x" would equal "web"."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(_comparable(key) and _comparable(one) for key, one in value.items())
    return all(_comparable(one) for one in value) if isinstance(value, list) else True


@lru_cache(256)
def _program(text: str, names: tuple[Path, ...]) -> Any:  # noqa: ANN401 -- the library's own class
    """Compiled for values of any type: the linter checked the types, and an empty value has another."""
    from cel_expr_python import cel  # noqa: PLC0415 -- only playbooks with a condition need it

    return cel.NewEnv(variables={variable(path): cel.Type.DYN for path in names}).compile(text)


_WORDS = {
    "Iteration budget exceeded": "a list of more than 10,000 items",
    "No value with name": "a step that it asks about gave no outputs",
    "Key not found": "a key that it asks for is not there",
    "No matching overload": "a value is empty, or of another type than it takes",
    "no matching overload": "a value is empty, or of another type than it takes",
    "No such overload": "a value is empty, or of another type than it takes",
}


def _plain(error: str) -> str:
    """The library's error without its own codes, and without values: they are not ours to show."""
    return next((words for part, words in _WORDS.items() if part in error), "an operation in it has no result")
