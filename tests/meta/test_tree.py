"""What may be in the repository at all: no machine's traces, no secrets, no files too long to read."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IGNORED = {".git", ".venv", "__pycache__", "build", "dist"}

# Written in pieces, so that this file passes its own test.
FORBIDDEN = {
    "a package registry's host": r"(?i)\b(py"
    r"pi\.org|python"
    r"hosted\.org|npm"
    r"js\.(org|com)|crates"
    r"\.io"
    r"|proxy\.go"
    r"lang\.org|maven\."
    r"org/maven|deb\."
    r"debian\.org)",
    "a package index option": r"--(extra-)?index" r"-url|--find" r"-links[ =]/|--trusted" r"-host",
    "a path of one machine": r"(?<![\w.*}/-])/(work|root|home/\w+|Users/\w+|opt/wheels)" r"/",
    "an e-mail address": r"(?<![\w/:@])[a-zA-Z][\w.+-]*"
    r"@(?!example\.)[a-z0-9-]+(\.[a-z0-9-]+)*\.(com|org|net|io|dev|edu|gov|de)\b",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE" r" KEY-----\s*\n[A-Za-z0-9+/=\s]{40}",
    "an AWS access key id": r"\b(AKIA|ASIA)(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b",
}
MAX_BYTES = 400_000
MAX_LINES = 350
LONGER = {
    "irkit/model/records.py": (400, "every kind of record in one place: they freeze together"),
    "irkit/engine/perform.py": (400, "the one impure loop, read from top to bottom"),
}


def tracked() -> list[Path]:
    """What git holds or would take; without git (an unpacked archive), what is there."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if not any(part in IGNORED or part.endswith("_cache") for part in path.relative_to(ROOT).parts)
        ]
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def found_in(text: str) -> list[str]:
    """What of the forbidden is in a text."""
    return [what for what, pattern in FORBIDDEN.items() if re.search(pattern, text)]


def test_no_file_holds_a_machine_s_traces_or_a_secret() -> None:
    found = {}
    for path in tracked():
        text = path.read_bytes().decode(errors="replace")
        if what := found_in(text):
            found[str(path.relative_to(ROOT))] = what
    assert found == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("see https://py" + "pi.org/simple", "a package registry's host"),
        ("aiohttp==1 \\\n    --index" + "-url=x", "a package index option"),
        ("# via -r /ho" + "me/alice/irkit/requirements.in", "a path of one machine"),
        ('open("/ro' + 'ot/.kube/config")', "a path of one machine"),
        ("mail alice@" + "corp.com", "an e-mail address"),
        ("-----BEGIN EC PRIVATE" + " KEY-----\n" + "A" * 64, "a private key"),
        ("aws_access_key_id = AKIA" + "ABCDEFGHIJKLMNOP", "an AWS access key id"),
    ],
)
def test_each_forbidden_thing_is_recognised(text: str, what: str) -> None:
    assert found_in(text) == [what]


@pytest.mark.parametrize(
    "text",
    [
        "https://${HOST}/home",
        "/proc/1/root/etc/passwd",
        "arn:aws:iam::111122223333:role/work/x",
        "alice@example.com",
        "system:serviceaccount:shop:web",
        "uses: actions/checkout@v4.io-x",
        "AKIAIOSFODNN7EXAMPLE",
    ],
)
def test_ordinary_text_is_not_taken_for_it(text: str) -> None:
    assert found_in(text) == []


def test_no_file_is_too_large_to_review() -> None:
    large = {str(p.relative_to(ROOT)): p.stat().st_size for p in tracked() if p.stat().st_size > MAX_BYTES}
    assert large == {}


def test_no_source_file_is_too_long_to_read_in_one_sitting() -> None:
    long = {}
    for path in tracked():
        name = str(path.relative_to(ROOT))
        if path.suffix != ".py" or name.startswith("tests/"):
            continue
        limit = LONGER.get(name, (MAX_LINES, ""))[0]
        if (lines := len(path.read_text().splitlines())) > limit:
            long[name] = f"{lines} lines, {limit} may be"
    assert long == {}


def test_a_file_that_became_short_is_no_exception_any_more() -> None:
    needless = [name for name in LONGER if len((ROOT / name).read_text().splitlines()) <= MAX_LINES]
    assert needless == []
