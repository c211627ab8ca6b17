"""The one place that reads this machine's clock, and says who and where we are."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime

from irkit.model.records import Who
from irkit.model.times import stamp


def now() -> str:
    """Now, in the records' form."""
    return stamp(datetime.now(UTC))


def who(operator: str) -> Who:
    """This process, acting for the operator. Nothing here proves the name."""
    return Who(operator=operator, host=socket.gethostname()[:255], pid=os.getpid())


def login() -> str:
    """The login name of this process's user, or its number where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
