"""Syntax of names, labels and annotations, with the API's own words for what is wrong.

Source: apimachinery `pkg/util/validation/validation.go`.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_SUBDOMAIN: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME_PART: Final = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE: Final = rf"({_NAME_PART})?"
_PORT_NAME: Final = r"[a-z0-9-]+"

ANNOTATIONS_LIMIT: Final = 256 * 1024
"""Bytes that all annotations of an object may have together, keys and values."""


def _full(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None


def subdomain_fault(text: str) -> str:
    """What is wrong with an RFC 1123 subdomain, or ""."""
    if len(text) > 253:  # noqa: PLR2004 -- RFC 1123, as the API limits it
        return "must be no more than 253 bytes"
    if _full(_SUBDOMAIN, text):
        return ""
    return (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
        "start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        f"'{_SUBDOMAIN}')"
    )


def label_fault(text: str) -> str:
    """What is wrong with an RFC 1123 label, or ""."""
    if len(text) > 63:  # noqa: PLR2004 -- RFC 1123
        return "must be no more than 63 bytes"
    if _full(_LABEL, text):
        return ""
    return (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and "
        f"end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
    )


def key_fault(text: str) -> str:
    """What is wrong with a label's or annotation's key (a qualified name), or ""."""
    prefix, slash, name = text.rpartition("/")
    if slash and not prefix:
        return "prefix part must be non-empty"
    if slash and (fault := subdomain_fault(prefix)):
        return f"prefix part {fault}"
    if not name:
        return "name part must be non-empty"
    if len(name) > 63:  # noqa: PLR2004 -- qualified names' limit
        return "name part must be no more than 63 bytes"
    if _full(_NAME_PART, name):
        return ""
    return (
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
        f"'{_NAME_PART}')"
    )


def value_fault(text: str) -> str:
    """What is wrong with a label's value, or ""."""
    if len(text.encode()) > 63:  # noqa: PLR2004 -- labels' limit
        return "must be no more than 63 bytes"
    if _full(_VALUE, text):
        return ""
    return (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
        "start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
        f"validation is '{_VALUE}')"
    )


def port_name_fault(text: str) -> str:
    """What is wrong with a port's name (IANA_SVC_NAME), or ""."""
    if len(text) > 15:  # noqa: PLR2004 -- RFC 6335
        return "must be no more than 15 characters"
    if not _full(_PORT_NAME, text):
        return "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search("[a-z]", text):
        return "must contain at least one letter (a-z)"
    if "--" in text:
        return "must not contain consecutive hyphens"
    if text[0] == "-" or text[-1] == "-":
        return "must not begin or end with a hyphen"
    return ""


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A CIDR, host bits allowed as the API allows them; None where it is none."""
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
