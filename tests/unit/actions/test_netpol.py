"""The union of policies, against a second reading of the documentation that shares no code with it.

The oracle walks raw API objects, every policy against every tuple of a connection, and knows nothing of `Policy`.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from irkit.actions.kube.netpol import Address, Crowd, Pod, Policy, Selector, in_words, openings, permits
from irkit.errors import Malformed
from irkit.model.doc import Doc

Raw = dict[str, Any]

# -- what is generated: few values, so that things meet ---------------------------------------------------

KEYS = st.sampled_from(["app", "tier", "kubernetes.io/metadata.name"])
VALUES = st.sampled_from(["web", "cart", "shop", ""])
LABELS = st.dictionaries(KEYS, VALUES, max_size=2)
EXPRESSIONS = st.builds(
    lambda key, operator, values: {"key": key, "operator": operator}
    | ({"values": values} if operator in {"In", "NotIn"} else {}),
    KEYS, st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"]), st.lists(VALUES, min_size=1, max_size=3),
)  # fmt: skip
SELECTORS = st.fixed_dictionaries(
    {}, optional={"matchLabels": LABELS, "matchExpressions": st.lists(EXPRESSIONS, max_size=2)}
)
CIDRS = st.sampled_from(
    ["0.0.0.0/0", "10.0.0.0/24", "10.0.0.64/26", "10.0.0.70/32", "::/0", "fd00::/64", "203.0.113.0/24"]
)
BLOCKS = st.fixed_dictionaries({"cidr": CIDRS}, optional={"except": st.lists(CIDRS, max_size=2)})
PEERS = st.one_of(
    st.builds(lambda block: {"ipBlock": block}, BLOCKS),
    st.builds(lambda pods: {"podSelector": pods}, SELECTORS),
    st.builds(lambda spaces: {"namespaceSelector": spaces}, SELECTORS),
    st.builds(lambda pods, spaces: {"podSelector": pods, "namespaceSelector": spaces}, SELECTORS, SELECTORS),
)
PROTOCOLS = st.sampled_from(["TCP", "UDP", "SCTP"])
PORTS = st.one_of(
    st.fixed_dictionaries({}, optional={"protocol": PROTOCOLS, "port": st.sampled_from([53, 80, 8080, "http", "dns"])}),
    st.fixed_dictionaries(
        {"port": st.just(80), "endPort": st.sampled_from([80, 8079, 8080])}, optional={"protocol": PROTOCOLS}
    ),
)


def rules(side: str) -> st.SearchStrategy[Any]:
    rule = st.fixed_dictionaries({}, optional={side: st.lists(PEERS, max_size=2), "ports": st.lists(PORTS, max_size=2)})
    return st.lists(rule, max_size=2)


SPECS = st.fixed_dictionaries(
    {"podSelector": SELECTORS},
    optional={
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"], []]),
        "ingress": rules("from"),
        "egress": rules("to"),
    },
)
SPACES = ("shop", "cart", "blank")
POLICIES = st.lists(st.tuples(st.sampled_from(SPACES), SPECS), max_size=4)


def labels_of(namespace: str) -> st.SearchStrategy[dict[str, str]]:
    return LABELS.map(lambda labels: {**labels, "kubernetes.io/metadata.name": namespace})


NAMESPACES = st.fixed_dictionaries({name: labels_of(name) for name in SPACES})
IPS = st.sampled_from(["10.0.0.5", "10.0.0.70", "10.0.1.9", "fd00::7"])
PODS = st.fixed_dictionaries(
    {
        "namespace": st.sampled_from(SPACES), "name": st.sampled_from(["a", "b"]), "labels": LABELS, "ip": IPS,
        "node": st.sampled_from(["n-1", "n-2"]), "host": st.sampled_from([False, False, False, True]),
        "ports": st.lists(st.sampled_from([("http", "TCP", 8080), ("http", "UDP", 80), ("dns", "UDP", 53)]), max_size=2),
    }
)  # fmt: skip
OUTSIDE = st.fixed_dictionaries(
    {"ip": st.sampled_from(["203.0.113.9", "10.0.0.70", "fd00::9"]), "node": st.sampled_from(["", "n-1"])}
)
ENDS = st.one_of(PODS, OUTSIDE)


def policy(name: str, spec: Raw, namespace: str = "shop") -> Policy:
    return Policy.read(
        Doc({"metadata": {"name": name, "namespace": namespace, "uid": f"u-{name}"}, "spec": spec}, "a policy")
    )


def end(raw: Raw) -> Pod | Address:
    """Through the reader of the API's objects where it is a pod."""
    if "name" not in raw:
        return Address(raw["ip"], raw["node"])
    ports = [{"name": name, "protocol": protocol, "containerPort": port} for name, protocol, port in raw["ports"]]
    return Pod.read(
        Doc(
            {
                "metadata": {"name": raw["name"], "namespace": raw["namespace"], "labels": raw["labels"]},
                "spec": {"nodeName": raw["node"], "hostNetwork": raw["host"], "containers": [{"ports": ports}]},
                "status": {"podIP": raw["ip"]},
            },
            "a pod",
        )
    )


# -- the oracle ---------------------------------------------------------------------------------------------


def selects(selector: Raw, labels: dict[str, str]) -> bool:
    """Word for word from the API reference of LabelSelector."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for one in selector.get("matchExpressions", []):
        key, operator = one["key"], one["operator"]
        if operator == "In" and labels.get(key) not in one["values"]:
            return False
        if operator == "NotIn" and key in labels and labels[key] in one["values"]:
            return False
        if operator == "Exists" and key not in labels:
            return False
        if operator == "DoesNotExist" and key in labels:
            return False
    return True


def inside(cidr: str, ip: str) -> bool:
    """By bits, not by the library's `in`."""
    net, address = ipaddress.ip_network(cidr), ipaddress.ip_address(ip)
    if net.version != address.version:
        return False
    shift = net.max_prefixlen - net.prefixlen
    return int(net.network_address) >> shift == int(address) >> shift


def is_pod(raw: Raw) -> bool:
    return "name" in raw and not raw["host"]


def oracle(  # noqa: PLR0912, PLR0917 -- one walk over everything, on purpose
    src: Raw, dst: Raw, port: int, protocol: str, policies: list[tuple[str, Raw]], spaces: Raw
) -> bool:
    if is_pod(src) and src == dst:
        return True
    if not (is_pod(src) and is_pod(dst)) and src["node"] and src["node"] == dst["node"]:
        return True
    for direction, side, subject, peer in (("Egress", "to", src, dst), ("Ingress", "from", dst, src)):
        if not is_pod(subject):
            continue
        governed = allowed = False
        for namespace, spec in policies:
            types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
            if namespace != subject["namespace"] or direction not in types:
                continue
            if not selects(spec["podSelector"], subject["labels"]):
                continue
            governed = True
            for rule in spec.get(direction.lower()) or []:
                peers = rule.get(side) or []
                right_peer = not peers
                for one in peers:
                    if "ipBlock" in one:
                        block = one["ipBlock"]
                        hole = False
                        for cidr in block.get("except", []):
                            hole = hole or inside(cidr, peer["ip"])
                        right_peer = right_peer or (inside(block["cidr"], peer["ip"]) and not hole)
                        continue
                    if not is_pod(peer):
                        continue
                    if "namespaceSelector" in one:
                        there = selects(one["namespaceSelector"], spaces[peer["namespace"]])
                    else:
                        there = peer["namespace"] == namespace
                    right_peer = right_peer or (there and selects(one.get("podSelector", {}), peer["labels"]))
                listed = rule.get("ports") or []
                right_port = not listed
                for one in listed:
                    if one.get("protocol", "TCP") != protocol:
                        continue
                    wanted = one.get("port")
                    if wanted is None:
                        right_port = True
                    elif isinstance(wanted, str):
                        right_port = right_port or (
                            is_pod(dst) and (wanted, protocol, port) in map(tuple, dst["ports"])
                        )
                    else:
                        right_port = right_port or wanted <= port <= one.get("endPort", wanted)
                allowed = allowed or (right_peer and right_port)
        if governed and not allowed:
            return False
    return True


HOST_PORTS: list[Any] = [("http", "TCP", 8080)]
A_POD: Raw = {
    "namespace": "shop",
    "name": "a",
    "labels": {},
    "ip": "10.0.0.5",
    "node": "n-1",
    "host": False,
    "ports": [],
}


@given(
    src=ENDS,
    dst=ENDS,
    port=st.sampled_from([53, 80, 8079, 8080]),
    protocol=PROTOCOLS,
    policies=POLICIES,
    spaces=NAMESPACES,
)
@example(
    src={**A_POD, "name": "b"}, dst={**A_POD, "host": True, "ports": HOST_PORTS, "node": "n-2"}, port=8080, protocol="TCP",
    policies=[("shop", {"podSelector": {}, "egress": [{"ports": [{"port": "http"}]}]})],
    spaces={name: {} for name in SPACES},
)  # fmt: skip
def test_a_connection_passes_exactly_where_the_documentation_says(  # noqa: PLR0917 -- a connection has this many parts
    src: Raw, dst: Raw, port: int, protocol: str, policies: list[tuple[str, Raw]], spaces: Raw
) -> None:
    known = [policy(f"p{number}", spec, namespace) for number, (namespace, spec) in enumerate(policies)]

    assert permits(end(src), end(dst), port, protocol, known, spaces) == oracle(
        src, dst, port, protocol, policies, spaces
    )


@given(policies=POLICIES, subject=PODS, others=st.lists(PODS, max_size=4), spaces=NAMESPACES, outside=OUTSIDE)
def test_a_pod_without_openings_under_a_deny_all_reaches_nobody_and_one_with_a_counted_peer_is_open(
    policies: list[tuple[str, Raw]], subject: Raw, others: list[Raw], spaces: Raw, outside: Raw
) -> None:
    """What `openings` says must be what `permits` does, in both directions, for every port that can matter."""
    subject = {**subject, "host": False, "name": "target", "node": "n-9"}
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    known = [policy(f"p{number}", spec, namespace) for number, (namespace, spec) in enumerate(policies)]
    known.append(policy("deny", deny, subject["namespace"]))
    target, ends = end(subject), [end(one) for one in (*others, outside)]
    assert isinstance(target, Pod)

    found = openings(target, known, [Crowd(one for one in ends if isinstance(one, Pod))], spaces)

    for side in ("ingress", "egress"):
        if not [one for one in found if one.direction == side]:
            for other in ends:
                src, dst = (other, target) if side == "ingress" else (target, other)
                for at in (53, 80, 8080):
                    assert not permits(src, dst, at, "TCP", known, spaces)
    for one in found:
        assert one.policy != "deny"


@given(selector=SELECTORS, labels=LABELS)
def test_a_selector_matches_as_the_documentation_says(selector: Raw, labels: dict[str, str]) -> None:
    assert Selector.read(Doc(selector, "a selector")).matches(labels) == selects(selector, labels)


# -- single things that a property may not hit ----------------------------------------------------------------

TARGET = Pod(namespace="shop", name="web-1", labels=(("app", "web"),), ips=("10.0.0.5",), node="n-1")
FRONT = Pod(namespace="shop", name="front-1", labels=(("app", "front"),), ips=("10.0.0.6",), node="n-2")
SPACE_LABELS = {"shop": {"kubernetes.io/metadata.name": "shop"}, "cart": {"team": "blue"}}


def passes(spec: Raw, src: Pod | Address = FRONT, port: int = 8080, protocol: str = "TCP") -> bool:
    return permits(src, TARGET, port, protocol, [policy("p", spec)], SPACE_LABELS)


@pytest.mark.parametrize(
    ("ingress", "passing"),
    [
        ({"ingress": [{}]}, True),
        ({"ingress": []}, False),
        ({}, False),
        ({"ingress": None}, False),
        ({"ingress": [{"from": []}]}, True),
        ({"ingress": [{"from": None, "ports": []}]}, True),
        ({"ingress": [{"from": [{"podSelector": {}}]}]}, True),
        ({"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "back"}}}]}]}, False),
        ({"ingress": [{"ports": [{"port": 8080}]}]}, True),
        ({"ingress": [{"ports": [{"port": 8080, "protocol": "UDP"}]}]}, False),
        ({"ingress": [{"ports": [{}]}]}, True),
        ({"ingress": [{"ports": [{"protocol": "UDP"}]}]}, False),
        ({"ingress": [{"ports": [{"port": 8000, "endPort": 8080}]}]}, True),
        ({"ingress": [{"ports": [{"port": 8000, "endPort": 8079}]}]}, False),
        ({"policyTypes": ["Egress"]}, True),
        ({"policyTypes": ["Egress"], "ingress": [{"ports": [{"port": 1}]}]}, True),
    ],
)
def test_empty_and_missing_fields(ingress: Raw, passing: bool) -> None:
    assert passes({"podSelector": {"matchLabels": {"app": "web"}}, **ingress}) is passing


def test_a_named_port_is_the_destinations_own_and_of_its_protocol() -> None:
    spec = {"podSelector": {}, "ingress": [{"ports": [{"port": "http"}]}]}
    served = Pod(namespace="shop", name="web-1", ips=("10.0.0.5",), ports=(("http", "TCP", 8080),))
    known = [policy("p", spec)]

    assert permits(FRONT, served, 8080, "TCP", known, SPACE_LABELS)
    assert not permits(FRONT, served, 8081, "TCP", known, SPACE_LABELS)
    assert not permits(FRONT, TARGET, 8080, "TCP", known, SPACE_LABELS)


def test_a_sidecars_named_port_counts_and_an_init_containers_does_not() -> None:
    port = {"ports": [{"name": "http", "containerPort": 80}]}
    spec = {"initContainers": [{"restartPolicy": "Always", **port}, {"ports": [{"name": "once", "containerPort": 81}]}]}

    read = Pod.read(Doc({"metadata": {"name": "a", "namespace": "shop"}, "spec": spec}, "a pod"))

    assert read.ports == (("http", "TCP", 80),)


def test_the_own_node_always_gets_in_and_another_does_not() -> None:
    deny: Raw = {"podSelector": {}}

    assert passes(deny, Address("10.0.9.1", "n-1"))
    assert not passes(deny, Address("10.0.9.2", "n-2"))
    assert passes(deny, TARGET)


def test_a_block_that_cannot_be_read_is_open() -> None:
    assert passes({"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "ten/8"}}]}]})
    assert passes({"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["x"]}}]}]})


@pytest.mark.parametrize(
    ("ip", "passing"),
    [("10.0.0.9", True), ("10.0.0.65", False), ("10.0.0.130", False), ("10.0.1.1", False), ("fd00::1", False)],
)
def test_the_holes_of_a_block_are_closed(ip: str, passing: bool) -> None:
    block = {"cidr": "10.0.0.0/24", "except": ["10.0.0.64/26", "10.0.0.128/25"]}

    assert passes({"podSelector": {}, "ingress": [{"from": [{"ipBlock": block}]}]}, Address(ip)) is passing


def test_host_bits_of_a_block_do_not_matter() -> None:
    assert passes({"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.9/24"}}]}]})


def test_both_sides_must_allow() -> None:
    sealed = policy("sealed", {"podSelector": {"matchLabels": {"app": "front"}}, "policyTypes": ["Egress"]})

    assert not permits(
        FRONT, TARGET, 80, "TCP", [sealed, policy("p", {"podSelector": {}, "ingress": [{}]})], SPACE_LABELS
    )


# -- words ------------------------------------------------------------------------------------------------------

PODS_NOW = (TARGET, FRONT, Pod(namespace="cart", name="c", labels=(("app", "front"),), ips=("10.0.1.1",)))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "front"}}}], "ports": [{"port": 8080}]}]},
            "allow-web: ingress from namespace shop pods app=front on 8080/TCP (1 pod now)",
        ),
        (
            {"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "ghost"}}}]}]},
            "allow-web: ingress from namespace shop pods app=ghost on any port (nobody now)",
        ),
        ({"ingress": [{}]}, "allow-web: ingress from anywhere on any port"),
        (
            {"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "ports": [{"port": 53, "protocol": "UDP"}, {"port": "http"}]}], "policyTypes": ["Egress"]},
            "allow-web: egress to 10.0.0.0/8 except 10.1.0.0/16 on 53/UDP or http/TCP",
        ),
        (
            {"ingress": [{"from": [{"namespaceSelector": {}}], "ports": [{"port": 1, "endPort": 9}, {"protocol": "SCTP"}]}]},
            "allow-web: ingress from all pods of any namespace on 1-9/TCP or any SCTP port (2 pods now)",
        ),
        (
            {"ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "cart"}}, "podSelector": {}}]}]},
            "allow-web: ingress from all pods of namespace cart on any port (1 pod now)",
        ),
        (
            {"ingress": [{"from": [{"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a", "b", "c", "d"]}, {"key": "x", "operator": "DoesNotExist"}, {"key": "y", "operator": "Exists"}]}}]}]},
            "allow-web: ingress from all pods of namespaces team!=a|b|c|…,!x,y on any port (2 pods now)",
        ),
    ],
)  # fmt: skip
def test_an_opening_in_words(spec: Raw, words: str) -> None:
    spaces = {"shop": {"y": ""}, "cart": {"y": ""}}

    found = openings(TARGET, [policy("allow-web", {"podSelector": {}, **spec})], [Crowd(PODS_NOW)], spaces)

    assert in_words(found) == (words,)


def test_a_count_is_that_of_the_policy_s_own_namespace_and_of_the_namespaces_labels() -> None:
    """Several targets ask the same pods about equal rules."""
    crowds = [Crowd([TARGET, FRONT]), Crowd([PODS_NOW[2]])]
    near: Raw = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}
    wide: Raw = {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"y": ""}}}]}]}

    def count(pod: Pod, spec: Raw, spaces: dict[str, dict[str, str]]) -> int | None:
        (found,) = openings(pod, [policy("allow", spec, pod.namespace)], crowds, spaces)
        return found.pods

    assert [count(one, near, {}) for one in (TARGET, PODS_NOW[2])] == [1, 0]
    assert [count(TARGET, wide, spaces) for spaces in ({}, {"shop": {"y": ""}}, {"cart": {"y": ""}})] == [0, 1, 1]


def test_what_is_no_label_is_not_repeated() -> None:
    evil = "\x1b[31m;rm -rf"
    spec = {
        "podSelector": {},
        "ingress": [{"from": [{"podSelector": {"matchLabels": {evil: evil}}}], "ports": [{"port": evil}]}],
    }

    text = " ".join(in_words(openings(TARGET, [policy("allow", spec)])))

    assert text == "allow: ingress from namespace shop pods …=… on …/TCP"


def test_peers_that_were_not_counted_have_no_count() -> None:
    spec: Raw = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}

    assert in_words(openings(TARGET, [policy("p", spec)])) == (
        "p: ingress from all pods of namespace shop on any port",
    )


def test_many_openings_are_counted_and_five_are_named() -> None:
    found = openings(TARGET, [policy(f"p{index}", {"podSelector": {}, "ingress": [{}]}) for index in range(7)])

    assert in_words(found) == (
        *(f"p{index}: ingress from anywhere on any port" for index in range(5)),
        "2 more openings",
    )


def test_many_peers_of_a_rule_are_counted_and_three_are_named() -> None:
    blocks = [{"ipBlock": {"cidr": f"10.{index}.0.0/16"}} for index in range(5)]

    (found,) = openings(TARGET, [policy("p", {"podSelector": {}, "ingress": [{"from": blocks}]})])

    assert found.peers == "10.0.0.0/16 or 10.1.0.0/16 or 10.2.0.0/16 or 2 more"


def test_the_order_of_policies_does_not_change_what_is_said() -> None:
    both = [policy("b", {"podSelector": {}, "ingress": [{}]}), policy("a", {"podSelector": {}, "ingress": [{}]})]

    assert openings(TARGET, both) == openings(TARGET, both[::-1])
    assert [one.policy for one in openings(TARGET, both)] == ["a", "b"]


def test_rules_of_a_direction_that_is_not_policed_and_policies_of_others_are_no_openings() -> None:
    rule: Any = [{"to": [{"podSelector": {}}]}]
    known = [
        policy("void", {"podSelector": {}, "policyTypes": ["Ingress"], "egress": rule}),
        policy("away", {"podSelector": {}, "ingress": [{}]}, "cart"),
        policy("other", {"podSelector": {"matchLabels": {"app": "cart"}}, "ingress": [{}]}),
    ]

    assert openings(TARGET, known) == ()


# -- reading ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({"podSelector": {}}, ("Ingress",)),
        ({"podSelector": {}, "ingress": [{}]}, ("Ingress",)),
        ({"podSelector": {}, "egress": [{}]}, ("Egress", "Ingress")),
        ({"podSelector": {}, "egress": []}, ("Ingress",)),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, ("Egress",)),
    ],
)
def test_policy_types_that_are_left_out_default_as_the_api_defaults_them(spec: Raw, types: tuple[str, ...]) -> None:
    assert policy("p", spec).types == types


@pytest.mark.parametrize(
    "spec",
    [
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}},
        {"podSelector": {"matchExpressions": [{"operator": "Exists"}]}},
        {"podSelector": {"matchExpressions": ["x"]}},
        {"podSelector": {"matchLabels": {"a": 1}}},
        {"podSelector": []},
        {"podSelector": {}, "ingress": {}},
        {"podSelector": {}, "ingress": [{"from": {}}]},
        {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {}}]}]},
        {"podSelector": {}, "ingress": [{"ports": [{"port": True}]}]},
        {"podSelector": {}, "policyTypes": [1]},
        "text",
    ],
)
def test_a_policy_that_cannot_be_understood_is_malformed_and_never_taken_for_harmless(spec: Any) -> None:
    with pytest.raises(Malformed):
        policy("p", spec)
