"""Bytes from outside -> `Finding`, and the route from a finding to a playbook.

May live here: forms of findings, their parsers, and the matching of routes; pure functions over bytes. May not:
I/O, an SDK, a decision about what a playbook does. Everything read here was written by strangers: a value leaves
only as a validated reference, as checked text, or as text for people with its control characters replaced.
"""

from __future__ import annotations

from irkit.intake.reading import Received, parse_all, read_finding, receive

__all__ = ["Received", "parse_all", "read_finding", "receive"]
