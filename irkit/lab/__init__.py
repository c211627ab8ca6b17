"""The embedded world: a simulated Kubernetes API in a process of its own, and what it is seeded from.

May live here: the other side of irkit's clients, its seeds, faults and control plane. May not: anything that irkit
needs to run against a real cluster.
"""
