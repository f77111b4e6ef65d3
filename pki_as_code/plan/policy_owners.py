"""Whose names a certificate has, by what policies grant: who may do away with what others made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from cryptography import x509
from cryptography.x509.oid import NameOID

from pki_as_code.model import Finding, RevokeCertificate, Source
from pki_as_code.pkix.extensions.parse import UNREADABLE
from pki_as_code.pkix.general_names import format_general_name
from pki_as_code.plan.policy_index import CompiledPolicy
from pki_as_code.plan.policy_judging import Rulebook
from pki_as_code.plan.policy_names import is_allowed, is_kept_out
from pki_as_code.plan.policy_subjects import Attribute, attribute_allowed, attribute_kept_out

ADMINISTRATIVE = "revocations/"
EFFECTS = ("Grant", "Limit", "Deny")


def needs_no_owner(change: RevokeCertificate) -> bool:
    """Tell whether it is revoked by an administrator, or was signed here for whoever asks now."""
    return bool(change.certificate.request_digest) or change.path.startswith(ADMINISTRATIVE)


def not_theirs_to_revoke(
    change: RevokeCertificate, certificate: x509.Certificate, books: Iterable[Rulebook]
) -> Iterator[Finding]:
    """
    Yield an error when a team revokes what it adopted, and has names that nobody granted it.

    To adopt a certificate takes nothing but a copy of it, and signs nothing. To revoke it would
    take it from whoever uses it.
    """
    namespace, issuer = change.certificate.object_id.namespace, change.certificate.issuer
    for book in books:
        policies = [
            policy
            for policy in book.index.policies
            if (not policy.namespaces or namespace in policy.namespaces)
            and (not policy.issuers or issuer in policy.issuers)
        ]
        for name in _names_of_others(certificate, policies):
            yield Finding(
                "policy.revocation_not_allowed",
                f"{namespace} did not ask for this certificate, and may not have {name} either",
                change.source or Source(change.path),
                help=f"have an administrator revoke it: a Revocation in {ADMINISTRATIVE}",
            )
            return


def _names_of_others(
    certificate: x509.Certificate, policies: Sequence[CompiledPolicy]
) -> Iterator[str]:
    """Yield what none of these allows; that there is nothing to tell by, as well."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = list(extension.value)
    except x509.ExtensionNotFound:
        names = []
    except UNREADABLE:
        yield "a certificate that cannot be read"
        return
    named = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if not names and not named:
        yield "a certificate without a name"
    for name in names:
        if not _is_theirs(policies, partial(_has_name, name)):
            yield format_general_name(name)
    for attribute in named:
        if not _is_theirs(policies, partial(_has_attribute, attribute)):
            yield f"CN={attribute.value!s}"


_Has = Callable[[CompiledPolicy], bool]
"""Whether a Grant or a Limit allows a thing, or a Deny keeps it out."""


def _is_theirs(policies: Sequence[CompiledPolicy], has: _Has) -> bool:
    """Tell it as `judge` does, of one name alone: one Grant, every Limit, no Deny."""
    by_effect = {effect: [p for p in policies if p.effect == effect] for effect in EFFECTS}
    return (
        any(map(has, by_effect["Grant"]))
        and all(map(has, by_effect["Limit"]))
        and not any(p.denies_all or has(p) for p in by_effect["Deny"])
    )


def _has_name(name: x509.GeneralName, policy: CompiledPolicy) -> bool:
    if policy.effect == "Deny":
        return is_kept_out(name, policy.names)
    return not policy.bounds(name) or is_allowed(name, policy.names)


def _has_attribute(attribute: Attribute, policy: CompiledPolicy) -> bool:
    test = attribute_kept_out if policy.effect == "Deny" else attribute_allowed
    return test(attribute, policy)
