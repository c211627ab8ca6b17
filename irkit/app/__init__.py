"""Composition root: puts clients, journal, catalog and engine together. CLI, Lambda, worker and drill all come in here.

May live here: configuration, the case index, opening, advancing, undoing and watching runs.
May not: parsing of command lines, rendering, a decision that belongs to the engine.
"""
