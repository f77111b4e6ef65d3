"""Host names and mailboxes as certificates carry them: IDNA 2008 A-labels, lower-case."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final

import idna

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import has_hidden_characters, quoted

MAX_DOMAIN_LENGTH: Final = 253
MAX_LABEL_LENGTH: Final = 63
MAX_LOCAL_PART_LENGTH: Final = 64
MAX_MAILBOX_LENGTH: Final = 254
MAX_TEXT_LENGTH: Final = 2048
_LABELS_AFTER_WILDCARD = 2

_LDH_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_DIGITS_AND_DOTS = re.compile(r"[\[\]0-9.]*")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Names that `host_name` returns as they are. The last label begins with a letter, so that it is no
# number and the whole no address; labels with hyphens in third and fourth place need a closer look.
_PLAIN_LABEL = "(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_NAME = re.compile(rf"(?:{_PLAIN_LABEL}\.)*(?=[a-z]){_PLAIN_LABEL}")
_PLAIN_WILDCARD = re.compile(rf"\*(?:\.{_PLAIN_LABEL})+\.(?=[a-z]){_PLAIN_LABEL}")
# RFC 5321 section 4.1.2: Dot-string. Quoted strings are legal and are never what was meant.
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def host_name(text: str, *, wildcard: bool = False) -> str:
    """
    Return the A-label form of a host name, lower-case (RFC 5280 sections 4.2.1.6 and 7.2).

    U-labels are normalised to NFC, lower-cased and encoded by IDNA 2008; A-labels must be the
    encoding of what they decode to. `wildcard` allows `*` as the whole left-most label with two
    labels after it. Raises `InvalidValueError` (`general_name.*`).
    """
    if len(text) <= MAX_DOMAIN_LENGTH and (
        _PLAIN_NAME.fullmatch(text) or (wildcard and _PLAIN_WILDCARD.fullmatch(text))
    ):
        return str(text)  # what nearly all are
    return checked_host_name(text, wildcard=wildcard)


def checked_host_name(text: str, *, wildcard: bool) -> str:
    """Do what `host_name` does, for every name; a test holds that the two give the same."""
    if len(text) > MAX_TEXT_LENGTH:
        raise _bad_host(text, f"it has more than {MAX_DOMAIN_LENGTH} characters")
    if has_hidden_characters(text):
        raise hidden_character(text)
    if not text:
        raise _bad_host(text, "it is empty")
    _refuse_ip_address(text)
    labels = text.split(".")
    prefix = ""
    if wildcard and labels[0] == "*":
        if len(labels) <= _LABELS_AFTER_WILDCARD:
            raise _bad_host(
                text, "a wildcard needs at least two labels after it", code="bad_wildcard"
            )
        prefix, labels = "*.", labels[1:]
    name = prefix + ".".join(_encode_label(text, label) for label in labels)
    if len(name) > MAX_DOMAIN_LENGTH:
        raise _bad_host(text, f"it has more than {MAX_DOMAIN_LENGTH} characters")
    if _NUMERIC_LABEL.fullmatch(name.rpartition(".")[2]):
        raise _bad_host(text, "its last label is a number, as in an IP address")
    return name


def mailbox(text: str) -> str:
    """
    Return a mailbox with its domain as `host_name` has it (RFC 5280 section 4.2.1.6).

    The local part must be ASCII; `otherName` with SmtpUTF8Mailbox is for the others (RFC 9598).
    Raises `InvalidValueError` (`general_name.*`).
    """
    if has_hidden_characters(text):
        raise hidden_character(text)
    local_part, at, domain = text.partition("@")
    if not at or "@" in domain:
        raise _bad_mailbox(text, "it must have exactly one '@'")
    if not local_part.isascii():
        raise _bad_mailbox(
            text,
            "its local part is not ASCII",
            help="write otherName:1.3.6.1.5.5.7.8.9;UTF8:<address> (SmtpUTF8Mailbox, RFC 9598)",
        )
    if not _LOCAL_PART.fullmatch(local_part) or len(local_part) > MAX_LOCAL_PART_LENGTH:
        raise _bad_mailbox(text, "what stands before the '@' is not a local part")
    address = f"{local_part}@{host_name(domain)}"
    if len(address) > MAX_MAILBOX_LENGTH:
        raise _bad_mailbox(text, f"it has more than {MAX_MAILBOX_LENGTH} characters")
    return address


def hidden_character(text: str) -> InvalidValueError:
    """Return the error for a name with characters that a reader would not see."""
    return InvalidValueError(
        f"{quoted(text)} has control, bidirectional or zero-width characters",
        help="remove them; they make a name look like another one",
        code="general_name.hidden_character",
    )


def _encode_label(text: str, label: str) -> str:
    if label.isascii():
        lowered = label.lower()
        _check_ldh(text, lowered)
        if lowered[2:4] == "--":
            _check_a_label(text, lowered)
        return lowered
    # RFC 5895 section 2: lower case first, then NFC. Anything more (width, ligatures) is the
    # mapping of IDNA 2003, which turns one name into another.
    lowered = unicodedata.normalize("NFC", unicodedata.normalize("NFC", label).lower())
    try:
        encoded = idna.alabel(lowered).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise _bad_host(
            text, f"the label {quoted(label)} is not valid in IDNA 2008", code="bad_idn"
        ) from None
    return encoded


def _check_ldh(text: str, label: str) -> None:
    if not label:
        reason = "it has an empty label (a dot too many)"
    elif len(label) > MAX_LABEL_LENGTH:
        reason = f"the label {quoted(label)} has more than {MAX_LABEL_LENGTH} characters"
    elif label == "*" or "*" in label:
        raise _bad_host(
            text, "a wildcard is the whole left-most label or nothing", code="bad_wildcard"
        )
    elif not _LDH_LABEL.fullmatch(label):
        reason = f"the label {quoted(label)} is not made of letters, digits and inner hyphens"
    else:
        return
    raise _bad_host(text, reason)


def _check_a_label(text: str, label: str) -> None:
    """RFC 5890 section 2.3.1: two hyphens in third and fourth place are only for A-labels."""
    reason = f"the label {quoted(label)} is not an A-label of IDNA 2008"
    if not label.startswith("xn--"):
        raise _bad_host(text, reason, code="bad_idn")
    try:
        u_label = idna.ulabel(label)
        if not u_label.isascii() and idna.alabel(u_label) == label.encode("ascii"):
            return
    except (idna.IDNAError, UnicodeError):
        pass
    raise _bad_host(text, reason, code="bad_idn")


def _refuse_ip_address(text: str) -> None:
    if ":" not in text and not _DIGITS_AND_DOTS.fullmatch(text):
        return  # what nearly all are: only colons, or digits alone, make an address
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return
    raise _bad_host(text, "it is an IP address", help=f"write IP:{text.strip('[]')}")


def _bad_host(
    text: str, reason: str, *, help: str = "", code: str = "bad_dns_name"
) -> InvalidValueError:
    return InvalidValueError(
        f"{quoted(text)} is not a host name: {reason}",
        help=help or "write a name like api.example.com or *.example.com, without port or path",
        code=f"general_name.{code}",
    )


def _bad_mailbox(text: str, reason: str, *, help: str = "") -> InvalidValueError:
    return InvalidValueError(
        f"{quoted(text)} is not an e-mail address: {reason}",
        help=help or "write an address like user@example.com",
        code="general_name.bad_email",
    )
