"""Every version that the cluster is made of.

For another Kubernetes change it here and in go/go.mod, where each `k8s.io/` part stands as v0.MINOR.PATCH (the list
is the `replace` block of Kubernetes's own go.mod), then run `go mod tidy` in go/ and look at the API server's log for
flags that are gone.
"""

from __future__ import annotations

KUBERNETES = "1.36.3"  # go/go.mod names it too, with each of its published parts as v0.36.3
CONTAINERD = "2.4.2"
GO = "1.26.8"  # fetched as a module where the machine's own Go is older than go.mod's line asks for
GO_LEAST = (1, 26)

# Debian's own containerd is not among them: it is too old for a kernel that lets root lower no memory score, and its
# `ctr` is dynamically linked. busybox has to be the static one, as it is all that is in the test image.
PACKAGES = (
    "runc",
    "containernetworking-plugins",
    "iptables",
    "conntrack",
    "iproute2",
    "kmod",
    "busybox-static",
    "gcc",
    "libc6-dev",
)
