"""Nouns: references, findings, playbooks, plans, effects, records, and the ports that others implement.

May live here: frozen, typed values and protocols. May not: I/O, a clock, randomness, an SDK, a decision.
"""
