"""Every version that the cluster is made of."""

from __future__ import annotations

KUBERNETES = "1.36.3"  # go/go.mod names it too, with each of its published parts as v0.36.3
CONTAINERD = "2.4.2"
GO = "1.26.8"  # fetched as a module where the machine's own Go is older than go.mod's line asks for
GO_LEAST = (1, 26)

# By the command or file that shows that it is there. Debian's own containerd is not used: it is too old for what
# this kernel allows to an unprivileged out-of-memory score, and its `ctr` is dynamically linked.
PACKAGES = {
    "/usr/sbin/runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "/usr/sbin/iptables": "iptables",
    "/usr/sbin/conntrack": "conntrack",
    "/usr/sbin/ip": "iproute2",
    "/usr/bin/nsenter": "util-linux",
    "/usr/bin/busybox": "busybox-static",
    "/usr/bin/gcc": "gcc",
    "/usr/lib/x86_64-linux-gnu/libc.a": "libc6-dev",
}
