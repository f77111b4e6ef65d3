"""A CertificateList as its bytes stand, entries not looked at (RFC 5280 section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix import der
from pki_as_code.pkix.raw_certificate import RawExtension, read_extensions

MAX_CRL_SIZE: Final = 1 << 30
"""Bytes: some twenty million entries."""

MAX_FRAME_SIZE: Final = 64 * 1024
"""Bytes of a CRL without its entries, its signature included."""

_EXTENSIONS_TAG = 0xA0
_TIMES = frozenset({der.UTC_TIME, der.GENERALIZED_TIME})
_LONGEST_HEAD = 8


class Octets(Protocol):
    """`bytes`, an `mmap`, or whatever else gives out parts of itself: never read as a whole."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Span:
    """Part of the data, from `start` up to and without `end`."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class RawTbsCertList:
    """The fields of a TBSCertList, each as encoded; of revokedCertificates only where they are."""

    version: der.Tlv | None
    signature_algorithm: der.Tlv
    issuer: der.Tlv
    this_update: der.Tlv
    next_update: der.Tlv | None
    revoked_certificates: Span | None
    """Of the content; None where the field is absent."""

    extensions: tuple[RawExtension, ...] | None


@dataclass(frozen=True, slots=True)
class RawCrl:
    """A CertificateList taken apart."""

    tbs_cert_list: Span
    tbs: RawTbsCertList
    signature_algorithm: der.Tlv
    signature: bytes = field(repr=False)


def read_raw_crl(data: Octets) -> RawCrl:
    """
    Return the parts of a CRL in DER.

    All but the entries is walked for strict DER. Raises `InvalidValueError` (`der.not_strict`,
    `crl.too_large`).
    """
    if len(data) > MAX_CRL_SIZE:
        raise _too_large(f"it has {len(data)} bytes, more than {MAX_CRL_SIZE}")
    outer = _enter(data, Span(0, len(data)))
    tbs_start = outer.start
    tbs_content, tbs_end = _read(data, outer.start, outer.end)
    rest = _copy(data, Span(tbs_end, outer.end))
    algorithm, at = der.read_tlv(rest)
    signature = der.read_single(rest[at:])
    der.check_strict_der(algorithm.encoding)
    der.check_strict_der(der.expect(signature, der.BIT_STRING).encoding)
    if signature.content[0]:
        raise der.not_strict("the signature does not consist of whole octets")
    return RawCrl(
        Span(tbs_start, tbs_end),
        _read_fields(data, Span(tbs_content, tbs_end)),
        der.expect(algorithm, der.SEQUENCE),
        signature.content[1:],
    )


def read_raw_tbs_cert_list(data: Octets) -> RawTbsCertList:
    """Return the fields of a TBSCertList that is not signed yet. Raises like `read_raw_crl`."""
    if len(data) > MAX_CRL_SIZE:
        raise _too_large(f"it has {len(data)} bytes, more than {MAX_CRL_SIZE}")
    return _read_fields(data, _enter(data, Span(0, len(data))))


def _read_fields(data: Octets, content: Span) -> RawTbsCertList:
    fields, revoked, extensions = _split(data, content)
    for tlv in (*fields, *extensions):
        der.check_strict_der(tlv.encoding)
    version = fields.pop(0) if fields and fields[0].tag == der.INTEGER else None
    if len(fields) not in {3, 4} or len(extensions) > 1:
        raise der.not_strict("fields of the TBSCertList are missing, or there are too many")
    algorithm, issuer, this_update, *next_update = fields
    read = read_extensions(extensions[0]) if extensions else None
    for extension in read or ():
        der.check_strict_der(extension.value_der)
    return RawTbsCertList(
        version=version,
        signature_algorithm=der.expect(algorithm, der.SEQUENCE),
        issuer=der.expect(issuer, der.SEQUENCE),
        this_update=_time(this_update),
        next_update=_time(next_update[0]) if next_update else None,
        revoked_certificates=revoked,
        extensions=read,
    )


def _split(data: Octets, content: Span) -> tuple[list[der.Tlv], Span | None, list[der.Tlv]]:
    """
    Return what stands before the entries, where these are, and what stands behind them.

    The entries are the SEQUENCE that follows a time, and issuer and algorithm are the ones before
    it. So they are known by their place, whatever is left out.
    """
    fields: list[der.Tlv] = []
    extensions: list[der.Tlv] = []
    revoked = None
    at = content.start
    while at < content.end:
        tag, start, end = _head(data, at, content.end)
        if tag == der.SEQUENCE and revoked is None and fields and fields[-1].tag in _TIMES:
            revoked = Span(start, end)
        else:
            tlv = der.read_single(_copy(data, Span(at, end)))
            is_extensions = tag == _EXTENSIONS_TAG
            if not is_extensions and (revoked is not None or extensions):
                raise der.not_strict("fields of the TBSCertList are not in order")
            (extensions if is_extensions else fields).append(tlv)
        at = end
        # In the loop: there must not be a million of them either.
        if at - content.start - (len(revoked) if revoked else 0) > MAX_FRAME_SIZE:
            raise _too_large("more than 64 KiB of it are not entries")
    return fields, revoked, extensions


def _time(tlv: der.Tlv) -> der.Tlv:
    if tlv.tag not in _TIMES:
        raise der.not_strict(f"tag {tlv.tag:#04x} stands where a time belongs")
    return tlv


def _enter(data: Octets, span: Span) -> Span:
    """Return the content of the SEQUENCE that `span` consists of."""
    content, end = _read(data, span.start, span.end)
    if end != span.end:
        raise der.not_strict(f"{span.end - end} bytes follow the end of the value")
    return Span(content, end)


def _read(data: Octets, at: int, limit: int) -> tuple[int, int]:
    tag, start, end = _head(data, at, limit)
    if tag != der.SEQUENCE:
        raise der.not_strict(f"tag {tag:#04x} stands where {der.SEQUENCE:#04x} belongs")
    return start, end


def _head(data: Octets, at: int, limit: int) -> tuple[int, int, int]:
    """Return the tag, and where in `data` the content starts and ends."""
    tag, start, end = der.read_head(data[at : min(at + _LONGEST_HEAD, limit)])
    if at + end > limit:
        raise der.not_strict("a value is longer than what holds it")
    return tag, at + start, at + end


def _copy(data: Octets, span: Span) -> bytes:
    if len(span) > MAX_FRAME_SIZE:
        raise _too_large("more than 64 KiB of it are not entries")
    return data[span.start : span.end]


def _too_large(reason: str) -> InvalidValueError:
    return InvalidValueError(f"the CRL is too large: {reason}", code="crl.too_large")
