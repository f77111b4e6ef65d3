"""Whose names a certificate has, by what policies grant: who may do away with what others made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cryptography import x509
from cryptography.x509.oid import NameOID

from pki_as_code.model import Finding, RevokeCertificate, Source
from pki_as_code.pkix.extensions.parse import UNREADABLE
from pki_as_code.pkix.general_names import format_general_name
from pki_as_code.plan.policy_index import CompiledPolicy
from pki_as_code.plan.policy_judging import Rulebook
from pki_as_code.plan.policy_names import is_allowed
from pki_as_code.plan.policy_subjects import attribute_allowed

ADMINISTRATIVE = "revocations/"


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
    namespace = change.certificate.object_id.namespace
    for book in books:
        grants = [
            policy
            for policy in book.index.policies
            if policy.effect == "Grant"
            and (not policy.namespaces or namespace in policy.namespaces)
        ]
        for name in _names_of_others(certificate, grants):
            yield Finding(
                "policy.revocation_not_allowed",
                f"{namespace} did not ask for this certificate, and may not have {name} either",
                change.source or Source(change.path),
                help=f"have an administrator revoke it: a Revocation in {ADMINISTRATIVE}",
            )
            return


def _names_of_others(certificate: x509.Certificate, grants: list[CompiledPolicy]) -> Iterator[str]:
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
        if not any(is_allowed(name, grant.names) for grant in grants):
            yield format_general_name(name)
    for attribute in named:
        if not any(attribute_allowed(attribute, grant) for grant in grants):
            yield f"CN={attribute.value!s}"
