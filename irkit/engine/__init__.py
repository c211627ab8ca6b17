"""Executes a checked playbook against a world, journal first.

May live here: deciding (pure), guarding (pure), performing (the one impure loop and sole journal writer), the inbox.
May not: an SDK, a file format of the journal, anything about one particular action.
"""
