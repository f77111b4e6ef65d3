"""The attributes a distinguished name may have: spelling, encoding, bounds, default order."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import has_hidden_characters, quoted


@dataclass(frozen=True, slots=True)
class AttributeType:
    """One row of the table."""

    oid: ObjectIdentifier
    name: str
    """As `format_name` writes it: the short name of RFC 4514, else the name of X.520."""

    upper_bound: int
    """Characters (RFC 5280 appendix A.1, X.520 annex C)."""

    aliases: tuple[str, ...] = ()
    lower_bound: int = 1
    repeatable: bool = False


_UB_NAME = 32768

ATTRIBUTE_TYPES: Final = (
    AttributeType(NameOID.DN_QUALIFIER, "dnQualifier", 64),
    AttributeType(NameOID.COUNTRY_NAME, "C", 2, ("countryName",), lower_bound=2),
    AttributeType(NameOID.POSTAL_CODE, "postalCode", 40),
    AttributeType(NameOID.STATE_OR_PROVINCE_NAME, "ST", 128, ("S", "stateOrProvinceName")),
    AttributeType(NameOID.LOCALITY_NAME, "L", 128, ("localityName",)),
    AttributeType(NameOID.DOMAIN_COMPONENT, "DC", 63, ("domainComponent",), repeatable=True),
    AttributeType(NameOID.ORGANIZATION_NAME, "O", 64, ("organizationName",)),
    AttributeType(
        NameOID.ORGANIZATIONAL_UNIT_NAME,
        "OU",
        64,
        ("organizationalUnitName",),
        repeatable=True,
    ),
    AttributeType(NameOID.TITLE, "title", 64, ("T",)),
    AttributeType(NameOID.COMMON_NAME, "CN", 64, ("commonName",)),
    AttributeType(NameOID.USER_ID, "UID", 256, ("userId",)),
    AttributeType(NameOID.EMAIL_ADDRESS, "emailAddress", 255, ("E", "email")),
    AttributeType(NameOID.SERIAL_NUMBER, "serialNumber", 64),
    AttributeType(NameOID.STREET_ADDRESS, "STREET", 128, ("streetAddress",), repeatable=True),
    AttributeType(NameOID.SURNAME, "surname", _UB_NAME, ("SN",)),
    AttributeType(NameOID.GIVEN_NAME, "givenName", _UB_NAME, ("GN", "G")),
    AttributeType(ObjectIdentifier("2.5.4.41"), "name", _UB_NAME),
    AttributeType(ObjectIdentifier("2.5.4.13"), "description", 1024),
    AttributeType(NameOID.INITIALS, "initials", _UB_NAME),
    AttributeType(NameOID.GENERATION_QUALIFIER, "generationQualifier", _UB_NAME),
    AttributeType(NameOID.PSEUDONYM, "pseudonym", 128),
    AttributeType(NameOID.BUSINESS_CATEGORY, "businessCategory", 128),
    AttributeType(NameOID.ORGANIZATION_IDENTIFIER, "organizationIdentifier", 256),
    AttributeType(NameOID.POSTAL_ADDRESS, "postalAddress", 256),
    AttributeType(NameOID.UNSTRUCTURED_NAME, "unstructuredName", 255),
    AttributeType(
        NameOID.JURISDICTION_COUNTRY_NAME,
        "jurisdictionCountryName",
        2,
        ("jurisdictionC",),
        lower_bound=2,
    ),
    AttributeType(
        NameOID.JURISDICTION_STATE_OR_PROVINCE_NAME,
        "jurisdictionStateOrProvinceName",
        128,
        ("jurisdictionST",),
    ),
    AttributeType(
        NameOID.JURISDICTION_LOCALITY_NAME, "jurisdictionLocalityName", 128, ("jurisdictionL",)
    ),
    AttributeType(NameOID.INN, "inn", 64),
    AttributeType(NameOID.OGRN, "ogrn", 64),
    AttributeType(NameOID.SNILS, "snils", 64),
)

BY_OID: Final[Mapping[ObjectIdentifier, AttributeType]] = {
    attribute_type.oid: attribute_type for attribute_type in ATTRIBUTE_TYPES
}
BY_NAME: Final[Mapping[str, AttributeType]] = {
    name.lower(): attribute_type
    for attribute_type in ATTRIBUTE_TYPES
    for name in (attribute_type.name, *attribute_type.aliases)
}

UNLISTED_UPPER_BOUND: Final = 1024
"""Characters of a value whose attribute type is not in the table."""

PRINTABLE_STRING_TYPES: Final = frozenset(
    {
        NameOID.COUNTRY_NAME,
        NameOID.JURISDICTION_COUNTRY_NAME,
        NameOID.SERIAL_NUMBER,
        NameOID.DN_QUALIFIER,
    }
)
IA5_STRING_TYPES: Final = frozenset({NameOID.DOMAIN_COMPONENT, NameOID.EMAIL_ADDRESS})

_COUNTRY = re.compile(r"[A-Za-z]{2}")
_PRINTABLE_STRING = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*")

Attribute = x509.NameAttribute[str | bytes]

_DEFAULT_ORDER = (
    *("dnQualifier", "C", "postalCode", "ST", "L", "DC", "O", "OU", "title"),
    *("CN", "UID", "emailAddress", "serialNumber"),
)
_RANK: Mapping[ObjectIdentifier, int] = {
    BY_NAME[name.lower()].oid: 2 * position for position, name in enumerate(_DEFAULT_ORDER)
}


def default_rank(oid: ObjectIdentifier) -> int:
    """Return where an attribute type stands in the default order; unlisted ones before the CN."""
    return _RANK.get(oid, _RANK[NameOID.COMMON_NAME] - 1)


def attribute_name(oid: ObjectIdentifier) -> str:
    """Return the canonical name of an attribute type: `CN`, `surname`, or dotted."""
    attribute_type = BY_OID.get(oid)
    return attribute_type.name if attribute_type else oid.dotted_string


def make_attribute(oid: ObjectIdentifier, value: str) -> Attribute:
    """
    Return an attribute in the encoding its type wants (RFC 5280 appendix A.1).

    Raises `InvalidValueError` (`name.*`) for a value it may not have.
    """
    problem = value_problem(oid, value)
    if problem is not None:
        raise problem
    if oid != NameOID.COMMON_NAME or value.isascii():
        return x509.NameAttribute(oid, value)
    # cryptography counts octets where the standard counts characters.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.NameAttribute(oid, value, _validate=False)


def value_problem(oid: ObjectIdentifier, value: str) -> InvalidValueError | None:
    """Return why `value` cannot stand under this attribute type; None when it can."""
    name = attribute_name(oid)
    attribute_type = BY_OID.get(oid)
    lower, upper = (
        (attribute_type.lower_bound, attribute_type.upper_bound)
        if attribute_type
        else (1, UNLISTED_UPPER_BOUND)
    )
    if not value.strip():
        return invalid_name(f"{name} has no value", code="name.empty_value")
    if has_hidden_characters(value):
        return hidden_character(value)
    if not lower <= len(value) <= upper:
        bound = f"exactly {upper}" if lower == upper else f"at most {upper}"
        return invalid_name(
            f"{name} {quoted(value)} has {len(value)} characters instead of {bound}",
            code="name.value_length",
        )
    return _alphabet_problem(oid, name, value)


def _alphabet_problem(oid: ObjectIdentifier, name: str, value: str) -> InvalidValueError | None:
    if oid in IA5_STRING_TYPES and not value.isascii():
        return invalid_name(f"{name} {quoted(value)} is not ASCII", code="name.value_alphabet")
    if oid in PRINTABLE_STRING_TYPES and not _PRINTABLE_STRING.fullmatch(value):
        return invalid_name(
            f"{name} {quoted(value)} has characters that a PrintableString cannot have",
            code="name.value_alphabet",
        )
    is_country = oid in {NameOID.COUNTRY_NAME, NameOID.JURISDICTION_COUNTRY_NAME}
    if is_country and not _COUNTRY.fullmatch(value):
        return invalid_name(
            f"{name} {quoted(value)} is not a country code of two letters",
            code="name.value_alphabet",
        )
    return None


def hidden_character(text: str) -> InvalidValueError:
    return InvalidValueError(
        f"{quoted(text)} has control, bidirectional or zero-width characters",
        help="remove them; they make a name look like another one",
        code="name.hidden_character",
    )


def invalid_name(
    message: str,
    *,
    help: str = "see RFC 4514 for how a name is written",
    code: str = "name.invalid",
) -> InvalidValueError:
    return InvalidValueError(message, help=help, code=code)
