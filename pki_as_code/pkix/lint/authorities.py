"""Who is an authority and who is not: basicConstraints, keyUsage, and what only a CA may say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pki_as_code.model import Finding
from pki_as_code.pkix import der
from pki_as_code.pkix.extensions.key_usage import ATTRIBUTES
from pki_as_code.pkix.key_types import ALLOWED_KEY_USAGES, key_family
from pki_as_code.pkix.lint.base import (
    BASIC_CONSTRAINTS,
    CERTIFICATE_POLICIES,
    KEY_CERT_SIGN,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    Linted,
    error,
    warning,
)
from pki_as_code.pkix.lint.names import DNS_NAME, IP_ADDRESS

MAX_EXPLICIT_TEXT: Final = 200

_NAMES = tuple(ATTRIBUTES)
_KEY_AGREEMENT, _CRL_SIGN, _ENCIPHER_ONLY, _DECIPHER_ONLY = 4, 6, 7, 8
_NETWORK_LENGTHS = (8, 32)
_USER_NOTICE = "1.3.6.1.5.5.7.2.2"


def basic_constraints_are_critical_in_a_ca(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.2.1.9."""
    if linted.is_ca and not linted.extensions[BASIC_CONSTRAINTS].critical:
        yield error(
            "rfc5280.basic_constraints_not_critical",
            "basicConstraints of an authority is not critical",
        )


def path_length_needs_an_authority(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.2.1.9: pathLenConstraint only with cA and keyCertSign, not negative."""
    lengths = [m for m in linted.members(BASIC_CONSTRAINTS) or () if m.tag == der.INTEGER]
    if not lengths:
        return
    if not linted.is_ca or KEY_CERT_SIGN not in (linted.key_usage_bits or ()):
        yield error(
            "rfc5280.path_length_without_ca",
            "basicConstraints has a path length but does not belong to an authority that signs",
        )
    if der.decode_integer(lengths[0].content) < 0:
        yield error("rfc5280.path_length_negative", "the path length is negative")


def issuer_may_issue(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 6.1.4 (k) and (n): the issuer is a CA and its key signs certificates."""
    issuer = linted.issuer
    if issuer is None:
        return
    if not issuer.is_ca:
        yield error("rfc5280.issuer_not_ca", "the issuer's certificate is not one of an authority")
    bits = issuer.key_usage_bits
    if bits is not None and KEY_CERT_SIGN not in bits:
        yield error(
            "rfc5280.issuer_may_not_sign",
            "keyUsage in the issuer's certificate does not have keyCertSign",
        )


def key_usage_fits_the_holder(linted: Linted) -> Iterator[Finding]:
    """
    RFC 5280 section 4.2.1.3: in every CA; keyCertSign for CAs and only for them.

    It SHOULD be critical there; CA/B Forum BR section 7.1.2 demands it.
    """
    bits = linted.key_usage_bits
    if bits is None:
        if linted.is_ca:
            yield error("rfc5280.key_usage_missing", "keyUsage is missing in an authority")
        return
    if not bits:
        yield error("rfc5280.key_usage_empty", "keyUsage has no bit set")
    if linted.is_ca and not linted.extensions[KEY_USAGE].critical:
        yield warning("rfc5280.key_usage_not_critical", "keyUsage of an authority is not critical")
    if linted.is_ca and KEY_CERT_SIGN not in bits:
        yield error(
            "rfc5280.ca_without_key_cert_sign", "keyUsage of an authority lacks keyCertSign"
        )
    if not linted.is_ca and KEY_CERT_SIGN in bits:
        yield error(
            "rfc5280.key_cert_sign_without_ca",
            "keyUsage has keyCertSign in the certificate of an end entity",
            help_text="remove keyCertSign",
        )


def end_entities_sign_no_crls(linted: Linted) -> Iterator[Finding]:
    """CA/B Forum BR section 7.1.2.7.11. RFC 5280 allows it for issuers of indirect CRLs."""
    if not linted.is_ca and _CRL_SIGN in (linted.key_usage_bits or ()):
        yield error(
            "cabf.crl_sign_without_ca",
            "keyUsage has cRLSign in an end entity",
            help_text="remove cRLSign: CRLs are signed by authorities",
        )


def key_usage_fits_the_key(linted: Linted) -> Iterator[Finding]:
    """RFC 3279 section 2.3.1, RFC 8813 section 3, RFC 9295 section 3, RFC 9881 section 5."""
    bits = linted.key_usage_bits
    if bits is None:
        return
    if bits & {_ENCIPHER_ONLY, _DECIPHER_ONLY} and _KEY_AGREEMENT not in bits:
        yield error(
            "rfc5280.key_usage_needs_agreement",
            "encipherOnly and decipherOnly mean nothing without keyAgreement",
        )
    public_key = linted.public_key
    family = key_family(public_key) if public_key is not None else None
    if family is None:
        return  # fields.public_key_is_encoded_as_it_must_be says so
    for bit in sorted(bits):
        name = _NAMES[bit] if bit < len(_NAMES) else f"the unknown bit {bit}"
        if name not in ALLOWED_KEY_USAGES[family]:
            yield error(
                "rfc5280.key_usage_for_key",
                f"an {family} key cannot have {name} in keyUsage",
                help_text=f"remove {name}",
            )


def name_constraints_are_well_formed(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.2.1.10: a subtree at least; no minimum or maximum; bases of their form."""
    members = linted.members(NAME_CONSTRAINTS)
    if members is None:
        return
    subtrees = [der.children(subtree) for member in members for subtree in der.children(member)]
    if not subtrees or any(not der.children(member) for member in members):
        yield error("rfc5280.no_subtree", "nameConstraints has an empty list of subtrees")
    for subtree in subtrees:
        if len(subtree) != 1:
            yield error(
                "rfc5280.subtree_distance", "a subtree of nameConstraints has a minimum or maximum"
            )
        yield from _base_findings(subtree[0])


def _base_findings(base: der.Tlv) -> Iterator[Finding]:
    if base.tag == IP_ADDRESS and not _is_network(base.content):
        yield error(
            "rfc5280.subtree_network", "an iPAddress of nameConstraints is not a network with mask"
        )
    if base.tag == DNS_NAME and base.content.startswith(b"."):
        yield error("rfc5280.subtree_leading_dot", "a dNSName of nameConstraints begins with a dot")


def _is_network(content: bytes) -> bool:
    """Tell whether it is an address and a mask whose ones all come first (RFC 4632)."""
    if len(content) not in _NETWORK_LENGTHS:
        return False
    bits = len(content) * 4
    mask = int.from_bytes(content[len(content) // 2 :], "big")
    inverted = mask ^ ((1 << bits) - 1)
    return inverted & (inverted + 1) == 0


def policies_differ(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 section 4.2.1.4: at least one policy, none twice."""
    policies = linted.members(CERTIFICATE_POLICIES)
    if policies is None:
        return
    if not policies:
        yield error("rfc5280.no_policy", "certificatePolicies holds no policy")
    oids = [der.children(policy)[0].content for policy in policies]
    if len(set(oids)) != len(oids):
        yield error("rfc5280.repeated_policy", "certificatePolicies has a policy twice")


def notices_can_be_shown(linted: Linted) -> Iterator[Finding]:
    """RFC 6818 section 3: explicitText is a UTF8String of at most 200 characters."""
    for policy in linted.members(CERTIFICATE_POLICIES) or ():
        for qualifiers in der.children(policy)[1:]:
            for qualifier in der.children(qualifiers):
                oid, value = der.children(qualifier)
                if der.decode_oid(oid.content) == _USER_NOTICE:
                    yield from _notice_findings(value)


def _notice_findings(notice: der.Tlv) -> Iterator[Finding]:
    for text in der.children(notice):
        if text.tag == der.SEQUENCE:
            continue  # noticeRef
        if text.tag != der.UTF8_STRING:
            yield error("rfc5280.explicit_text_type", "an explicitText is not a UTF8String")
        elif not 0 < len(text.content.decode("utf-8")) <= MAX_EXPLICIT_TEXT:
            yield error(
                "rfc5280.explicit_text_length",
                f"an explicitText is empty or has more than {MAX_EXPLICIT_TEXT} characters",
            )


LINTS = (
    basic_constraints_are_critical_in_a_ca,
    path_length_needs_an_authority,
    issuer_may_issue,
    key_usage_fits_the_holder,
    end_entities_sign_no_crls,
    key_usage_fits_the_key,
    name_constraints_are_well_formed,
    policies_differ,
    notices_can_be_shown,
)

LINTS_OF_FRAME = (
    basic_constraints_are_critical_in_a_ca,
    path_length_needs_an_authority,
    issuer_may_issue,
    key_usage_fits_the_holder,
    end_entities_sign_no_crls,
    name_constraints_are_well_formed,
    policies_differ,
    notices_can_be_shown,
)
