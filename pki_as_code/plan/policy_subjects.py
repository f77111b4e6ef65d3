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

Attribute = x509.NameAttribute[str | bytes]

_LIKE_NAMES: Final = (x509.DNSName, x509.IPAddress, x509.RFC822Name)
"""Names that a common name is taken for."""


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
    return name is None or FIELDS[type(name)] not in policy.fields


def attribute_kept_out(attribute: Attribute, policy: CompiledPolicy) -> bool:
    """Tell whether a Deny matches an attribute: by its value, or as the name it is taken for."""
    listed = policy.subject.get(attribute.oid.dotted_string)
    if listed is not None:
        value = attribute.value.lower() if isinstance(attribute.value, str) else ""
        if ANY_VALUE in listed or value in {listed_value.lower() for listed_value in listed}:
            return True
    name = name_in(attribute)
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
    if not isinstance(text, str) or attribute.oid not in _WITH_NAMES:
        return None
    prefix = "email:" if attribute.oid == NameOID.EMAIL_ADDRESS else ""
    try:
        name = parse_general_name(prefix + text)
    except InvalidValueError:
        return None
    return name if isinstance(name, _LIKE_NAMES) and str(name.value) == text else None


_WITH_NAMES: Final = frozenset({NameOID.COMMON_NAME, NameOID.EMAIL_ADDRESS})
