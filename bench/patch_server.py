"""A stub API server for the benchmark: answers every request with the same pod, so many milliseconds later.

Usage: python -m bench.patch_server MILLISECONDS [tls]. Prints {"url", "ca"}; ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import sys

from irkit.lab import certs

POD = (
    b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"shop","uid":"u-1","resourceVersion":"7",'
    b'"annotations":{"filler":"' + b"x" * 9000 + b'"}}}'
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAudit-Id: a\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
    b"Content-Length: %d\r\n\r\n" % len(POD)
) + POD


class Answering(asyncio.Protocol):
    """One connection. Requests are small and come one at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a whole request, later."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0] or 0)
        if len(body) >= length:
            self._buffer = body[length:]
            asyncio.get_running_loop().call_later(self._seconds, self._transport.write, ANSWER)  # type: ignore[attr-defined] # a stream transport


async def main(arguments: list[str]) -> None:
    """Serve until standard input ends."""
    tls, ca = certs.make() if "tls" in arguments else (None, "")
    loop = asyncio.get_running_loop()
    seconds = float(arguments[0]) / 1000
    server = await loop.create_server(lambda: Answering(seconds), "127.0.0.1", 0, ssl=tls, backlog=256)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"{'https' if tls else 'http'}://127.0.0.1:{port}", "ca": ca}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
