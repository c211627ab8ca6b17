"""The records' time form: UTC, microseconds, `2026-11-21T12:00:00.000000Z`. As text it sorts as time does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EXAMPLE = "2026-11-21T12:00:00.000000Z"


def stamp(moment: datetime) -> str:
    """The text form of an aware moment."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def moment(text: str) -> datetime:
    """The aware moment of a text form. Raises ValueError."""
    if len(text) != len(_EXAMPLE) or text[10] != "T" or text[-1] != "Z":  # fromisoformat takes other forms too
        msg = "no time in the records' form"
        raise ValueError(msg)
    return datetime.fromisoformat(text)


@lru_cache(maxsize=1024)  # a fleet's steps begin at few moments, and all have the same time
def after(text: str, seconds: float) -> str:
    """So many seconds later."""
    return stamp(moment(text) + timedelta(seconds=seconds))


def milliseconds(earlier: str, later: str) -> int:
    """Whole milliseconds from one to the other; negative where the clock went back."""
    return int((moment(later) - moment(earlier)) / timedelta(milliseconds=1))
