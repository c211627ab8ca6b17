"""irkit: incident-response runbook automation for Amazon EKS.

Layers, top to bottom (held by import-linter, see ARCHITECTURE.md):
cli and handlers, lab, views, app, intake and clients and engine, playbook, actions, journal, model, errors.
"""

__version__ = "0.1.0"
