"""What a fault makes of an answer whose request was applied."""

from __future__ import annotations

from typing import Any, Final

import orjson

from irkit.lab.faults import Fault
from irkit.lab.http import Response

GARBAGE: Final = b"\x00\xff<html>not an API</html>"


def spoil(fault: Fault, response: Response) -> Response:
    """The answer after the fault; the same where the fault is not about answers."""
    if fault.kind == "drop_after":
        return Response(response.code, b"", end="drop")
    if fault.kind == "truncate":
        return Response(response.code, response.body, response.content_type, response.headers, "truncate")
    if fault.kind == "garbage":
        return Response(200, GARBAGE)
    if fault.kind == "huge":
        return Response(200, b'{"kind":"Padding","padding":"' + b"a" * fault.size + b'"}')
    if fault.kind == "rewrite":
        return Response(response.code, _rewritten(response.body, fault), headers=response.headers)
    return response


def _rewritten(body: bytes, fault: Fault) -> bytes:
    """The body with one field set or removed; unchanged where a parent is missing."""
    root: dict[str, Any] = {"": orjson.loads(body)}
    parts = [part.replace("~1", "/").replace("~0", "~") for part in fault.at.split("/")]
    holder: Any = root
    for part in parts[:-1]:
        holder = _step(holder, part)
    last: Any = int(parts[-1]) if isinstance(holder, list) else parts[-1]
    if isinstance(holder, dict) and fault.remove:
        holder.pop(last, None)
    elif isinstance(holder, dict) or (isinstance(holder, list) and last < len(holder)):
        holder[last] = fault.value
    return orjson.dumps(root.get(""))


def _step(holder: Any, part: str) -> Any:  # noqa: ANN401 -- JSON of any shape
    if isinstance(holder, list) and part.isdecimal() and int(part) < len(holder):
        return holder[int(part)]
    return holder.get(part) if isinstance(holder, dict) else None
