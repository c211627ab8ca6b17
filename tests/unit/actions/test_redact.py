"""Secrets leave objects before these become evidence; names, shapes and equality stay."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irkit.actions.kube.redact import hide, redact, scrub
from irkit.errors import Malformed

CANARY = "s3cr3t-canary-9f"
SHA = hashlib.sha256(CANARY.encode()).hexdigest()


def container(**more: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"initContainers": [{"name": "a", **more}]}}}}


@pytest.mark.parametrize(
    "value",
    [
        container(env=[{"name": "HOME", "value": CANARY}]),
        container(env=[{"name": "N", "value": {"odd": CANARY}}]),
        container(livenessProbe={"httpGet": {"httpHeaders": [{"name": "X", "value": CANARY}]}}),
        container(args=["--password", CANARY]),
        container(args=[f"--db-password={CANARY} with blanks"]),
        container(command=["sh", "-c", f"mysql --password={CANARY} -e x"]),
        container(command=["sh", "-c", f"run --token  {CANARY} -e x"]),
        container(command=["sh", "-c", f"API_KEY='{CANARY}' run"]),
        container(command=["curl", "-H", f"Authorization: Bearer {CANARY}"]),
        container(args=[f"postgres://shop:{CANARY}@db/shop"]),
        container(lifecycle={"preStop": {"exec": {"command": ["x", f"--api-key={CANARY}"]}}}),
        {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": f'{{"x":"{CANARY}"}}'}}},
        {"metadata": {"annotations": {"example.com/db-password": CANARY}}},
        {"metadata": {"annotations": {"note": f"login with token={CANARY}"}}},
        {"spec": {"volumes": [{"csi": {"volumeAttributes": {"authKey": CANARY}}}]}},
        {"message": f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----"},
        {"message": f"-----BEGIN PRIVATE KEY-----\n{CANARY}"},
        {"message": f"eyJhbGciOiJub25lIn0.{CANARY}.sig"},
    ],
)
def test_a_secret_is_nowhere_in_what_is_left(value: Any) -> None:
    assert CANARY in json.dumps(value)  # the control: it was there

    assert CANARY not in json.dumps(redact(value))


def test_names_and_references_stay() -> None:
    value = container(
        env=[
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db-secret", "key": "password"}}},
            {"name": "EMPTY", "value": ""},
        ],
        envFrom=[{"secretRef": {"name": "tokens"}}],
        image="registry.example/secret-app:1.2",
        args=["--port=80", "serve", "--token-file", "-v"],
    )
    value["spec"]["volumes"] = [{"secret": {"secretName": "web-token-x7k2p"}}]
    expected = json.loads(json.dumps(value))
    expected["spec"]["template"]["spec"]["initContainers"][0]["args"][3] = hide("-v")

    assert redact(value) == expected


def test_equal_values_stay_equal_and_a_known_value_can_be_recognised() -> None:
    value = redact(
        {"env": [{"name": "A", "value": CANARY}, {"name": "B", "value": CANARY}, {"name": "C", "value": "x"}]}
    )

    shown = [one["value"] for one in value["env"]]
    assert shown == [f"[redacted sha256={SHA} length={len(CANARY)}]"] * 2 + [hide("x")]
    assert shown[2] != shown[0]


def test_ordinary_text_is_left_as_it_is() -> None:
    for text in ["Pulled image web:1", "secret not found", "a=b", "https://example.com/a?b=c", "auth: on", ""]:
        assert scrub(text) == text


def test_what_was_given_is_not_changed() -> None:
    value = container(env=[{"name": "A", "value": CANARY}])
    before = json.dumps(value)

    redact(value)

    assert json.dumps(value) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["env", "args", "annotations", "name", "value", "x"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(value=JSON)
def test_any_json_keeps_its_shape(value: Any) -> None:
    assert _shape(redact(value)) == _shape(value)


def _shape(value: Any, *, hidden: bool = False) -> Any:
    if hidden:
        return "hidden"
    if isinstance(value, dict):
        return {key: _shape(item, hidden=key == "value") for key, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return type(value).__name__


@pytest.mark.parametrize("depth", [101, 900])
def test_nesting_beyond_any_real_object_is_malformed(depth: int) -> None:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": [value]}

    with pytest.raises(Malformed, match="nested"):
        redact(value)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["secret", "eyJ-", "://a:", "-----BEGIN PRIVATE KEY", " --a", "a ", "token=", "xoxb-"])
def test_hostile_text_of_an_annotations_largest_size_is_scrubbed(unit: str) -> None:
    """Quadratic time would be minutes at 256 KiB: the suite's time limit is the assertion."""
    text = (unit * 262_144)[:262_144]

    assert len(scrub(text)) > 0
