"""issuingDistributionPoint (RFC 5280 section 5.2.5): which certificates a CRL is about."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.pkix import der

_DISTRIBUTION_POINT = 0xA0
_FULL_NAME = 0xA0
_URI = 0x86
_USER_CERTS = 0x81
_CA_CERTS = 0x82


@dataclass(frozen=True, slots=True)
class IssuingDistributionPoint:
    """
    The part of an authority's certificates that a CRL covers.

    `full_name` are URIs: those in cRLDistributionPoints of the certificates. Raises
    `InvalidValueError` (`crl.bad_distribution_point`) where nothing is said, both flags are set, or
    a URI is not ASCII.
    """

    full_name: tuple[str, ...] = ()
    only_contains_user_certs: bool = False
    only_contains_ca_certs: bool = False

    def __post_init__(self) -> None:
        if self.only_contains_user_certs and self.only_contains_ca_certs:
            raise _bad("a CRL cannot be about user certificates only and authorities only")
        if not (self.full_name or self.only_contains_user_certs or self.only_contains_ca_certs):
            raise _bad("an issuingDistributionPoint must say something")
        for uri in self.full_name:
            if not uri.isascii() or not uri:
                raise _bad(f"{quoted(uri)} cannot be the name of a distribution point")

    def encode(self) -> bytes:
        """Return the DER of the value."""
        return x509.IssuingDistributionPoint(
            full_name=[x509.UniformResourceIdentifier(uri) for uri in self.full_name] or None,
            relative_name=None,
            only_contains_user_certs=self.only_contains_user_certs,
            only_contains_ca_certs=self.only_contains_ca_certs,
            only_some_reasons=None,
            indirect_crl=False,
            only_contains_attribute_certs=False,
        ).public_bytes()


def parse_issuing_distribution_point(value_der: bytes) -> IssuingDistributionPoint:
    """
    Return the value that `value_der` encodes.

    Indirect CRLs, and those for some reasons or attribute certificates only, are refused: what is
    not on them means something else. Raises `InvalidValueError` (`der.not_strict`,
    `crl.bad_distribution_point`).
    """
    der.check_strict_der(value_der)
    full_name: tuple[str, ...] = ()
    flags = dict.fromkeys((_USER_CERTS, _CA_CERTS), False)
    last_tag = -1
    for member in der.children(der.expect(der.read_single(value_der), der.SEQUENCE)):
        if (position := member.tag & 0x1F) <= last_tag:
            raise der.not_strict("fields of issuingDistributionPoint are not in order")
        last_tag = position
        if member.tag == _DISTRIBUTION_POINT:
            full_name = _parse_full_name(member)
        elif member.tag in flags and member.content == b"\xff":
            flags[member.tag] = True
        else:
            raise _bad(
                f"the field with tag {member.tag:#04x} of issuingDistributionPoint is not supported"
            )
    return IssuingDistributionPoint(full_name, flags[_USER_CERTS], flags[_CA_CERTS])


def _parse_full_name(distribution_point: der.Tlv) -> tuple[str, ...]:
    names = der.children(distribution_point)
    if len(names) != 1 or names[0].tag != _FULL_NAME:
        raise _bad("the name of the distribution point is not a full name")
    uris = der.children(names[0])
    if not uris or not all(uri.tag == _URI and uri.content.isascii() for uri in uris):
        raise _bad("the full name of the distribution point does not consist of URIs")
    return tuple(uri.content.decode("ascii") for uri in uris)


def _bad(message: str) -> InvalidValueError:
    return InvalidValueError(
        message, help="see RFC 5280 section 5.2.5", code="crl.bad_distribution_point"
    )
