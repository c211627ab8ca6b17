"""What a grammatical playbook may still do wrong, one module per concern.

May live here: rules over a `Playbook`, its places and the catalog. May not: reading YAML, I/O, one action's details.
"""

from __future__ import annotations

from irkit.actions.catalog import Catalog
from irkit.model.playbooks import Playbook, When
from irkit.playbook.diagnostics import Problems
from irkit.playbook.language import Places
from irkit.playbook.rules.conditions import check_conditions
from irkit.playbook.rules.evidence import check_evidence
from irkit.playbook.rules.needs import check_needs
from irkit.playbook.rules.parameters import check_parameters
from irkit.playbook.rules.subject import Subject

__all__ = ["check"]


def check(playbook: Playbook, catalog: Catalog, places: Places, problems: Problems) -> dict[str, When]:
    """Apply every rule; one rule's finding does not hide another's. Gives the conditions, by step, with their names."""
    subject = Subject(playbook, catalog, places, problems)
    conditions = check_conditions(subject)
    check_parameters(subject, conditions)
    check_needs(subject)
    check_evidence(subject)
    return conditions
