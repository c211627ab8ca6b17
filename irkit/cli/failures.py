"""The one place where an error becomes text and an exit status."""

from __future__ import annotations

import re
import sys
import traceback

from irkit.cli.context import executable
from irkit.errors import CredentialsExpired, IrkitError, PlaybookError, Refused, Unreachable
from irkit.views.terminal import OWN_WORLD, VERBS, WIDTH, Line, Span, cells, hanging, neutral, paint

_INDENT = 7
_TYPED = re.compile(rf"\birkit (?=({'|'.join(VERBS)})\b)")


def error_lines(error: IrkitError, irkit: str = "irkit") -> list[Line]:
    """What happened to which object; then what irkit did, and what to type next: `irkit` is how it is typed here."""
    refused = "refused: " if isinstance(error, Refused) else ""
    lines = hanging("irkit: ", f"{refused}{error.message}")
    if isinstance(error, PlaybookError):
        for diagnostic in error.diagnostics:
            lines.extend([text] for text in diagnostic.split("\n"))
    hint = _TYPED.sub(lambda found: f"{executable() if found[1] in OWN_WORLD else irkit} ", _hint(error))
    rest = " · ".join(part for part in (error.did, hint) if part)
    parts = [rest] if cells(neutral(rest)) <= WIDTH - _INDENT else [error.did, hint]
    for part in parts:
        lines.extend(hanging(" " * _INDENT, part) if part else ())  # a command in it stays whole: it will be copied
    return lines


def _hint(error: IrkitError) -> str:
    """What to do next. What ends a command for want of a way in or of credentials is worth the same command again."""
    if not isinstance(error, (CredentialsExpired, Unreachable)):
        return error.hint
    first = error.hint or "look at this machine's network (VPN, proxy) and at the server that the kubeconfig names"
    return first if "irkit " in first else f"{first}; then the same command again"


def report_failure(error: Exception, *, debug: bool, colour: bool, irkit: str = "irkit") -> int:
    """Print an error to stderr; gives the exit status. A traceback only with --debug."""
    if debug:
        for text in traceback.format_exception(error):
            sys.stderr.write(paint([[line] for line in text.rstrip("\n").split("\n")], colour=False))
    if isinstance(error, IrkitError):
        lines, status = error_lines(error, irkit), error.exit_status
    else:
        # The type only: a message of another library may hold what came from outside.
        text = f"irkit itself failed: {type(error).__name__}"
        hint = "" if debug else " (use --debug for the traceback)"
        lines, status = [[Span(text + hint, "bad")], [f"{' ' * _INDENT}what stands: {irkit} status"]], 1
    sys.stderr.write(paint(lines, colour=colour))
    sys.stderr.flush()
    return status
