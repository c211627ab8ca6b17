"""What runs in the tool image: commands that the lab carries out itself, from where their pod is.

A program sees its pod, its arguments and environment, and the network; it gives an exit code and a termination
message. Which there are: `/irkit/connect` and `/irkit/cut`, as in deploy/tools. Any other command ends as a command
that is not in the image does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from irkit.lab.network import Network
from irkit.lab.policies import Side
from irkit.lab.world import World
from irkit.model.kube import PODS

Doc = dict[str, Any]
NETNS_OF: Final = "IRKIT_NETNS_OF"
"""Of a container's id (or its pod's uid): act from inside that pod's network, if the tool's own pod may."""
_NOT_FOUND: Final = 127


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended."""

    code: int
    message: str = ""


class _Refused(Exception):
    """The program cannot do it; the text is what it says."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a program runs."""

    pod: Doc
    container: Doc
    world: World
    network: Network

    @property
    def command(self) -> str:
        """The program's path."""
        path: str = self.container["command"][0]
        return path

    @property
    def arguments(self) -> list[str]:
        """Everything behind the path."""
        return [*self.container["command"][1:], *self.container.get("args", ())]

    def environment(self, name: str) -> str:
        """A variable; "" where it is not set."""
        return next((each.get("value", "") for each in self.container.get("env", ()) if each["name"] == name), "")

    def may(self, *capabilities: str) -> bool:
        """Whether the container is privileged, or has all these capabilities as root."""
        security = self.container.get("securityContext", {})
        added = set(security.get("capabilities", {}).get("add", ()))
        return bool(security.get("privileged")) or added >= set(capabilities) or "ALL" in added

    def side(self) -> Side:
        """The end of connections that it opens. Raises _Refused."""
        wanted = self.environment(NETNS_OF)
        if not wanted:
            return Side.of(self.pod)
        if not self.pod["spec"].get("hostPID") or not self.may("SYS_ADMIN", "SYS_PTRACE"):
            msg = f"cannot enter the network namespace of {wanted}: permission denied"
            raise _Refused(msg)
        for entry in self.world.entries(PODS):
            if entry.doc["spec"].get("nodeName") == self.pod["spec"]["nodeName"] and _is(entry.doc, wanted):
                return Side.of(entry.doc)
        msg = f"no process of {wanted} runs on this node"
        raise _Refused(msg)


def _is(pod: Doc, wanted: str) -> bool:
    if pod.get("status", {}).get("phase") != "Running":
        return False
    ids = {each.get("containerID", "") for each in pod["status"].get("containerStatuses", ())}
    return wanted in {pod["metadata"]["uid"], *ids, *(each.rpartition("//")[2] for each in ids)} - {""}


def run(seat: Seat) -> Ended:
    """Carry out a container of the tool image."""
    program = PROGRAMS.get(seat.command)
    if program is None:
        return Ended(_NOT_FOUND, f"error {seat.command}: no such file or directory")
    try:
        return Ended(0, "\n".join(program(seat)))
    except _Refused as why:
        return Ended(1, f"error {why}")


def _connect(seat: Seat) -> list[str]:
    """`IP:PORT ...`: a line for each, `IP:PORT open|refused|timeout`.

    From inside another pod also how many connections that has.
    """
    side = seat.side()
    lines = []
    for text in seat.arguments:
        end, _, protocol = text.partition("/")
        address, colon, port = end.rpartition(":")
        if not colon or not port.isdecimal():
            msg = f"not an IP:PORT: {text}"
            raise _Refused(msg)
        try:
            answer = seat.network.connect_from(side, address.strip("[]"), int(port), (protocol or "tcp").upper())
        except ValueError as error:
            raise _Refused(str(error)) from error
        lines.append(f"{end} {answer}")
    if seat.environment(NETNS_OF):
        lines.append(f"established {seat.network.established(side.address)}")
    return lines


def _cut(seat: Seat) -> list[str]:
    """`IP ...`: end the sockets of the pod that it enters, and what the node's table holds of each address."""
    if not seat.environment(NETNS_OF):
        msg = f"{NETNS_OF} names no pod"
        raise _Refused(msg)
    inside = seat.side().address
    if not seat.pod["spec"].get("hostNetwork") or not seat.may("NET_ADMIN"):
        msg = "the connection table of the node: operation not permitted"
        raise _Refused(msg)
    before, destroyed = seat.network.established(inside), seat.network.destroy(inside)
    forgotten = sum(seat.network.forget(address, seat.pod["spec"]["nodeName"]) for address in seat.arguments)
    left = seat.network.established(inside)
    return [f"before {before}", f"destroyed {destroyed}", f"conntrack {forgotten}", f"left {left}"]


PROGRAMS: Final[dict[str, Callable[[Seat], list[str]]]] = {
    "/irkit/connect": _connect,
    "/irkit/cut": _cut,
}
"""By path in the image."""
