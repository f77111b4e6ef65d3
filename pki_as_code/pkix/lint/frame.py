"""
What the certificates of one issuer and profile have in common, and the lints that see only that.

Most lints judge parts that are the same in a thousand certificates: the extensions of the profile,
the name of the issuer, how it signs. A `Frame` is those parts, byte for byte; what a lint says of
a frame is remembered. That a lint sees nothing else does not rest on a promise: the rest is hidden
from it, and looking at it ends the run.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, NoReturn

from pki_as_code.pkix import der
from pki_as_code.pkix.lint.base import (
    SUBJECT_ALTERNATIVE_NAME,
    SUBJECT_KEY_IDENTIFIER,
    Linted,
    RawCertificate,
)
from pki_as_code.pkix.raw_certificate import (
    RawExtension,
    RawTbsCertificate,
    read_extension,
)

OF_EACH_CERTIFICATE: Final = frozenset({SUBJECT_ALTERNATIVE_NAME, SUBJECT_KEY_IDENTIFIER})
"""Extensions whose values differ from certificate to certificate."""


class HiddenError(Exception):
    """A lint of the frame looked at what is not in it: a fault of the program."""


class _Hidden:
    """Stands where a lint of the frame has nothing to look at."""

    def _refuse(self, *_: object) -> NoReturn:
        raise HiddenError("a lint of the frame looks at a part that is not in the frame")

    __getattr__ = __len__ = __getitem__ = __iter__ = __bool__ = _refuse
    __eq__ = __ne__ = __lt__ = __contains__ = __int__ = __index__ = __bytes__ = _refuse
    __hash__ = None  # type: ignore[assignment]


_HIDDEN: Final[Any] = _Hidden()


class ExtensionOfEach(NamedTuple):
    """An extension that is in the frame without its value."""

    oid: str
    critical: bool
    has_default: bool


class Frame(NamedTuple):
    """All that the lints of the frame see of a certificate, in the encodings it has there."""

    version: bytes | None
    signature_algorithm: bytes
    issuer: bytes
    unique_ids: tuple[bytes, ...]
    extensions: tuple[bytes | ExtensionOfEach, ...] | None

    @classmethod
    def of(cls, raw: RawTbsCertificate) -> Frame:
        extensions = raw.extensions
        return cls(
            raw.version and raw.version.encoding,
            raw.signature_algorithm.encoding,
            raw.issuer.encoding,
            tuple(tlv.encoding for tlv in raw.unique_ids),
            None
            if extensions is None
            else tuple(
                ExtensionOfEach(e.oid, e.critical, e.has_default)
                if e.oid in OF_EACH_CERTIFICATE
                else e.encoding
                for e in extensions
            ),
        )

    def linted(self, issuer: RawCertificate) -> Linted:
        """Return the certificate as far as the frame shows it."""
        raw = RawTbsCertificate(
            version=der.read_single(self.version) if self.version is not None else None,
            serial_number=_HIDDEN,
            signature_algorithm=der.read_single(self.signature_algorithm),
            issuer=der.read_single(self.issuer),
            not_before=_HIDDEN,
            not_after=_HIDDEN,
            subject=_HIDDEN,
            public_key=_HIDDEN,
            unique_ids=tuple(map(der.read_single, self.unique_ids)),
            extensions=None if self.extensions is None else tuple(map(_shown, self.extensions)),
            size=_HIDDEN,
        )
        return Linted(_HIDDEN, raw, issuer)


def _shown(extension: bytes | ExtensionOfEach) -> RawExtension:
    if isinstance(extension, bytes):
        return read_extension(der.read_single(extension))
    oid, critical, has_default = extension
    return RawExtension(oid, critical, _HIDDEN, has_default, _HIDDEN)


def only_serial_number(serial_number: der.Tlv) -> Linted:
    """Return a certificate of which nothing but the serial number is shown."""
    return Linted(_HIDDEN, RawTbsCertificate(_HIDDEN, serial_number, *[_HIDDEN] * 9), None)
