"""Which type fits which: the linter may refuse too much nowhere, and allow nothing that cannot run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from irkit.model.base import Json, Model
from irkit.model.refs import AnyRef, ImageRef, NodeRef, PodAddressRef, PodRef, Target
from irkit.playbook.rules.kinds import fields, fits, item, many, words

Short = Annotated[str, Field(max_length=3)]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (str, str),
        (Short, str),
        (str, Short),
        (str | None, str),
        (str, str | None),
        (Short | Literal[""], str),
        (Literal["a"], str),
        (Literal["a"], Literal["a", "b"]),
        (Literal[1], int),
        (PodRef, PodRef | NodeRef),
        (PodRef, Target),
        (Target, AnyRef),
        (PodRef | NodeRef | None, Target),
        (tuple[PodRef, ...], list[PodRef]),
        (list[PodRef], tuple[PodRef | NodeRef, ...]),
        (list[PodRef], tuple[PodRef | None, ...]),
        (dict[str, str], dict[str, str]),
        (PodRef, Json),
        (list[int], Any),
    ],
)
def test_it_fits(given: Any, wanted: Any) -> None:
    assert fits(given, wanted)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (str, int),
        (int, str),
        (bool, int),
        (int, bool),
        (str, Literal["a"]),
        (Literal["a", "b"], Literal["a"]),
        (Literal[1], bool),
        (Literal[True], int),
        (PodRef, NodeRef),
        (PodRef | NodeRef, PodRef),
        (AnyRef, Target),
        (PodRef, list[PodRef]),
        (list[PodRef], PodRef),
        (list[PodRef], list[NodeRef]),
        (list[PodRef | None], list[PodRef]),
        (tuple[PodRef, NodeRef], list[PodRef]),
        (dict[str, str], dict[str, int]),
        (dict[str, str], PodRef),
    ],
)
def test_it_does_not_fit(given: Any, wanted: Any) -> None:
    assert not fits(given, wanted)


def test_a_list_knows_its_items() -> None:
    assert item(list[PodRef]) is PodRef
    assert item(tuple[PodRef, ...] | None) is PodRef
    assert item(many(str)) is str
    assert [item(one) for one in (str, tuple[str, int], list[str] | str, dict[str, str])] == [None] * 4


class Left(Model):
    same: int
    other: str
    mine: str


class Right(Model):
    same: int
    other: int


def test_a_union_has_the_fields_that_all_of_it_has() -> None:
    assert fields(Left | Right) == {"same": int, "other": str | int}
    assert fields(Left | None) == {"same": int, "other": str, "mine": str}
    assert fields(Left | str) == {}
    assert fields(list[Left]) == {}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (PodRef, "a pod"),
        (PodRef | None, "a pod"),
        (Target, "a namespace or a node or a pod or a service account or a workload or an image"),
        (list[ImageRef], "a list of images"),
        (PodAddressRef, "a pod address"),
        (tuple[str, ...], "a list of text"),
        (list[PodRef | NodeRef | None], "a list of pods or nodes"),
        (dict[str, int], "a mapping of names to a whole number"),
        (Literal["soft", "hard"], "soft or hard"),
        (Short | Literal[""], "text or nothing"),
        (bool, "true or false"),
        (type(None), "nothing"),
    ],
)
def test_types_have_an_author_s_names(kind: Any, text: str) -> None:
    assert words(kind) == text
