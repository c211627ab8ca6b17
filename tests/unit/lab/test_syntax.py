"""Names, keys and values at their limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from irkit.lab import syntax


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (syntax.subdomain_fault, ["a", "a-b.c", "0.0", "x" * 63 + "." + "y" * 189]),
        (syntax.label_fault, ["a", "a-b", "0", "x" * 63]),
        (syntax.key_fault, ["a", "A_b.c", "irkit.dev/case", "x" * 253 + "/" + "y" * 63]),
        (syntax.value_fault, ["", "a", "A_b.c", "IR-1", "x" * 63]),
        (syntax.port_name_fault, ["http", "a-1", "x" * 15]),
    ],
)
def test_what_is_allowed(check: Callable[[str], str], good: list[str]) -> None:
    assert [check(text) for text in good] == [""] * len(good)


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        (syntax.subdomain_fault, ["", "A", "-a", "a-", "a..b", "a/b", "x" * 254, "é"]),
        (syntax.label_fault, ["", "A", "-a", "a.b", "x" * 64]),
        (syntax.key_fault, ["", "/a", "a/", "A.dev/x", "a/b/c", "x" * 64, "_a", "a b", "\u00b2"]),
        (syntax.value_fault, ["-a", "a_", "a b", "x" * 64, "é", "a\n"]),
        (syntax.port_name_fault, ["", "80", "a--b", "-a", "a-", "A", "x" * 16]),
    ],
)
def test_what_is_not(check: Callable[[str], str], bad: list[str]) -> None:
    assert all(check(text) for text in bad)


def test_networks() -> None:
    assert str(syntax.network("10.1.2.3/8")) == "10.0.0.0/8"
    assert str(syntax.network("2001:db8::/32")) == "2001:db8::/32"
    assert [syntax.network(text) for text in ("10.0.0.0", "10.0.0.0/33", "x/8", "")] == [None] * 4
