"""Who else holds what several cases may hold."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from irkit.actions.catalog import Catalog
from irkit.actions.kube.labelling import other_holder
from tests.support.action_shop import NODE

OURS, OTHER, THIRD = "IR-20261121-k7f2", "IR-20261101-abcd", "IR-20261102-efgh"


@pytest.mark.parametrize(
    ("labels", "holder"),
    [
        ({}, ""),
        ({"irkit.dev/case": OURS}, ""),
        ({"irkit.dev/case": OTHER}, OTHER),
        ({f"held.irkit.dev/{OURS}": "true"}, ""),
        ({"irkit.dev/case": OURS, f"held.irkit.dev/{OTHER}": "true"}, OTHER),
        ({"irkit.dev/case": OTHER, f"held.irkit.dev/{OURS}": "true"}, OTHER),
        ({f"held.irkit.dev/{THIRD}": "true", f"held.irkit.dev/{OTHER}": "true"}, OTHER),
        ({f"held.irkit.dev/{OTHER}": "whatever"}, OTHER),  # a node is not opened because somebody changed a value
        ({"held.irkit.dev/nobody": "true"}, ""),
        ({f"elsewhere.dev/{OTHER}": "true"}, ""),
    ],
)
def test_another_case_that_holds_it(labels: dict[str, str], holder: str) -> None:
    assert other_holder(labels, OURS) == holder


@pytest.mark.parametrize("key", ["irkit.dev/case", f"held.irkit.dev/{OTHER}"])
def test_nobody_adds_irkits_own_labels_by_hand(key: str) -> None:
    with pytest.raises(ValidationError, match="irkit's own"):
        Catalog.builtin().need("kube.label_node").spec.params.parse({"node": NODE.dump(), "labels": {key: "x"}})
