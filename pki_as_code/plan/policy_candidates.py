"""A certificate as it would be signed, taken apart for those who judge it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509

from pki_as_code.model import (
    CertificateRequest,
    Endorsement,
    ObjectId,
    RequestedExtension,
    RuleOutcome,
)
from pki_as_code.pkix.extensions import DERIVED, NAMES_BY_OID
from pki_as_code.pkix.extensions.extended_key_usage import purpose_name
from pki_as_code.pkix.extensions.parse import UNREADABLE

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

ANY_PURPOSE: Final = "anyExtendedKeyUsage"

_ONE_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A certificate as it would be signed, and for whom."""

    object_id: ObjectId
    issuer: str
    profile: str
    labels: frozenset[tuple[str, str]]
    names: tuple[x509.GeneralName, ...]
    subject: tuple[x509.NameAttribute[str | bytes], ...]
    """The attributes of all RDNs."""

    public_key: PublicKeyTypes
    lifetime: timedelta
    """From its issuance to its end."""

    extensions: tuple[str, ...]
    """All that it has: names, dotted object identifiers for others."""

    own_extensions: tuple[str, ...]
    """Those that are not just as its profile and its authority give them."""

    is_authority: bool = False
    is_readable: bool = True
    approvals: frozenset[str] | None = None
    """Owners who signed for it; None where nobody asked who did."""

    extended_key_usages: tuple[str, ...] | None = ()
    """By name, dotted object identifiers for others; None where they are nobody's concern."""

    author: str | None = None
    """Address of who made the last commit of it, by the word of that commit; empty where there is
    none, and None where nobody looked."""

    signers: frozenset[str] = frozenset()
    """Principals whose signatures it has, owners or not."""

    filled_in: tuple[str, ...] = ()
    """What decides about it and stands in none of the files that were signed for it."""

    outcomes: Mapping[str, RuleOutcome] = field(default_factory=dict)
    """What became of the rules, by expression; of one that is missing nobody knows."""

    @property
    def purposes(self) -> tuple[str, ...]:
        """What its key may be used for: one that says nothing of it is for everything."""
        if self.extended_key_usages is None:
            return ()
        return self.extended_key_usages or (ANY_PURPOSE,)


def make_candidate(
    certificate: x509.Certificate,
    request: CertificateRequest,
    given: Iterable[RequestedExtension],
    labels: Iterable[tuple[str, str]],
    now: datetime,
    endorsement: Endorsement | None = None,
) -> Candidate:
    """
    Return what there is to judge in `certificate`, drafted for `request`.

    `given` are the extensions that profile and authority give to every certificate, `endorsement`
    says who stands behind it; None where that is not looked at.
    """
    names: tuple[x509.GeneralName, ...] = ()
    extensions: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    is_authority, is_readable = False, True
    try:
        found = certificate.extensions
        extensions = tuple(_extension_name(extension.oid) for extension in found)
        for extension in found:
            if isinstance(extension.value, x509.SubjectAlternativeName):
                names = tuple(extension.value)
            elif isinstance(extension.value, x509.BasicConstraints):
                is_authority = extension.value.ca
            elif isinstance(extension.value, x509.ExtendedKeyUsage):
                purposes = tuple(purpose_name(oid.dotted_string) for oid in extension.value)
    except UNREADABLE:
        is_readable = False
    return Candidate(
        object_id=request.object_id,
        issuer=request.issuer,
        profile=request.profile,
        labels=frozenset(labels),
        names=names,
        subject=tuple(certificate.subject),
        public_key=certificate.public_key(),
        lifetime=_lifetime(certificate, request.backdate_seconds, now),
        extensions=extensions,
        own_extensions=tuple(_own_extensions(extensions, request.extensions, given)),
        is_authority=is_authority,
        is_readable=is_readable,
        approvals=endorsement.approvals if endorsement else None,
        extended_key_usages=purposes,
        author=endorsement.author_address if endorsement else None,
        signers=endorsement.signers if endorsement else frozenset(),
        filled_in=endorsement.filled_in if endorsement else (),
    )


def _extension_name(oid: x509.ObjectIdentifier) -> str:
    return NAMES_BY_OID.get(oid.dotted_string, oid.dotted_string)


def _lifetime(certificate: x509.Certificate, backdate_seconds: int, now: datetime) -> timedelta:
    """
    Return the time from issuance to the end, both seconds included (RFC 5280 section 4.1.2.5).

    Backdating, for clocks that are slow, is no time for which anybody has the certificate. It is
    cut short where the issuer is younger, and what was reserved earlier is not younger for that.
    """
    issued = certificate.not_valid_before_utc + timedelta(seconds=backdate_seconds)
    return certificate.not_valid_after_utc - min(issued, now.replace(microsecond=0)) + _ONE_SECOND


def _own_extensions(
    present: Sequence[str],
    asked: Iterable[RequestedExtension],
    given: Iterable[RequestedExtension],
) -> Iterator[str]:
    """Yield what is in a certificate otherwise than it is given, and what is left out of it."""
    wanted = {extension.name: extension for extension in asked}
    shared = {extension.name: extension for extension in given}
    for name in present:
        known = name in DERIVED or name in shared
        if not known or wanted.get(name) != shared.get(name):
            yield name
    for name in shared:
        if name not in present and name not in DERIVED:
            yield name
