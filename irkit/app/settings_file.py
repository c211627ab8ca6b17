"""Reading irkit.yaml: a closed set of keys with fixed types. Everything else is an error with file, line and key."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from irkit.errors import ConfigError

MAX_SIZE = 256 * 1024
MAX_DEPTH = 8
_NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
_UID = re.compile(r"^[0-9A-Za-z][0-9A-Za-z-]{0,62}$")

Check = Callable[[Any], str]
"""Says what a value must be, or "" where it is that."""


def _flag(value: Any) -> str:  # noqa: ANN401 -- anything may stand in the file
    return "" if type(value) is bool else "true or false"


def _text(value: Any) -> str:  # noqa: ANN401 -- as above
    ok = type(value) is str and 0 < len(value) <= 4096 and value.isprintable()  # noqa: PLR2004 -- a path's length
    return "" if ok else "text on one line"


def _uid(value: Any) -> str:  # noqa: ANN401 -- as above
    return "" if type(value) is str and _UID.match(value) else "the uid of the kube-system namespace, in quotes"


def _count(value: Any) -> str:  # noqa: ANN401 -- as above
    return "" if type(value) is int and 1 <= value <= 10_000 else "an integer from 1 to 10000"  # noqa: PLR2004 -- said


def _names(value: Any) -> str:  # noqa: ANN401 -- as above
    ok = type(value) is list and all(type(one) is str and _NAME.match(one) for one in value)
    return "" if ok else "a list of names"


def _cluster_id(value: Any) -> str:  # noqa: ANN401 -- as above
    from pydantic import ValidationError  # noqa: PLC0415 -- only where clusters are configured

    from irkit.model.refs import ClusterRef  # noqa: PLC0415 -- as above

    try:
        ClusterRef.parse({"id": value})
    except (ValidationError, TypeError):
        return "an EKS cluster ARN with a 12-digit account, or context:NAME"
    return ""


def _connections(value: Any) -> str:  # noqa: ANN401 -- as above
    return "" if type(value) is int and 1 <= value <= 256 else "an integer from 1 to 256"  # noqa: PLR2004 -- said


_CLUSTER: dict[str, Check] = {
    "id": _cluster_id, "kubeconfig": _text, "context": _text, "uid": _uid, "connections": _connections,
    "requests_per_second": _count,
}  # fmt: skip
_SECTIONS: dict[str, dict[str, Check]] = {
    "protected": {"namespaces": _names, "nodes": _names},
    "limits": {"max_targets": _count},
}
_INPUT = re.compile(r"^[a-z][a-z0-9_]{0,40}$")
_TOP: dict[str, Check] = {"lab": _flag, "state": _text, "operator": _text, "routes": _text}


def read_settings(path: Path) -> dict[str, Any]:
    """The file's values, checked. Raises ConfigError."""
    value = _load(path)
    if value is None:
        return {}
    if type(value) is not dict:
        raise _bad(path, "the file", "a mapping of keys")
    for key, item in value.items():
        if key in _TOP:
            _check(path, str(key), item, _TOP[key])
        elif key in _SECTIONS:
            _section(path, str(key), item, _SECTIONS[key])
        elif key == "inputs":
            _inputs(path, item)
        elif key == "clusters":
            _clusters(path, item)
        else:
            raise _unknown(path, str(key), [*_TOP, *_SECTIONS, "clusters", "inputs"])
    return value


def _clusters(path: Path, value: Any) -> None:  # noqa: ANN401 -- from the file
    if type(value) is not list:
        raise _bad(path, "clusters", "a list")
    for index, one in enumerate(value):
        where = f"clusters[{index}]"
        _section(path, where, one, _CLUSTER)
        if "id" not in one:
            raise _bad(path, f"{where}.id", "there")


def _inputs(path: Path, value: Any) -> None:  # noqa: ANN401 -- from the file
    """Values for inputs of playbooks, by the input's name; a playbook's own declaration checks the type."""
    if type(value) is not dict:
        raise _bad(path, "inputs", "a mapping of input names to values")
    for name, item in value.items():
        if type(name) is not str or not _INPUT.match(name):
            raise _bad(path, f"inputs.{name}"[:200], "named as a playbook's input: a-z 0-9 _")
        if type(item) not in {str, int, bool}:
            raise _bad(path, f"inputs.{name}", "text, an integer, or true or false")


def _section(path: Path, where: str, value: Any, checks: dict[str, Check]) -> None:  # noqa: ANN401 -- from the file
    if type(value) is not dict:
        raise _bad(path, where, "a mapping")
    for key, item in value.items():
        if key not in checks:
            raise _unknown(path, f"{where}.{key}", list(checks))
        _check(path, f"{where}.{key}", item, checks[key])


def _check(path: Path, where: str, value: Any, check: Check) -> None:  # noqa: ANN401 -- from the file
    expected = check(value)
    if expected:
        raise _bad(path, where, expected)


def _bad(path: Path, where: str, expected: str) -> ConfigError:
    return ConfigError(f"{path}: {where} must be {expected}", did="nothing was changed", hint=f"mend {path}")


def _unknown(path: Path, where: str, known: list[str]) -> ConfigError:
    return ConfigError(
        f"{path}: there is no setting {where[:200]}",
        did="nothing was changed",
        hint=f"settings here: {', '.join(sorted(known))}",
    )


def _load(path: Path) -> Any:  # noqa: ANN401 -- YAML of any shape
    import yaml  # noqa: PLC0415 -- start-up time of commands without a file
    from yamlcore import CCoreLoader  # noqa: PLC0415 -- as above

    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ConfigError(msg, did="nothing was changed", hint=f"check {path}") from error
    if len(data) > MAX_SIZE:
        raise _bad(path, "the file", f"at most {MAX_SIZE} bytes")
    try:
        _bounded(path, data, yaml)
        loader = CCoreLoader(data)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _no_duplicates(path, node, yaml)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        problem = str(getattr(error, "problem", None) or "it is not YAML in UTF-8")
        msg = f"{where}: {problem}"
        raise ConfigError(msg, did="nothing was changed", hint=f"mend {path}") from error


def _bounded(path: Path, data: bytes, yaml: Any) -> None:  # noqa: ANN401 -- the module
    """Depth, anchors and tags are refused on events: a composer of bombs never sees them."""
    depth = 0
    for event in yaml.parse(data, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _bad(path, f"line {event.start_mark.line + 1}", "without anchors and aliases")
        if getattr(event, "tag", None):
            raise _bad(path, f"line {event.start_mark.line + 1}", "without tags")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise _bad(path, f"line {event.start_mark.line + 1}", f"at most {MAX_DEPTH} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _no_duplicates(path: Path, node: Any, yaml: Any) -> None:  # noqa: ANN401 -- nodes and the module
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, item in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _bad(path, f"line {key.start_mark.line + 1}", "a plain key")
            if key.value in seen:
                raise _bad(path, f"line {key.start_mark.line + 1}: {key.value[:200]}", "there only once")
            seen.add(key.value)
            _no_duplicates(path, item, yaml)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _no_duplicates(path, item, yaml)
