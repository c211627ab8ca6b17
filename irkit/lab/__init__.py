"""The embedded world: a simulated Kubernetes API in a process of its own, and what it is seeded from.

May live here: the other side of irkit's clients, its seeds, faults and control plane. May not: anything that irkit
needs to run against a real cluster.

What it serves: get and list (selectors, pages) of `model.kube.RESOURCES`; creating NetworkPolicies; JSON Patch of
pods, nodes and NetworkPolicies; deleting pods and NetworkPolicies; evictions; the two self reviews; /version and the
health paths. Everything else is answered 501 and listed by `control.unserved()`, which tests assert to be empty.
There are no controllers but the one that taints a cordoned node: what would need one (deleting or releasing a pod
that a ReplicaSet owns) is 501 too.

In a test, in this process:

    seed = builder.build(scenario.load(path))               # or fromfinding.world_from_finding(finding)
    with LabServer(seed) as lab:                            # irkit.lab.server
        lab.url, lab.ca, lab.cluster                        # https://127.0.0.1:PORT, PEM text, the ARN
        lab.tokens["responder"]                             # also "admin", "viewer", and the scenario's own
        lab.control.dump()                                  # every object
        lab.control.audit()                                 # every request: verb, resource, name, code, applied, ...
        lab.control.merge("pods", "web-1", {"metadata": {"labels": {"a": None}}}, "shop", by="attacker")
        lab.control.fault(Fault(kind="drop_after", verb="patch", resource="pods"))
        lab.control.reset()                                 # back to the seed, in about a millisecond
        assert lab.control.unserved() == []

As a process that outlives its maker:

    info = process.up(folder, seed)                         # info.config is the irkit.yaml that selects it
    with info.control() as control: ...                     # the same methods, see control.ControlPlane
    process.down(folder)

Scenario files are described in `irkit.lab.scenario`.
"""
