"""One cluster's Kubernetes API: kubeconfig in, the `Kube` and `KubeReader` ports out.

The official client's loader gives configuration and authentication. Calls are raw JSON through one pool of
connections: its models cost four times as much (docs/adr/0005-raw-json-over-urllib3.md).

    kubeconfig   reads the file, picks the context; nothing is imported or run yet
    login        a context becomes an address, TLS settings and an Authorization header
    plugin       runs an exec credential plugin
    wire         sends one request, once, and says whether it may have been received
    budget       how much one cluster is asked at a time
    session      adds credentials; logs in again after a 401
    answers      an HTTP answer becomes a checked object or an error (pure)
    lists        pages of objects, or of their metadata alone (pure)
    reads        get, list, access: may be tried again
    writes       perform: sent once
"""

from __future__ import annotations

from irkit.clients.kube.budget import Budget
from irkit.clients.kube.client import KubeClient, connect
from irkit.clients.kube.wire import Answer, Pool, Request, Transport

__all__ = ["Answer", "Budget", "KubeClient", "Pool", "Request", "Transport", "connect"]
