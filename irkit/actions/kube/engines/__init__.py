"""The network engine of a cluster: which one runs, what it is set to do, and the objects by which it denies.

May live here: knowledge about engines, read from a cluster's objects or put into them. May not: a claim that
something is enforced. What an engine's objects say is for the words of a verdict; only a connection proves.
"""

from irkit.actions.kube.engines.denials import DENIALS, Denial, DenialSeen, denials_of, look_for
from irkit.actions.kube.engines.detect import DETECT_READS, SETTINGS_READS, EngineSeen, custom_resources, detect
from irkit.actions.kube.engines.sharing import Sharers, Sharing, identifier, sharing
from irkit.actions.kube.engines.standing import AGENT_READS, STANDING_READS, standing

__all__ = [
    "AGENT_READS", "DENIALS", "DETECT_READS", "SETTINGS_READS", "STANDING_READS", "Denial", "DenialSeen", "EngineSeen",
    "Sharers", "Sharing", "custom_resources", "denials_of", "detect", "identifier", "look_for", "sharing", "standing",
]  # fmt: skip
