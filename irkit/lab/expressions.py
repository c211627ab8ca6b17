"""The CEL expressions of admission policies: CEL's standard library, and none of what Kubernetes adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

Doc = dict[str, Any]
VARIABLES: Final = ("object", "oldObject", "request", "params", "namespaceObject", "variables")


def evaluate(text: str, known: Doc) -> tuple[Any, str]:
    """The value of an expression, or why it has none."""
    try:
        found = program(text).eval(data=known)
    except RuntimeError as error:
        return None, str(error)
    if str(found.type()) == "ERROR":
        return None, str(found.value())
    return found.plain_value(), ""


@lru_cache(256)
def program(text: str) -> Any:  # noqa: ANN401 -- the library's own class
    """Compiled. Raises RuntimeError."""
    from cel_expr_python import cel  # noqa: PLC0415 -- 50 MB that most labs never need

    return cel.NewEnv(variables=dict.fromkeys(VARIABLES, cel.Type.DYN)).compile(text)


def expressions(spec: Doc) -> Iterator[tuple[str, str]]:
    """Every expression of a policy, with its path."""
    for part in ("matchConditions", "variables", "validations", "auditAnnotations"):
        for index, one in enumerate(spec.get(part, ())):
            for key in ("expression", "messageExpression", "valueExpression"):
                if key in one:
                    yield f"spec.{part}[{index}].{key}", one[key]
