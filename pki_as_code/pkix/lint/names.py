"""Distinguished names and general names, on their raw encodings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cryptography.x509.oid import NameOID, ObjectIdentifier

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import has_hidden_characters, quoted
from pki_as_code.model import Finding
from pki_as_code.pkix import der
from pki_as_code.pkix.attributes import (
    BY_OID,
    IA5_STRING_TYPES,
    PRINTABLE_STRING_TYPES,
    attribute_name,
    value_problem,
)
from pki_as_code.pkix.dns import host_name, mailbox
from pki_as_code.pkix.lint.base import (
    ISSUER_ALTERNATIVE_NAME,
    SUBJECT_ALTERNATIVE_NAME,
    Linted,
    error,
    label,
    warning,
)
from pki_as_code.pkix.lookalikes import why_misread
from pki_as_code.pkix.uris import absolute_uri

OTHER_NAME: Final = 0xA0
RFC822_NAME: Final = 0x81
DNS_NAME: Final = 0x82
DIRECTORY_NAME: Final = 0xA4
URI: Final = 0x86
IP_ADDRESS: Final = 0x87
REGISTERED_ID: Final = 0x88

_ADDRESS_LENGTHS = (4, 16)
_CODECS: Final[Mapping[int, str]] = {
    der.UTF8_STRING: "utf-8",
    der.PRINTABLE_STRING: "ascii",
    der.IA5_STRING: "ascii",
    der.T61_STRING: "latin-1",
    der.BMP_STRING: "utf-16-be",
    der.UNIVERSAL_STRING: "utf-32-be",
}
_DIRECTORY_STRINGS = frozenset({der.UTF8_STRING, der.PRINTABLE_STRING})
_X500_UNIQUE_IDENTIFIER = NameOID.X500_UNIQUE_IDENTIFIER


def subject_is_well_formed(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 sections 4.1.2.4, 4.1.2.6 and appendix A.1: kinds of strings, alphabets, bounds."""
    yield from name_findings(linted.raw.subject, "the subject")


def subject_repeats_nothing(linted: Linted) -> Iterator[Finding]:
    """CA/B Forum BR section 7.1.4: at most one of each attribute that is not made for more."""
    seen: set[ObjectIdentifier] = set()
    for oid, _ in _attributes(linted.raw.subject):
        attribute_type = BY_OID.get(oid)
        if oid in seen and attribute_type is not None and not attribute_type.repeatable:
            yield error(
                "cabf.repeated_attribute", f"the subject has more than one {attribute_type.name}"
            )
        seen.add(oid)


def alternative_names_are_well_formed(linted: Linted) -> Iterator[Finding]:
    """RFC 5280 sections 4.2.1.6 and 4.2.1.7: at least one, each of its form."""
    for oid in (SUBJECT_ALTERNATIVE_NAME, ISSUER_ALTERNATIVE_NAME):
        names = linted.members(oid)
        if names is None:
            continue
        if not names:
            yield error("rfc5280.no_alternative_name", f"{label(oid)} holds no name")
        for name in names:
            yield from general_name_findings(name, label(oid))


def alternative_names_do_not_repeat(linted: Linted) -> Iterator[Finding]:
    """A name that stands twice is a mistake of whoever asked; some software refuses it."""
    seen: set[bytes] = set()
    for name in linted.members(SUBJECT_ALTERNATIVE_NAME) or ():
        if name.encoding in seen:
            yield error("rfc5280.repeated_name", "subjectAltName has a name twice")
            return
        seen.add(name.encoding)


def names_are_not_misread(linted: Linted) -> Iterator[Finding]:
    """UTS 39 sections 4 and 5: who approves a name by reading it should read what it is."""
    subject = linted.raw.subject
    # ASCII is what most are. Lengths and OIDs may have higher octets, too: then it is looked at.
    if not subject.encoding.isascii() or _has_a_label(subject):
        yield from _misread((text for _, value in _attributes(subject) for text in _strings(value)),
                            "the subject")  # fmt: skip
    names = linted.members(SUBJECT_ALTERNATIVE_NAME) or ()
    yield from _misread(
        (text for name in names for text in _texts_to_read(name)), label(SUBJECT_ALTERNATIVE_NAME)
    )


def _texts_to_read(name: der.Tlv) -> Iterator[str]:
    if name.tag in _TEXT_CHECKS:
        if _has_a_label(name):
            yield name.content.decode("ascii", "backslashreplace")
    elif name.is_constructed:
        yield from _strings(name)


def _has_a_label(value: der.Tlv) -> bool:
    return b"xn--" in value.encoding.lower()


def _misread(texts: Iterator[str], where: str) -> Iterator[Finding]:
    for text in texts:
        reason = why_misread(text)
        if reason is not None:
            shown = f"{quoted(text)} in {where}" if text.isascii() else where
            yield warning(
                "unicode.misread",
                f"{shown} may be taken for another name: {reason}",
                help_text="make sure that this is the name that was meant, letter by letter",
            )


def general_name_findings(name: der.Tlv, where: str) -> Iterator[Finding]:
    """Return what is wrong with one GeneralName, as encoded."""
    if name.tag == DIRECTORY_NAME:
        yield from _directory_name_findings(name, where)
    elif name.tag == IP_ADDRESS:
        if len(name.content) not in _ADDRESS_LENGTHS:
            yield error(
                "rfc5280.ip_address",
                f"an iPAddress of {where} has {len(name.content)} octets, not 4 or 16",
                help_text="a network can only be in name constraints",
            )
    elif name.tag in _TEXT_CHECKS:
        yield from _text_findings(name, where)
    elif name.tag == OTHER_NAME:
        if any(has_hidden_characters(text) for text in _strings(name)):
            yield _hidden(f"an otherName of {where}")
    elif name.tag != REGISTERED_ID:
        yield error("rfc5280.name_type", f"a name of {where} is of a type that nothing understands")


def name_findings(name: der.Tlv, where: str) -> Iterator[Finding]:
    """Return what is wrong with one Name, as encoded."""
    for rdn in der.children(name):
        if rdn.tag != der.SET or not der.children(rdn):
            yield error("rfc5280.empty_rdn", f"{where} has an RDN without attributes")
    for oid, value in _attributes(name):
        yield from _attribute_findings(oid, value, where)


def _attribute_findings(oid: ObjectIdentifier, value: der.Tlv, where: str) -> Iterator[Finding]:
    if oid == _X500_UNIQUE_IDENTIFIER and value.tag == der.BIT_STRING:
        return
    name = attribute_name(oid)
    codec = _CODECS.get(value.tag)
    if codec is None or value.tag not in _allowed_strings(oid):
        yield error(
            "rfc5280.string_type", f"{name} of {where} is not in the kind of string it must be in"
        )
    if codec is None:
        return
    try:
        text = value.content.decode(codec)
    except UnicodeDecodeError:
        yield error("rfc5280.string_alphabet", f"{name} of {where} cannot be decoded")
        return
    if value.tag == der.PRINTABLE_STRING and not _is_printable(text):
        yield error(
            "rfc5280.string_alphabet",
            f"{name} of {where} has characters that a PrintableString cannot have",
        )
    problem = value_problem(oid, text)
    if problem is not None:
        yield error(_VALUE_CODES.get(problem.code, "rfc5280.name_value"), problem.message)


_VALUE_CODES: Final[Mapping[str, str]] = {
    "name.empty_value": "rfc5280.empty_value",
    "name.value_length": "rfc5280.value_length",
    "name.value_alphabet": "rfc5280.string_alphabet",
    "name.hidden_character": "rfc5280.hidden_character",
}


def _allowed_strings(oid: ObjectIdentifier) -> frozenset[int]:
    if oid in PRINTABLE_STRING_TYPES:
        return frozenset({der.PRINTABLE_STRING})
    if oid in IA5_STRING_TYPES:
        return frozenset({der.IA5_STRING})
    return _DIRECTORY_STRINGS


def _is_printable(text: str) -> bool:
    return all(
        character.isascii() and (character.isalnum() or character in " '()+,-./:=?")
        for character in text
    )


def _directory_name_findings(name: der.Tlv, where: str) -> Iterator[Finding]:
    names = der.children(name)
    if len(names) != 1 or not names[0].content:
        yield error("rfc5280.directory_name", f"a directoryName of {where} is empty")
        return
    yield from name_findings(names[0], f"a directoryName of {where}")


def _text_findings(name: der.Tlv, where: str) -> Iterator[Finding]:
    code, kind, check = _TEXT_CHECKS[name.tag]
    try:
        text = name.content.decode("ascii")
    except UnicodeDecodeError:
        yield error(code, f"a {kind} of {where} is not ASCII")
        return
    if has_hidden_characters(text):
        yield _hidden(f"the {kind} {quoted(text)} of {where}")
        return
    try:
        check(text)
    except InvalidValueError as problem:
        yield error(code, f"{where}: {problem.message}", help_text=problem.help)


def _check_host_name(text: str) -> str:
    return host_name(text, wildcard=True)


_TEXT_CHECKS: Final[Mapping[int, tuple[str, str, Callable[[str], str]]]] = {
    RFC822_NAME: ("rfc5280.rfc822_name", "rfc822Name", mailbox),
    DNS_NAME: ("rfc5280.dns_name", "dNSName", _check_host_name),
    URI: ("rfc5280.uri", "uniformResourceIdentifier", absolute_uri),
}


def _attributes(name: der.Tlv) -> Iterator[tuple[ObjectIdentifier, der.Tlv]]:
    for rdn in der.children(name):
        for attribute in der.children(rdn) if rdn.is_constructed else ():
            oid, value = der.children(attribute)
            yield ObjectIdentifier(der.decode_oid(oid.content)), value


def _strings(value: der.Tlv) -> Iterator[str]:
    """Return every text inside a value."""
    codec = _CODECS.get(value.tag)
    if codec is not None:
        yield value.content.decode(codec, "backslashreplace")
    elif value.is_constructed:
        for member in der.children(value):
            yield from _strings(member)


def _hidden(what: str) -> Finding:
    return error(
        "rfc5280.hidden_character",
        f"{what} has control, bidirectional or zero-width characters",
        help_text="remove them; they make a name look like another one",
    )


LINTS = (
    subject_is_well_formed,
    subject_repeats_nothing,
    alternative_names_are_well_formed,
    alternative_names_do_not_repeat,
    names_are_not_misread,
)
