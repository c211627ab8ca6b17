"""A real Kubernetes cluster on this machine, and the tests that need one.

`python -m tests.cluster up` builds the components from source (minutes, once), then starts etcd, the control plane
and two nodes in seconds. Nothing is pulled from an image registry and no container engine is needed: Debian, root.

    pins       versions, Debian packages
    layout     where everything is: folders, addresses, nodes, settings
    build      Go programs, test images; cached outside the checkout
    pki        certificates, tokens, kubeconfigs
    processes  start and stop by pid and start time
    network    bridge, second node's network namespace, sysctls
    control    etcd, API server, controller manager, scheduler, policy agents' rights, Node objects
    node       containerd, kubelet, kube-proxy, policy agent
    apart      a second cluster beside it, in namespaces of its own
    teardown   takes away what outlives the processes: shims, mounts, cgroups, chains
    api        a bare JSON client, sharing no code with irkit's
    live       `Cluster`, what tests hold
    turns      tests that change the whole cluster wait for each other
    probe      a program that opens connections from inside a pod's network namespace
    scenes     a shop, and irkit typed by a responder who holds what a playbook's generated RBAC gives

What is about irkit itself does not belong here, except in test files and scenes.
"""
