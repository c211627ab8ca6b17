"""The playbook language: YAML in, a checked `Playbook` out.

May live here: reading YAML safely, the language's grammar, the linter, the JSON Schema, run-time bindings.
May not: I/O beyond shipped files, a client, the engine, anything about one particular action.
"""

from __future__ import annotations

from irkit.playbook.diagnostics import Diagnostic
from irkit.playbook.linter import lint, load_playbook

__all__ = ["Diagnostic", "lint", "load_playbook"]
