"""A program of its own, run inside a pod's network namespace: opens, holds or accepts TCP connections.

    probe.py connect SECONDS ADDRESS PORT [ADDRESS PORT]...
                                            tries all at once; a line for each: open, refused, timeout or unreachable
    probe.py hold ADDRESS PORT              one connection; each line of standard input is one exchange over it,
                                            answered on standard output by alive, reset, closed or silent
    probe.py echo PORT                      sends back what it gets, until standard input ends; prints "listening"

It needs nothing but Python's standard library and says nothing else.
"""

from __future__ import annotations

import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

SILENCE = 1.5  # seconds; the first two retransmissions of a lost segment fall into it


def connect(address: str, port: int, seconds: float) -> str:
    """How a new connection ends."""
    try:
        with socket.create_connection((address, port), timeout=seconds):
            return "open"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "timeout"
    except OSError:
        return "unreachable"


def hold(address: str, port: int) -> None:
    """Keep one connection, and say for each line of standard input whether it still carries something."""
    with socket.create_connection((address, port), timeout=5) as held:
        held.settimeout(SILENCE)
        _say("alive")
        for number, _ in enumerate(sys.stdin):
            _say(_exchange(held, f"{number}\n".encode()))


def _exchange(held: socket.socket, line: bytes) -> str:
    """One line there and back. What comes late from an exchange before it is passed over."""
    try:
        held.sendall(line)
        received = b""
        while not received.endswith(line):
            part = held.recv(1024)
            if not part:
                return "closed"
            received += part
    except TimeoutError:
        return "silent"
    except OSError:
        return "reset"
    return "alive"


def echo(port: int) -> None:
    """Serve until standard input ends."""
    with socket.create_server(("0.0.0.0", port)) as server:  # noqa: S104 - the pod's own network
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        _say("listening")
        sys.stdin.read()


def _accept(server: socket.socket) -> None:
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_return, args=(connection,), daemon=True).start()


def _return(connection: socket.socket) -> None:
    with connection:
        try:
            while part := connection.recv(1024):
                connection.sendall(part)
        except OSError:
            return


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(words: list[str]) -> None:
    if words[0] == "connect":
        ends = list(zip(words[2::2], map(int, words[3::2]), strict=True))
        with ThreadPoolExecutor(len(ends)) as pool:
            for answer in pool.map(lambda end: connect(end[0], end[1], float(words[1])), ends):
                _say(answer)
    elif words[0] == "hold":
        hold(words[1], int(words[2]))
    else:
        echo(int(words[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
