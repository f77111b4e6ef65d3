"""Attributes of the subject against what policies say of them."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix.general_names import parse_general_name
from pki_as_code.plan.policy_index import ANY_VALUE, CompiledPolicy
from pki_as_code.plan.policy_names import (
    FIELDS,
    dns_text_kept_out,
    email_text_kept_out,
    is_allowed,
    is_kept_out,
)
from pki_as_code.plan.policy_readings import LIKE_NAMES, name_read_in, read_as

Attribute = x509.NameAttribute[str | bytes]


def attribute_allowed(attribute: Attribute, policy: CompiledPolicy) -> bool:
    """
    Tell whether a Grant or a Limit allows an attribute.

    Its value is listed, or it is a name that the policy allows: the common name a DNS name, an
    address or a mailbox, `emailAddress` a mailbox. A Limit that says nothing of its type, and of
    such names, does not bound it.
    """
    listed = policy.subject.get(attribute.oid.dotted_string)
    if listed is not None and not listed.isdisjoint({attribute.value, ANY_VALUE}):
        return True
    name = name_in(attribute)
    if name is not None and is_allowed(name, policy.names):
        return True
    if policy.judges_all or listed is not None:
        return False
    # A Limit bounds what reads as such a name: another spelling of it is no way out.
    read = _name_read_in(attribute)
    return read is None or FIELDS[type(read)] not in policy.fields or is_allowed(read, policy.names)


def attribute_kept_out(attribute: Attribute, policy: CompiledPolicy) -> bool:
    """Tell whether a Deny matches an attribute: by its value, or as the name it is taken for."""
    listed = policy.subject.get(attribute.oid.dotted_string)
    if listed is not None:
        value = read_as(attribute.value) if isinstance(attribute.value, str) else ""
        if ANY_VALUE in listed or value in map(read_as, listed):
            return True
    name = _name_read_in(attribute)
    if name is not None and is_kept_out(name, policy.names):
        return True
    if not isinstance(attribute.value, str):
        return False
    if attribute.oid == NameOID.COMMON_NAME and dns_text_kept_out(attribute.value, policy.names):
        return True
    is_address = attribute.oid in {NameOID.COMMON_NAME, NameOID.EMAIL_ADDRESS}
    return is_address and email_text_kept_out(attribute.value, policy.names)


def name_in(attribute: Attribute) -> x509.GeneralName | None:
    """Return the name that an attribute is: just as it is written, not what it could be read as."""
    text = attribute.value
    if not isinstance(text, str) or attribute.oid not in _PREFIXES:
        return None
    try:
        name = parse_general_name(_PREFIXES[attribute.oid] + text)
    except InvalidValueError:
        return None
    return name if isinstance(name, LIKE_NAMES) and str(name.value) == text else None


def _name_read_in(attribute: Attribute) -> x509.GeneralName | None:
    """Return the name that an attribute can be read as."""
    text = attribute.value
    if not isinstance(text, str) or attribute.oid not in _PREFIXES:
        return None
    return name_in(attribute) or name_read_in(text, _PREFIXES[attribute.oid])


_PREFIXES: Final = {NameOID.COMMON_NAME: "", NameOID.EMAIL_ADDRESS: "email:"}
"""The attributes with names in them, and what is written before one of that type."""
