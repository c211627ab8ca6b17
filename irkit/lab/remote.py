"""The control plane over HTTP: the listener's side, and the client for other processes."""

from __future__ import annotations

import http.client
import secrets
import threading
from types import TracebackType
from typing import Any, Self

import orjson

from irkit.errors import Unreachable
from irkit.lab.control import METHODS, Control, ControlPlane
from irkit.lab.http import Handler, Request, Response


def handler(control: Control, token: str) -> Handler:
    """POST /METHOD with a JSON object of arguments; answers JSON."""

    def handle(request: Request) -> Response:
        if not secrets.compare_digest(request.headers.get("authorization", ""), f"Bearer {token}"):
            return Response(401, orjson.dumps("the token is in the lab's folder"))
        method = request.target.strip("/")
        if request.method != "POST" or method not in METHODS:
            return Response(404, orjson.dumps("no such method"))
        try:
            found = control.perform(method, orjson.loads(request.body or b"{}"))
        except LookupError as error:
            return Response(404, orjson.dumps(str(error)))
        except (TypeError, ValueError) as error:
            return Response(400, orjson.dumps(str(error)))
        return Response(200, orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS))

    return handle


class LabControl(ControlPlane):
    """The control plane of a lab in another process. Close it, or use it in a `with`.

    Every method raises Unreachable where the lab does not answer.
    """

    def __init__(self, address: str, token: str) -> None:
        self._http = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
        self._token = token
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def _ask(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401 -- see ControlPlane
        headers = {"Authorization": f"Bearer {self._token}"}
        with self._lock:
            try:
                self._http.request("POST", f"/{method}", orjson.dumps(arguments), headers)
                answer = self._http.getresponse()
                status, body = answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._http.close()
                msg = f"the lab's control plane does not answer: {type(error).__name__}"
                raise Unreachable(msg, hint="irkit lab status") from error
        found = orjson.loads(body)
        if status == 404:  # noqa: PLR2004 -- HTTP
            raise LookupError(found)
        if status != 200:  # noqa: PLR2004 -- HTTP
            raise ValueError(found)
        return found
