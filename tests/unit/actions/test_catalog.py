"""The catalog finds every action folder, and says what an unknown name may have meant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from irkit import actions
from irkit.actions.catalog import Catalog
from irkit.errors import UsageError


def test_the_built_in_actions_are_those_of_the_folders() -> None:
    inits = Path(actions.__path__[0]).glob("*/*/__init__.py")
    folders = [path.parent for path in inits if "\nACTION = " in path.read_text()]

    assert list(Catalog.builtin().actions) == sorted(f"{folder.parent.name}.{folder.name}" for folder in folders)
    assert "kube.isolate_pod" in Catalog.builtin().actions


def test_two_catalogs_share_nothing_that_can_be_changed() -> None:
    with pytest.raises(TypeError):
        Catalog.builtin().actions["x"] = None  # type: ignore[index]  # that it cannot be done is the point


def test_an_action_is_imported_when_it_is_asked_for() -> None:
    code = (
        "import sys; from irkit.actions.catalog import Catalog; catalog = Catalog.builtin();"
        "print(catalog.get('kube.label_node').spec.id, catalog.get('kube.nothing'),"
        "*(name in sys.modules for name in ('irkit.actions.kube.label_node', 'irkit.actions.kube.drain_node')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["kube.label_node", "None", "True", "False"]


def test_a_folder_is_named_as_its_action_and_shared_code_is_none() -> None:
    catalog = Catalog.builtin()

    assert [action.spec.id for action in catalog] == list(catalog.actions)
    assert len(catalog) == len(list(catalog))
    assert catalog.get("kube.netpol") is None
    assert "kube.netpol" not in catalog.actions


def test_an_action_is_found_by_its_id() -> None:
    catalog = Catalog.builtin()

    assert catalog.need("kube.label_pod") is catalog.get("kube.label_pod")
    assert catalog.get("kube.nothing") is None
    assert len(Catalog.of(catalog.need("kube.label_pod"))) == 1


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("kube.isolate-pod", "kube.isolate_pod"),
        ("isolate_pod", "kube.isolate_pod"),
        ("kube.lable_pod", "kube.label_pod"),
        ("Kube.Delete_Pod", "kube.delete_pod"),
    ],
)
def test_an_unknown_name_gets_its_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(UsageError) as raised:
        Catalog.builtin().need(wrong)

    assert raised.value.hint.startswith(f"did you mean {meant}")


@pytest.mark.parametrize("wrong", ["zzz", "", "x" * 100_000, "\x1b[2J"])
def test_a_name_like_none_leads_to_the_list_and_is_not_repeated_raw(wrong: str) -> None:
    with pytest.raises(UsageError) as raised:
        Catalog.builtin().need(wrong)

    assert raised.value.hint == "irkit actions list"
    assert "\x1b" not in raised.value.message
    assert len(raised.value.message) < 120


def test_a_catalog_is_in_the_order_of_its_ids_whatever_it_was_made_of() -> None:
    first, *others = Catalog.builtin()

    assert [action.spec.id for action in Catalog.of(*others, first)] == list(Catalog.builtin().actions)


def test_two_actions_of_one_id_are_an_error() -> None:
    action = Catalog.builtin().need("kube.label_pod")

    with pytest.raises(ValueError, match="share an id"):
        Catalog.of(action, action)


def test_no_folder_with_cases_is_left_out() -> None:
    """A package below `kube` without `ACTION` is shared code; one that has cases forgot it."""
    from irkit.actions import kube  # noqa: PLC0415 -- its path is all that is wanted

    folders = {path.parent.name for place in kube.__path__ for path in Path(place).glob("*/cases")}

    assert {f"kube.{name}" for name in folders} <= set(Catalog.builtin().actions)
