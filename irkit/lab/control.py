"""The control plane: what tests and drills see and do behind the client API's back.

`Control` acts on a lab in this process; `remote.LabControl` is the same from another process, over a listener of
its own that asks for the token in the lab's folder.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final, cast

import orjson

from irkit.lab import managed
from irkit.lab.api import Api
from irkit.lab.auth import Identity
from irkit.lab.behaviour import Behaviour
from irkit.lab.faults import Fault
from irkit.lab.http import Request
from irkit.lab.network import Answer, Life, NetworkState
from irkit.lab.patches import merge
from irkit.lab.world import BY_KIND, BY_PLURAL, Entry, State, make_uid, now
from irkit.model.effects import Resource

Json = dict[str, Any]
Kept = tuple[State, NetworkState]
SEED: Final = "seed"
"""The snapshot of the world as it began."""
ELSE: Final = "somebody-else"
"""The field manager of edits through the control plane, unless they say another."""


class ControlPlane(ABC):
    """What can be asked of a lab. Resources are named by plural, objects by namespace ("" for none) and name.

    Naming something that does not exist raises LookupError.
    """

    @abstractmethod
    def _ask(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401 -- each method below says its type
        """Perform one method."""

    def dump(self) -> list[Json]:
        """Every object of the world, sorted by resource, namespace and name."""
        return cast("list[Json]", self._ask("dump"))

    def get(self, resource: str, name: str, namespace: str = "") -> Json | None:
        """One object, or None."""
        return cast("Json | None", self._ask("get", resource=resource, name=name, namespace=namespace))

    def put(self, doc: Json, by: str = ELSE) -> Json:
        """Create or replace an object as somebody else, unchecked; gives what is stored."""
        return cast("Json", self._ask("put", doc=doc, by=by))

    def merge(self, resource: str, name: str, changes: Json, namespace: str = "", by: str = ELSE) -> Json:
        """Change an object as somebody else, unchecked: a JSON merge patch (RFC 7386)."""
        found = self._ask("merge", resource=resource, name=name, changes=changes, namespace=namespace, by=by)
        return cast("Json", found)

    def delete(self, resource: str, name: str, namespace: str = "") -> None:
        """Take an object away as somebody else, at once."""
        self._ask("delete", resource=resource, name=name, namespace=namespace)

    def request(self, verb: str, path: str, body: Json) -> Json:
        """Ask the client API as the cluster's admin; gives the `code` of the answer, and its `message`."""
        return cast("Json", self._ask("request", verb=verb, path=path, body=body))

    def audit(self) -> list[Json]:
        """Every request since the start, the last reset or `clear_audit`; fields as in `audit.Entry`."""
        return cast("list[Json]", self._ask("audit"))

    def clear_audit(self) -> None:
        """Forget the requests so far."""
        self._ask("clear_audit")

    def unserved(self) -> list[str]:
        """What was answered 501, or by a fault of the lab itself. Tests assert that it is empty."""
        return cast("list[str]", self._ask("unserved"))

    def snapshot(self, name: str) -> None:
        """Keep the world as it is under a name; `seed` is the world as it began."""
        self._ask("snapshot", name=name)

    def reset(self, name: str = SEED) -> None:
        """Back to a snapshot; audit, faults, expired tokens, pages and 501s are forgotten."""
        self._ask("reset", name=name)

    def fault(self, fault: Fault) -> int:
        """Set a fault; gives its number."""
        return cast("int", self._ask("fault", fault=fault.dump()))

    def faults(self) -> dict[int, int]:
        """How many requests each fault hit, by number."""
        return {int(number): fired for number, fired in self._ask("faults").items()}

    def lift_fault(self, number: int) -> None:
        """Take one fault away, and let go what it holds."""
        self._ask("lift_fault", number=number)

    def clear_faults(self) -> None:
        """Take all faults away."""
        self._ask("clear_faults")

    def tokens(self) -> dict[str, str]:
        """The bearer tokens by name."""
        return cast("dict[str, str]", self._ask("tokens"))

    def add_token(self, name: str, identity: Identity) -> str:
        """Make an identity, or replace one; gives its token."""
        return cast("str", self._ask("add_token", name=name, identity=identity.dump()))

    def expire_token(self, name: str) -> None:
        """The API answers 401 to this token from now on."""
        self._ask("expire_token", name=name)

    def settle(self) -> None:
        """Let happen what only waits for time: pods that end are gone, started ones are ready or have ended."""
        self._ask("settle")

    def behaviour(self) -> Behaviour:
        """How the cluster behaves now."""
        return Behaviour.parse(self._ask("behaviour"))

    def behave(self, behaviour: Behaviour) -> None:
        """Behave so from now on, until the next reset."""
        self._ask("behave", behaviour=behaviour.dump())

    def connect(self, source: str, address: str, port: int, protocol: str = "TCP") -> Answer:
        """How a new connection ends. `source` is NAMESPACE/POD, a node's name, or an address off the cluster."""
        return cast("Answer", self._ask("connect", source=source, address=address, port=port, protocol=protocol))

    def listen(self, pod: str, port: int, protocol: str = "TCP") -> None:
        """Something in NAMESPACE/POD listens that no container declares."""
        self._ask("listen", pod=pod, port=port, protocol=protocol)

    def hold(self, source: str, address: str, port: int, protocol: str = "TCP") -> int:
        """Open a connection that is used without pause; gives its number. Raises ValueError where it cannot be."""
        return cast("int", self._ask("hold", source=source, address=address, port=port, protocol=protocol))

    def alive(self, flow: int) -> Life:
        """What became of a held connection: alive, silent (for now), reset, or closed because an end is gone."""
        return cast("Life", self._ask("alive", flow=flow))

    def restart_agent(self, node: str) -> None:
        """The network policy agent of a node starts again (enforcement vpc-cni)."""
        self._ask("restart_agent", node=node)

    def expire_pages(self) -> None:
        """All continue tokens are too old from now on."""
        self._ask("expire_pages")


METHODS: Final = frozenset(name for name in vars(ControlPlane) if not name.startswith("_"))


class Control(ControlPlane):
    """The control plane of a lab in this process."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._world = api.world
        self._controllers = api.controllers
        self._network = api.network
        self._kept: dict[str, Kept] = {SEED: self._capture()}

    def _capture(self) -> Kept:
        return self._world.capture(), self._network.capture()

    def _ask(self, method: str, **arguments: Any) -> Any:  # noqa: ANN401 -- see ControlPlane
        return self.perform(method, arguments)

    def perform(self, method: str, arguments: Json) -> Any:  # noqa: ANN401 -- JSON of any shape
        """One of `METHODS` with JSON arguments. Raises LookupError."""
        return getattr(self, f"_do_{method}")(**arguments)

    def _do_dump(self) -> list[Json]:
        with self._world.lock:
            self._controllers.run()
            return self._world.dump()

    def _do_get(self, resource: str, name: str, namespace: str) -> Json | None:
        with self._world.lock:
            self._controllers.run()
            entry = self._world.get(BY_PLURAL[resource], namespace, name)
        return entry.copy() if entry else None

    def _do_put(self, doc: Json, by: str) -> Json:
        return self._store(BY_KIND[doc["apiVersion"], doc["kind"]], orjson.loads(orjson.dumps(doc)), by)

    def _do_merge(self, resource: str, name: str, changes: Json, namespace: str, by: str) -> Json:
        with self._world.lock:
            old = self._found(resource, namespace, name)
            return self._store(BY_PLURAL[resource], merge(old.copy(), changes), by)

    def _do_delete(self, resource: str, name: str, namespace: str) -> None:
        with self._world.lock:
            self._found(resource, namespace, name)
            self._world.remove(BY_PLURAL[resource], namespace, name)
            self._controllers.run()

    def _found(self, resource: str, namespace: str, name: str) -> Entry:
        entry = self._world.get(BY_PLURAL[resource], namespace, name)
        if entry is None:
            msg = f"{resource} {namespace}/{name}"
            raise LookupError(msg)
        return entry

    def _store(self, resource: Resource, new: Json, by: str) -> Json:
        meta = new["metadata"]
        with self._world.lock:
            old = self._world.get(resource, meta.get("namespace", ""), meta["name"])
            meta.setdefault("uid", old.uid if old else make_uid(self._world.seed, f"put/{self._world.next_serial()}"))
            meta.setdefault("creationTimestamp", old.doc["metadata"]["creationTimestamp"] if old else now())
            managed.record(old.doc if old else None, new, manager=by, at=now(), api_version=resource.api_version)
            stored = self._world.put(resource, new).copy()
            self._controllers.run()
            return stored

    def _do_request(self, verb: str, path: str, body: Json) -> Json:
        headers = {"authorization": f"Bearer {self._api.tokens.text['admin']}", "content-type": "application/json"}
        answer = self._api.handle(Request(verb, path, headers, orjson.dumps(body)))
        return {"code": answer.code, "message": orjson.loads(answer.body).get("message", "")}

    def _do_audit(self) -> list[Json]:
        return self._api.audit.dump()

    def _do_clear_audit(self) -> None:
        self._api.audit.clear()

    def _do_unserved(self) -> list[str]:
        return self._api.unserved()

    def _do_snapshot(self, name: str) -> None:
        with self._world.lock:
            self._kept[name] = self._capture()

    def _do_reset(self, name: str) -> None:
        with self._world.lock:
            world, network = self._kept[name]
            self._world.restore(world)
            self._network.restore(network)
            self._api.forget()

    def _do_fault(self, fault: Json) -> int:
        return self._api.faults.add(Fault.parse(fault))

    def _do_faults(self) -> dict[int, int]:
        return self._api.faults.fired()

    def _do_lift_fault(self, number: int) -> None:
        self._api.faults.lift(number)

    def _do_clear_faults(self) -> None:
        self._api.faults.clear()

    def _do_tokens(self) -> dict[str, str]:
        return dict(self._api.tokens.text)

    def _do_add_token(self, name: str, identity: Json) -> str:
        return self._api.tokens.add(name, Identity.parse(identity))

    def _do_expire_token(self, name: str) -> None:
        self._api.tokens.expire(name)

    def _do_settle(self) -> None:
        self._controllers.settle()

    def _do_behaviour(self) -> Json:
        return self._world.behaviour.dump()

    def _do_behave(self, behaviour: Json) -> None:
        with self._world.lock:
            self._world.behaviour = Behaviour.parse(behaviour)
            self._controllers.run()

    def _do_connect(self, source: str, address: str, port: int, protocol: str) -> Answer:
        return self._network.connect(source, address, port, protocol)

    def _do_listen(self, pod: str, port: int, protocol: str) -> None:
        self._network.listen(pod, port, protocol)

    def _do_hold(self, source: str, address: str, port: int, protocol: str) -> int:
        return self._network.hold(source, address, port, protocol)

    def _do_alive(self, flow: int) -> Life:
        return self._network.alive(flow)

    def _do_restart_agent(self, node: str) -> None:
        pods = BY_PLURAL["pods"]
        with self._world.lock:
            self._network.agents.restart(node)
            for entry in self._world.entries(pods, "kube-system"):
                doc = entry.copy()
                if doc["metadata"]["name"].startswith("aws-node-") and doc["spec"].get("nodeName") == node:
                    for status in doc["status"]["containerStatuses"]:
                        status["restartCount"] += 1
                    self._store(pods, doc, "kubelet")

    def _do_expire_pages(self) -> None:
        self._api.pages.expire()
