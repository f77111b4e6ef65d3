"""What a rule of a policy sees of a certificate; `rules/variables.py` has the types."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from pki_as_code.model import Facts, JsonValue
from pki_as_code.pkix.algorithms import describe_key
from pki_as_code.pkix.attributes import attribute_name
from pki_as_code.pkix.general_names import format_general_name
from pki_as_code.plan.policy_candidates import Candidate
from pki_as_code.plan.policy_index import PolicyIndex

_OF_TYPE = {
    x509.DNSName: "san.dns",
    x509.IPAddress: "san.ip",
    x509.RFC822Name: "san.email",
    x509.UniformResourceIdentifier: "san.uri",
}


def expressions_about(index: PolicyIndex, candidate: Candidate) -> Iterator[str]:
    """Yield the rules of all policies that are about a certificate."""
    if not index.has_rules:
        return
    for policy in index.about(
        candidate.object_id.namespace, candidate.issuer, candidate.profile, candidate.labels
    ):
        yield from (rule.expression for rule in policy.rules)


def facts_of(candidate: Candidate) -> Facts:
    """
    Return the variables of a rule.

    Who stands behind the certificate is left out where nobody looked: a rule that depends on it is
    then neither met nor not.
    """
    facts: dict[str, JsonValue] = {
        **_names(candidate),
        "subject": _subject(candidate),
        **_key(candidate),
        "validity": int(candidate.lifetime.total_seconds()),
        "extensions": list(candidate.extensions),
        "extendedKeyUsage": list(candidate.extended_key_usages or ()),
        "metadata.namespace": candidate.object_id.namespace,
        "metadata.name": candidate.object_id.name,
        "metadata.labels": dict(candidate.labels),
        "issuer": candidate.issuer,
        "profile": candidate.profile,
    }
    if candidate.author is not None:
        facts["author"] = candidate.author
        facts["signers"] = sorted(candidate.signers)
        facts["approvals"] = sorted(candidate.approvals or ())
    return facts


def _names(candidate: Candidate) -> dict[str, list[JsonValue]]:
    found: dict[str, list[JsonValue]] = {name: [] for name in (*_OF_TYPE.values(), "san.other")}
    for name in candidate.names:
        place = _OF_TYPE.get(type(name))
        if place is None:
            found["san.other"].append(format_general_name(name))
        else:
            found[place].append(str(name.value))
    return found


def _subject(candidate: Candidate) -> dict[str, JsonValue]:
    found: dict[str, list[JsonValue]] = {}
    for attribute in candidate.subject:
        value = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
        found.setdefault(attribute_name(attribute.oid), []).append(value)
    return dict(found)


def _key(candidate: Candidate) -> dict[str, JsonValue]:
    """Return type, size and curve, as a CertificateAuthority writes them for its own key."""
    key, name = candidate.public_key, describe_key(candidate.public_key)
    if isinstance(key, ec.EllipticCurvePublicKey):
        type_, size, curve = "EC", key.key_size, name
    elif isinstance(key, rsa.RSAPublicKey | dsa.DSAPublicKey):
        type_, size, curve = name.partition("-")[0], key.key_size, ""
    else:
        type_, size, curve = name, 0, ""
    return {"key.type": type_, "key.size": size, "key.curve": curve}
