"""Verbs: each action observes, then returns what it wants as data. One folder an action.

May live here: parameters, facts, pure plans, case files. May not: a write, an SDK, a clock, the journal.
"""
