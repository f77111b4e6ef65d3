"""One object out of a file that is PEM (RFC 7468) or DER, and nothing else beside it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.pkix.der import INTEGER, SEQUENCE, read_tlv

_BEGIN = b"-----BEGIN "
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|AGE-SECRET-KEY-1|PuTTY-User-Key-File"
)
_BLOCK = re.compile(
    rb"^-----BEGIN (?P<label>[^\r\n-]{0,64})-----[ \t]*[\r\n]"
    rb"(?P<body>[^-]*)"
    rb"^-----END (?P<end>[^\r\n-]{0,64})-----",
    re.MULTILINE,
)
_ENCRYPTIONS = (
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05",
    b"\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c",
)
"""How the OIDs of PKCS #5 (RFC 8018) and of the schemes in PKCS #12 (RFC 7292) begin."""

_LINE = 64
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decode_single(data: bytes, labels: Collection[str], *, what: str, source: str) -> bytes:
    """
    Return the DER of the one object in `data`.

    PEM may have text before it, a byte order mark, and line ends of any kind; nothing but blanks
    after it. `what` names the object in messages, `source` begins the error codes: `<source>.`
    `private_key` (never commit one), `several_objects`, `trailing_data`, `not_pem_or_der`,
    `wrong_object`, `bad_base64`. The contents never appear in a message.
    """
    if _PRIVATE_KEY.search(data):
        raise _private_key(what, source)
    if _is_der(data):
        if _looks_like_private_key(data):
            raise _private_key(what, source)
        return data
    count = data.count(_BEGIN)
    if count > 1:
        raise InvalidValueError(
            f"the file holds {count} objects instead of one {what}",
            help="keep one object in each file",
            code=f"{source}.several_objects",
        )
    text = data.removeprefix(_BYTE_ORDER_MARK).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    match = _BLOCK.search(text)
    if match is None or match["label"] != match["end"]:
        raise InvalidValueError(
            f"the file is not a {what} in PEM or DER",
            help="give the file as openssl or certtool writes it, complete with its last line",
            code=f"{source}.not_pem_or_der",
        )
    label = match["label"].decode("ascii", "backslashreplace")
    if label not in labels:
        raise InvalidValueError(
            f"the file holds a {quoted(label)} instead of a {what}",
            help=f"give a file that begins with -----BEGIN {min(labels, key=len)}-----",
            code=f"{source}.wrong_object",
        )
    if text[match.end() :].strip():
        raise InvalidValueError(
            f"something follows the {what}",
            help="keep one object in each file and nothing after it",
            code=f"{source}.trailing_data",
        )
    return _decode_base64(match["body"], what, source)


def _decode_base64(body: bytes, what: str, source: str) -> bytes:
    joined = b"".join(body.split())
    try:
        decoded = base64.b64decode(joined, validate=True)
        if base64.b64encode(decoded) == joined and decoded:
            return decoded
    except binascii.Error:
        pass
    raise InvalidValueError(
        f"the base64 of the {what} is damaged",
        help="copy the file again as a whole",
        code=f"{source}.bad_base64",
    )


def holds_private_key(data: bytes) -> bool:
    """
    Tell whether a file looks as if it held a private key, in clear or encrypted.

    In PEM, as ssh-keygen, age and PuTTY write them, or in DER: PKCS #1, #8 and #12, SEC 1.
    """
    if _PRIVATE_KEY.search(data):
        return True
    return _is_der(data) and (_looks_like_private_key(data) or _is_encrypted_key(data))


def _is_encrypted_key(der: bytes) -> bool:
    """EncryptedPrivateKeyInfo (RFC 5958 section 3) begins with how it is encrypted."""
    try:
        outer, _ = read_tlv(der)
        algorithm, _ = read_tlv(outer.content)
    except InvalidValueError:
        return False
    return algorithm.content.startswith(_ENCRYPTIONS)


def _is_der(data: bytes) -> bool:
    """Text before PEM may begin with a zero as well, which is the tag of a SEQUENCE."""
    return data[:1] == bytes((SEQUENCE,)) and _BEGIN not in data


def _looks_like_private_key(der: bytes) -> bool:
    """PKCS #1, PKCS #8, SEC 1 and DSA begin with a version; CSRs and certificates do not."""
    try:
        outer, _ = read_tlv(der)
        return outer.content[:1] == bytes((INTEGER,))
    except InvalidValueError:
        return False


def _private_key(what: str, source: str) -> InvalidValueError:
    return InvalidValueError(
        f"the file holds a private key where a {what} belongs",
        help="never commit a private key: remove it, and regard it as compromised if it was pushed",
        code=f"{source}.private_key",
    )


def encode_pem(label: str, der: bytes) -> bytes:
    """Return one object as RFC 7468 writes it, with lines of 64 characters."""
    body = base64.b64encode(der)
    lines = [body[start : start + _LINE] for start in range(0, len(body), _LINE)]
    begin, end = f"-----BEGIN {label}-----".encode(), f"-----END {label}-----".encode()
    return b"\n".join([begin, *lines, end, b""])
