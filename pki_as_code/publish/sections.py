"""
The parts of the tree that come from the store. To add one: write it, and list it in `SECTIONS`.

A section is a function from `Material` to files; the index over all of them is `page.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Final

from cryptography import x509

from pki_as_code.errors import NotFoundError, PublishError, StoreError
from pki_as_code.model import (
    CERTIFICATE,
    CertificateRecord,
    CrlRecord,
    Finding,
    Severity,
    format_time,
)
from pki_as_code.pkix.pem import encode_pem
from pki_as_code.pkix.variables import crl_path, issuer_path
from pki_as_code.plan.hierarchy import find_signer
from pki_as_code.publish.interface import Item, Kept, Material, PublishedFile, Section
from pki_as_code.publish.layout import MAX_FILE_BYTES
from pki_as_code.publish.verify import check_chain, check_crl
from pki_as_code.stores.published_files import path_of

_BATCH: Final = 500
"""Objects asked for at once."""


def authority_files(material: Material) -> Iterator[Item]:
    """Yield each authority's certificate: as DER, as PEM, and with those above it."""
    for name, der in material.authorities_der.items():
        chain = _chain_of(name, material)
        for path, content in (
            (issuer_path(name), der),
            (f"ca/{name}.pem", format_pem(der)),
            (f"ca/{name}.chain.pem", b"".join(map(format_pem, chain))),
        ):
            pem = path.endswith(".pem")
            yield PublishedFile(path, content, partial(check_chain, path, pem=pem))


def certificate_files(material: Material) -> Iterator[Item]:
    """Yield the certificate of each object that is looked after, with its chain."""
    chains: dict[str, bytes] = {}
    for record in _current(material):
        issuer = record.issuer
        if issuer not in chains:
            chains[issuer] = b"".join(map(format_pem, _chain_of(issuer, material)))
        der = material.store.certificate_der(issuer, record.serial_number)
        path = path_of(record.object_id)
        check = partial(check_chain, path, pem=True)
        yield PublishedFile(path, format_pem(der) + chains[issuer], check)


def _current(material: Material) -> Iterator[CertificateRecord]:
    wanted = (o for o in material.store.live_objects() if o.kind == CERTIFICATE)
    while batch := list(islice(wanted, _BATCH)):
        observed = material.store.observe(batch)
        for object_id in batch:
            state = observed.get(object_id)
            if state is not None and state.current is not None:
                yield state.current


def _chain_of(name: str, material: Material) -> list[bytes]:
    """Return an authority's certificate and those above it, the root last."""
    chain: list[bytes] = []
    seen: set[str] = set()
    signer: str | None = name
    while signer is not None and signer not in seen and signer in material.authorities:
        seen.add(signer)
        chain.append(material.authorities_der[signer])
        signer = find_signer(material.authorities[signer], material.authorities)
    return chain


def crl_section(is_continued: Callable[[CrlRecord], bool]) -> Section:
    """
    Return the section of the last CRL of each authority and scope, as the store has it.

    A CRL that is published and that the store does not know stays: who relies on it must not be
    left without. So does one that has ended and is followed by no other, as `is_continued` says;
    it is an error while another one is wanted.
    """
    return partial(_crl_files, is_continued)


def _crl_files(is_continued: Callable[[CrlRecord], bool], material: Material) -> Iterator[Item]:
    known: set[str] = set()
    for record in material.store.crls():
        path = crl_path(record.issuer, record.scope)
        known.add(path)
        issuer = material.authorities.get(record.issuer)
        if issuer is None:
            yield Kept(path)
            yield Finding(
                "publish.bad_signature",
                f"{path}: the store has no certificate of that authority",
                help="run `pkictl store verify`",
            )
            continue
        was_last = issuer.not_valid_after_utc <= material.now or not is_continued(record)
        if record.next_update <= material.now and was_last:
            yield Kept(path)
            yield _discontinued(path, record)
            continue
        try:
            content = _read_crl(material, record.issuer, record.scope)
        except (NotFoundError, StoreError) as error:
            yield Kept(path)
            yield Finding(error.code, error.message, help=error.help)
            continue
        yield PublishedFile(
            path,
            content,
            partial(
                check_crl,
                path,
                issuer=issuer,
                record=record,
                previous=material.published(path),
                revoked=partial(material.store.revoked, record.issuer, record.scope),
                now=material.now,
            ),
        )
    yield from _kept_crls(material.published_paths - known, material.authorities)


def _discontinued(path: str, record: CrlRecord) -> Finding:
    return Finding(
        "publish.crl_discontinued",
        f"{path} ended at {format_time(record.next_update)} and was the last one: its authority "
        "has ended, or signs none of that kind any more",
        severity=Severity.INFO,
        help="nothing is to be done; what is published stays",
    )


def _read_crl(material: Material, issuer: str, scope: str) -> bytes:
    with material.store.open_crl(issuer, scope) as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise PublishError(
            f"the CRL of {issuer} has more than {MAX_FILE_BYTES} bytes",
            help="spread its certificates over several CRLs (`crl.shards`)",
            code="publish.too_large",
        )
    return content


def _kept_crls(
    paths: frozenset[str], authorities: Mapping[str, x509.Certificate]
) -> Iterator[Item]:
    for path in sorted(paths):
        first, _, rest = path.partition("/")
        name = rest.partition("/")[0]
        if first == "crl" and not {name, name.removesuffix(".crl")}.isdisjoint(authorities):
            yield Kept(path)
            yield Finding(
                "publish.crl_unknown",
                f"{path} is published, and the store does not know it; it stays",
                severity=Severity.WARNING,
                help="run `pkictl reconcile`; remove the file when no certificate names it",
            )


def format_pem(certificate_der: bytes) -> bytes:
    return encode_pem("CERTIFICATE", certificate_der)


SECTIONS: Final[Mapping[str, Section]] = {
    "certificates": certificate_files,
    "ca": authority_files,
    "crl": crl_section(lambda _: True),
}
"""By the directory that each fills."""
