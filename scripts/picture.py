"""Draws docs/images/drill.svg: what `make drill` shows in a terminal of 80 columns.

Drawn anew when the drill's words change; its times differ with each run, so nobody checks it.
"""

from __future__ import annotations

import fcntl
import io
import itertools
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "drill.svg"
BOOK = "compromised-pod"
COLUMNS = 80
DRAWN_ANEW = re.compile(r"[^\n\r]*[\u2800-\u28ff][^\n\r]*\r")  # the line that moves, until it is written over
FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # it would be fetched from another host


def main() -> int:
    """Run the drill and draw it. Gives its exit status."""
    with tempfile.TemporaryDirectory() as state:
        screen, status = _watched([sys.executable, "-m", "irkit", "drill", "run", BOOK], state)
    if status == 0:
        PICTURE.write_text(_drawn(_public(screen, state)), "utf-8")
    return status


def _public(screen: str, folder: str) -> str:
    """What comes before the report, which is in a folder of this machine; without the line that is drawn anew."""
    lines = DRAWN_ANEW.sub("", screen).split("\n")
    return "\n".join(itertools.takewhile(lambda line: folder not in line and "Report of" not in line, lines)).rstrip()


def _watched(command: list[str], state: str) -> tuple[str, int]:
    """What a terminal is sent by a command, and its exit status."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
    environment |= {"TERM": "xterm-256color", "IRKIT_STATE": state}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        sent = bytearray()
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how Linux says that nobody has the other end any more
                break
            sent += part
        os.close(ours)
    return sent.decode(errors="replace").replace("\r\n", "\n"), process.returncode


def _drawn(screen: str) -> str:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(Text("$ make drill"))
    console.print(Text.from_ansi(screen))
    return FONT.sub("", console.export_svg(title=f"irkit drill run {BOOK}", unique_id="drill"))


if __name__ == "__main__":
    sys.exit(main())
