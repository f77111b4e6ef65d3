"""Responders and authorities that are revoked, or whose time is over: the rest goes on."""

from __future__ import annotations

from cryptography import x509

from pki_as_code.pkix.serial_numbers import format_serial_number
from tests.e2e.conftest import Repository
from tests.e2e.in_process import in_process
from tests.e2e.moved_clock import later, needs_moved_clock

RESPONDER = "certificates/OcspResponder/default/issuing.pem"
AUTHORITY = "authorities/issuing.pem"


def serial_number(repository: Repository, path: str) -> str:
    pem = repository.git("show", f"pki-issued:{path}")
    return format_serial_number(x509.load_pem_x509_certificate(pem.encode()).serial_number)


def revoke(repository: Repository, path: str, issuer: str, reason: str) -> None:
    """Revoke by serial number: what has no Certificate has no other name."""
    spec = f"issuer: {issuer}\n  serial: '{serial_number(repository, path)}'\n  reason: {reason}"
    repository.write(
        "revocations/lost.yaml",
        "apiVersion: pki-as-code/v1\nkind: Revocation\nmetadata: {name: lost}\n"
        f"spec:\n  {spec}\n".encode(),
    )
    repository.commit("revoke")
    in_process(repository.root).run("reconcile")


def published(repository: Repository, *path: str) -> x509.CertificateRevocationList:
    place = repository.root.parent.joinpath("public", *path)
    return x509.load_der_x509_crl(place.read_bytes())


def test_an_ocsp_responder_is_revoked_and_gets_another_key(repository):
    quick = in_process(repository.root)
    revoke(repository, RESPONDER, "issuing", "keyCompromise")
    crl = x509.load_pem_x509_crl(quick.run("dump_crl", "issuing").out.encode())
    assert [format_serial_number(entry.serial_number) for entry in crl] == [
        serial_number(repository, RESPONDER)
    ]
    # Nobody answers meanwhile, and each plan says so.
    assert "responder.revoked" in quick.run("plan").out
    (repository.root / "keys/issuing.ocsp.pem").unlink()
    before = serial_number(repository, RESPONDER)
    quick.run("reconcile")
    assert serial_number(repository, RESPONDER) != before
    assert quick.run("plan").out.startswith("No changes.")


@needs_moved_clock
def test_a_revoked_authority_does_not_stop_publication_when_its_responder_ends(repository):
    public = str(repository.root.parent / "public")
    revoke(repository, AUTHORITY, "root", "cessationOfOperation")
    in_process(repository.root).run("publish", "--out", public)
    before = published(repository, "crl", "root.crl")
    # The responder was issued for 14 days, and is not renewed: its authority is revoked.
    after = later(repository, 15)
    after.run("reconcile")
    told = after.run("publish", "--out", public)
    assert "publish.ocsp_unsigned" in told.err
    now = published(repository, "crl", "root.crl")
    assert now.last_update_utc > before.last_update_utc
    assert len(list(now)) == 1
