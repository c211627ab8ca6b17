"""The embedded world: a simulated Kubernetes API in a process of its own, and what it is seeded from.

May live here: the other side of irkit's clients, its seeds, faults and control plane. May not: anything that irkit
needs to run against a real cluster.

What it serves: get and list (selectors, pages, metadata alone) of `model.kube.RESOURCES`; creating,
patching (JSON Patch, merge patches) and deleting of the kinds in `kinds.KINDS` and `deletes.DELETABLE`; the scale of
workloads; evictions; reviews; what a client asks first (`discovery`), so that `kubectl get`, `describe`, `label` and
`delete --wait=false` work on it; /version and the health paths. It has no tables, no watch and no OpenAPI. Everything
else is answered 501 and listed by `control.unserved()`, which tests assert to be empty. Who may do what is a token's
own table (`auth.Rule`) or the world's roles and bindings.
ValidatingAdmissionPolicies and quotas of pods are enforced (`admission`, `quotas`); of what controllers do, on the pods
that they make and delete.
After each write the controllers (`lab.controllers`) run to rest in the same thread. Behind them is a network
(`lab.network`) that the client API cannot touch; pods of the tool image look at it (`lab.programs`).

In a test, in this process:

    seed = builder.build(scenario.load(path))               # or fromfinding.world_from_finding(finding)
    with LabServer(seed) as lab:                            # irkit.lab.server
        lab.url, lab.ca, lab.cluster                        # https://127.0.0.1:PORT, PEM text, the ARN
        lab.tokens["responder"]                             # also "admin", "viewer", and the scenario's own
        lab.control.dump()                                  # every object
        lab.control.audit()                                 # every request: verb, resource, name, code, applied, ...
        lab.control.merge("pods", "web-1", {"metadata": {"labels": {"a": None}}}, "shop", by="attacker")
        lab.control.fault(Fault(kind="drop_after", verb="patch", resource="pods"))
        lab.control.settle()                                # what waits for time has happened
        lab.control.behave(Behaviour(enforcement="cut"))    # keep, cut or none; reject or drop; see lab.behaviour
        lab.control.connect("shop/web-1", "198.51.100.7", 443)  # open, refused, timeout
        lab.control.alive(lab.control.hold("shop/web-1", "198.51.100.7", 443))  # alive, silent, reset, closed
        lab.control.reset()                                 # back to the seed, in about a millisecond
        assert lab.control.unserved() == []

As a process that outlives its maker:

    info = process.up(folder, seed)                         # info.config is the irkit.yaml that selects it
    with info.control() as control: ...                     # the same methods, see control.ControlPlane
    process.down(folder)

Scenario files are described in `irkit.lab.scenario`.
"""
