"""
Distinguished names from and to text, in the order in which the certificate has them.

RFC 4514 writes a name backwards; this project, like most people, writes `C=AT,O=Example,CN=x` for
a certificate whose first RDN is the country. Everything else follows RFC 4514.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import has_hidden_characters, quoted
from pki_as_code.pkix.attributes import (
    BY_NAME,
    BY_OID,
    IA5_STRING_TYPES,
    PRINTABLE_STRING_TYPES,
    Attribute,
    attribute_name,
    default_rank,
    hidden_character,
    invalid_name,
    make_attribute,
)
from pki_as_code.pkix.der import (
    BIT_STRING,
    IA5_STRING,
    PRINTABLE_STRING,
    UTF8_STRING,
    encode_tlv,
    read_single,
)

MAX_TEXT_LENGTH: Final = 8192
MAX_ATTRIBUTES: Final = 64

_REMEMBERED: Final = 512
"""Many certificates share the subject of a profile, and each one's own is parsed several times."""

_OID = r"(?:0|1)\.(?:[0-9]|[1-3][0-9])(?:\.(?:0|[1-9][0-9]{0,30})){0,30}"
_OID = rf"{_OID}|2(?:\.(?:0|[1-9][0-9]{{0,30}})){{1,30}}"
_KEY = rf" *(?:OID\.)?(?P<key>{_OID}|[A-Za-z][A-Za-z0-9-]*) *="
_ESCAPED = r'\\[ "#+,;<=>\\]|\\[0-9A-Fa-f]{2}'
_RFC4514_ATTRIBUTE = re.compile(rf'{_KEY}(?P<value>(?:[^\\"+,;<>]|{_ESCAPED})*)', re.IGNORECASE)
_RFC4514_TOKEN = re.compile(rf"{_ESCAPED}|[^\\]", re.DOTALL)
_OPENSSL_ATTRIBUTE = re.compile(rf"{_KEY}(?P<value>(?:[^\\/+]|\\.)*)", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z0-9._@/:*-]+")
_ESCAPE_WITH_BACKSLASH = frozenset('\\"+,;<>')


@lru_cache(maxsize=_REMEMBERED)
def parse_name(text: str, *, form: str = "rfc4514") -> x509.Name:
    """
    Return the name `text` writes, its RDNs in the order typed; an empty name for empty text.

    `form` is `rfc4514` (`C=AT,CN=x`) or `openssl` (`/C=AT/CN=x`). Attribute names are taken in any
    case, short or long (`CN`, `commonName`), or as dotted OIDs; `a+b` is an RDN with two values.
    Values keep the encodings and upper bounds of RFC 5280 section 4.1.2.4 and appendix A.1. Only
    OU, DC and STREET may stand more than once. Raises `InvalidValueError` (`name.*`).
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise invalid_name(f"a name has {len(text)} characters, at most {MAX_TEXT_LENGTH} are read")
    if has_hidden_characters(text):
        raise hidden_character(text)
    if form == "openssl":
        rdns = _parse_openssl(text)
    elif form == "rfc4514":
        rdns = _parse_rfc4514(text)
    else:
        raise InvalidValueError(
            f"{quoted(form)} is not a form of names",
            help="use rfc4514 or openssl",
            code="name.unknown_form",
        )
    _check_repeats(rdns)
    return x509.Name([x509.RelativeDistinguishedName(attributes) for attributes in rdns])


def parse_name_der(der: bytes) -> x509.Name:
    """
    Return the name in a DER encoding, every value decoded.

    A name in a certificate of somebody else may break the upper bounds, which cryptography would
    tell with a warning. Raises `InvalidValueError` (`name.malformed`) when it cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return x509.Name.from_bytes(der)
        except (ValueError, TypeError, AssertionError):
            raise invalid_name("a distinguished name is malformed", code="name.malformed") from None


def format_name(name: x509.Name) -> str:
    """
    Return the canonical text of `name`, RDNs in certificate order: `C=AT,O=Example,CN=x`.

    `parse_name` reads it back to an equal name, whenever that name keeps its rules. Characters
    that would not be seen are written as hex pairs, so the text is always safe to show.
    """
    return ",".join(
        "+".join(sorted(_format_attribute(attribute) for attribute in rdn)) for rdn in name.rdns
    )


def merge_names(base: x509.Name, override: x509.Name) -> x509.Name:
    """
    Return `override` over `base`, sorted in the default name order.

    For every attribute type that `override` has, its values replace those of `base`, all of them
    for OU, DC and STREET. Without a base the override stays as it was typed.
    """
    if not base.rdns:
        return override
    overridden = {attribute.oid for attribute in override}
    rdns = []
    for rdn in base.rdns:
        kept = [attribute for attribute in rdn if attribute.oid not in overridden]
        if kept:
            rdns.append(x509.RelativeDistinguishedName(kept))
    merged = [*rdns, *override.rdns]
    return x509.Name(sorted(merged, key=_rank))


def common_name(name: x509.Name) -> str | None:
    """Return the common name, the last and so most specific one if there are several."""
    values = [attribute.value for attribute in name if attribute.oid == NameOID.COMMON_NAME]
    return values[-1] if values and isinstance(values[-1], str) else None


def with_common_name(name: x509.Name, text: str) -> x509.Name:
    """
    Return `name` with that common name: in the place of the one it has, else in default order.

    Raises `InvalidValueError` when `text` cannot be a common name (more than 64 characters).
    """
    attribute = make_attribute(NameOID.COMMON_NAME, text)
    if common_name(name) is None:
        return merge_names(name, x509.Name([attribute]))
    return x509.Name(
        [
            x509.RelativeDistinguishedName(
                attribute if member.oid == NameOID.COMMON_NAME else member for member in rdn
            )
            for rdn in name.rdns
        ]
    )


def _parse_rfc4514(text: str) -> list[list[Attribute]]:
    if not text:
        return []
    rdns: list[list[Attribute]] = [[]]
    position = 0
    while True:
        match = _RFC4514_ATTRIBUTE.match(text, position)
        if match is None:
            raise _syntax_error(text, position)
        position = match.end()
        separator = text[position : position + 1]
        if separator not in {"", ",", "+"}:
            raise _syntax_error(text, position)
        rdns[-1].append(_rfc4514_attribute(match))
        if not separator:
            return rdns
        if separator == ",":
            rdns.append([])
        position += 1


def _rfc4514_attribute(match: re.Match[str]) -> Attribute:
    oid = _attribute_oid(match["key"])
    value = match["value"]
    if value.startswith("#"):
        return make_attribute(oid, _decode_hex_value(oid, value))
    if "\\" not in value and value[:1] != " " and value[-1:] != " ":
        return make_attribute(oid, value)  # what nearly all are: nothing to be unescaped
    tokens = _RFC4514_TOKEN.findall(value)
    if tokens and " " in {tokens[0], tokens[-1]}:
        raise invalid_name(
            f"the value {quoted(value)} begins or ends with a blank",
            help=r"write the blank as '\ ' if it belongs to the value, else remove it",
        )
    octets = b"".join(_unescape(token) for token in tokens)
    try:
        return make_attribute(oid, octets.decode())
    except UnicodeDecodeError:
        raise invalid_name(f"the hex pairs in {quoted(value)} are not UTF-8") from None


def _unescape(token: str) -> bytes:
    """RFC 4514 section 3: `\\2C` is an octet, `\\,` the character itself."""
    if token[0] != "\\":
        return token.encode()
    return bytes.fromhex(token[1:]) if len(token) == 3 else token[1:].encode()  # noqa: PLR2004


def _decode_hex_value(oid: ObjectIdentifier, value: str) -> str:
    """RFC 4514 section 2.4: `#` and the encoding in hex. What is typed is what will be signed."""
    tag = UTF8_STRING
    if oid in PRINTABLE_STRING_TYPES:
        tag = PRINTABLE_STRING
    elif oid in IA5_STRING_TYPES:
        tag = IA5_STRING
    try:
        tlv = read_single(bytes.fromhex(value[1:]))
        if tlv.tag == tag:
            return tlv.content.decode()
    except ValueError:
        pass
    raise invalid_name(
        f"the value {quoted(value)} is not the encoding of a string as "
        f"{attribute_name(oid)} has it",
        help=r"write the text itself, and '\#' when it begins with a number sign",
    )


def _parse_openssl(text: str) -> list[list[Attribute]]:
    if text in {"", "/"}:
        return []
    rdns: list[list[Attribute]] = []
    position = 0
    while position < len(text):
        separator = text[position]
        match = _OPENSSL_ATTRIBUTE.match(text, position + 1)
        if match is None or separator not in ("/+" if rdns else "/"):
            raise _syntax_error(text, position, example="/C=AT/O=Example/CN=example.com")
        value = re.sub(r"\\(.)", r"\1", match["value"])
        attribute = make_attribute(_attribute_oid(match["key"]), value)
        if separator == "/":
            rdns.append([attribute])
        else:
            rdns[-1].append(attribute)
        position = match.end()
    return rdns


def _attribute_oid(key: str) -> ObjectIdentifier:
    attribute_type = BY_NAME.get(key.lower())
    if attribute_type is not None:
        return attribute_type.oid
    if key[0].isdigit():
        return ObjectIdentifier(key)
    raise InvalidValueError(
        f"{quoted(key)} is not an attribute of a distinguished name",
        help="use one like C, ST, L, O, OU, CN, emailAddress, or a dotted OID",
        code="name.unknown_attribute",
    )


def _check_repeats(rdns: Iterable[list[Attribute]]) -> None:
    seen: set[ObjectIdentifier] = set()
    count = 0
    for attributes in rdns:
        in_this_rdn: set[ObjectIdentifier] = set()
        for attribute in attributes:
            count += 1
            attribute_type = BY_OID.get(attribute.oid)
            repeatable = attribute_type is not None and attribute_type.repeatable
            if attribute.oid in (in_this_rdn if repeatable else seen):
                raise invalid_name(
                    f"the name has more than one {attribute_name(attribute.oid)}",
                    help="only OU, DC and STREET may stand more than once",
                    code="name.repeated_attribute",
                )
            in_this_rdn.add(attribute.oid)
        seen |= in_this_rdn
    if count > MAX_ATTRIBUTES:
        raise invalid_name(f"a name has {count} attributes, at most {MAX_ATTRIBUTES} are read")


def _format_attribute(attribute: Attribute) -> str:
    value = attribute.value
    text = "#" + encode_tlv(BIT_STRING, value).hex() if isinstance(value, bytes) else _escape(value)
    return f"{attribute_name(attribute.oid)}={text}"


def _escape(value: str) -> str:
    """RFC 4514 section 2.4, and hex pairs for characters that are not seen."""
    if _PLAIN.fullmatch(value):
        return value
    last = len(value) - 1
    escaped = []
    for position, character in enumerate(value):
        is_outer_blank = character == " " and position in {0, last}
        if character in _ESCAPE_WITH_BACKSLASH or is_outer_blank:
            escaped.append(f"\\{character}")
        elif character == "#" and position == 0:
            escaped.append("\\#")
        elif has_hidden_characters(character):
            octets = character.encode("utf-8", "surrogatepass")
            escaped.append("".join(f"\\{octet:02X}" for octet in octets))
        else:
            escaped.append(character)
    return "".join(escaped)


def _rank(rdn: x509.RelativeDistinguishedName) -> int:
    return min(default_rank(attribute.oid) for attribute in rdn)


def _syntax_error(
    text: str, position: int, example: str = "C=AT,O=Example,CN=example.com"
) -> InvalidValueError:
    return invalid_name(
        f"the name {quoted(text)} cannot be read at character {position + 1}",
        help=f"write it like {example}, and a backslash before a comma, plus, quote or backslash",
    )
