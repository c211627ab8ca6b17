"""The small world that crash and race tests play in: a web shop with neighbours."""

from __future__ import annotations

from irkit.lab.builder import build
from irkit.lab.scenario import parse
from irkit.lab.seed import Seed

CLUSTER = "arn:aws:eks:eu-west-1:111122223333:cluster/lab"
CANARY = "canary-5e1f2a"


def shop(replicas: int = 3, cluster: str = CLUSTER, seed: int = 1) -> Seed:
    return build(
        parse(
            {
                "apiVersion": "irkit.dev/v1alpha1",
                "kind": "Scenario",
                "metadata": {"name": "shop", "title": "A web shop"},
                "seed": seed,
                "world": {
                    "cluster": cluster,
                    "nodes": [{"nodegroup": "ng-1", "count": 2}],
                    "namespaces": {
                        "shop": {
                            "deployments": {
                                "web": {
                                    "replicas": replicas, "image": "web:1", "ports": [8080],
                                    "env": {"API_KEY": CANARY},
                                }
                            },
                            "pods": {"xtra": {"image": "busybox:1"}},  # owned by nobody: the lab replaces no pods
                            "services": {"web": {"selector": {"app": "web"}, "port": 8080}},
                            "networkPolicies": {
                                "allow-web": {
                                    "podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}],
                                    "policyTypes": ["Ingress"],
                                }
                            },
                        }
                    },
                },
            },
            "shop",
        )
    )  # fmt: skip
