"""OCSP responders in a run: keys made and kept apart, certificates issued, failures contained."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from pki_as_code.model import CertificateRecord
from pki_as_code.plan.responders import responder_id
from pki_as_code.stores.entries import Abandoned, Issued, Reserved
from tests.apply.site import Site, told
from tests.plan.worlds import NOW, authority, authority_id

DAY = timedelta(days=1)


def current(site: Site, name: str = "issuing") -> CertificateRecord | None:
    found = site.workspace().store.observe([responder_id(name)])
    known = found.get(responder_id(name))
    return known.current if known and not known.retired else None


def certificate(site: Site, name: str = "issuing") -> x509.Certificate:
    record = current(site, name)
    der = site.workspace().store.certificate_der(record.issuer, record.serial_number)
    return x509.load_der_x509_certificate(der)


def test_a_new_authority_and_its_responder_come_in_one_run(bare_site):
    outcomes = bare_site.run()
    assert told(outcomes, responders=True) == ["issue issuing", "issue root"]
    found = certificate(bare_site)
    usages = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    no_check = found.extensions.get_extension_for_oid(ExtensionOID.OCSP_NO_CHECK)
    assert not no_check.critical
    assert found.not_valid_after_utc - found.not_valid_before_utc <= timedelta(days=14, minutes=5)
    bare_site.verify()
    assert bare_site.run() == []


def test_its_key_is_a_file_of_its_own_that_git_does_not_take(site):
    place = site.root / "keys/issuing.ocsp.pem"
    key = load_pem_private_key(place.read_bytes(), None)
    assert key.public_key() == certificate(site).public_key()
    assert place.stat().st_mode & 0o777 == 0o600
    own = load_pem_private_key((site.root / "keys/issuing.pem").read_bytes(), None)
    assert own.public_key() != key.public_key()
    assert "keys" not in site.git("status", "--porcelain", "--untracked-files=all")


def test_it_is_renewed_with_its_key_once_and_keeps_the_key(site):
    before = certificate(site)
    assert told(site.run(now=NOW + 9 * DAY), responders=True) == []
    renewed = site.run(now=NOW + 10 * DAY)
    assert told(renewed, responders=True) == ["renew issuing", "renew root"]
    assert certificate(site).public_key() == before.public_key()
    assert told(site.run(now=NOW + 10 * DAY), responders=True) == []


def test_a_key_that_is_gone_is_made_anew(site):
    before = certificate(site)
    (site.root / "keys/issuing.ocsp.pem").unlink()
    assert told(site.run(), responders=True) == ["replace issuing"]
    assert certificate(site).public_key() != before.public_key()
    assert site.run() == []


def test_a_key_that_no_certificate_was_made_for_gets_one(site):
    """A run that died after it made the key, and before it reserved anything."""
    keys = site.root / "keys"
    (keys / "issuing.ocsp.pem").unlink()
    (keys / "root.ocsp.pem").rename(keys / "issuing.ocsp.pem")
    assert told(site.run(), responders=True) == ["replace issuing", "replace root"]
    assert site.run() == []


def test_a_plan_looks_for_no_key(site):
    for path in (site.root / "keys").iterdir():
        path.unlink()
    assert site.plan().changes == ()


def test_no_authoritys_key_serves_as_a_responders(site):
    ocsp = {"responder": {"key": {"uri": "file:keys/root.pem"}}}
    site.add(authority("third", usages=["sign", "ocsp"], ocsp=ocsp))
    site.commit()
    outcomes = site.run()
    assert told(outcomes) == ["issue third"]
    assert told(outcomes, responders=True) == ["issue third: key.shared"]


def test_a_place_that_git_would_take_fails_and_stops_nothing_else(site):
    ocsp = {"responder": {"key": {"uri": "file:elsewhere/ocsp.pem"}}}
    site.add(authority("third", usages=["sign", "ocsp"], ocsp=ocsp))
    site.certificate("web", issuer="issuing")
    site.commit()
    outcomes = site.run()
    assert told(outcomes) == ["issue third", "issue web"]
    assert told(outcomes, responders=True) == ["issue third: key.not_ignored"]
    assert not (site.root / "elsewhere").exists()


def test_a_committed_key_is_noticed(site):
    site.git("add", "-f", "keys/issuing.ocsp.pem")
    site.commit()
    with pytest.raises(Exception, match="errors in the manifests") as error:
        site.run()
    assert [finding.code for finding in error.value.findings] == ["key.committed"]
    assert "issuing.ocsp.pem" in error.value.findings[0].message


def test_its_key_is_encrypted_when_a_passphrase_of_its_own_is_given(bare_site):
    bare_site.secrets.passphrases["issuing-ocsp"] = b"open sesame"
    bare_site.run()
    pem = (bare_site.root / "keys/issuing.ocsp.pem").read_bytes()
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert b"ENCRYPTED" not in (bare_site.root / "keys/root.ocsp.pem").read_bytes()
    assert bare_site.run() == []
    del bare_site.secrets.passphrases["issuing-ocsp"]
    assert bare_site.run() == []


def test_only_the_objects_that_are_asked_for_are_issued(bare_site):
    only = [authority_id("root"), authority_id("issuing")]
    assert told(bare_site.run(only=only), responders=True) == []
    assert told(bare_site.run(), responders=True) == ["issue issuing", "issue root"]


def test_it_is_retired_when_its_authority_answers_no_more_and_comes_back(site):
    path = "authorities/issuing.yaml"
    before = (site.root / path).read_text()
    site.write(path, f"{before.rstrip()}\n  usages: [sign, crl]\n")
    site.commit()
    assert told(site.run(), responders=True) == ["retire issuing"]
    assert current(site) is None
    site.write(path, before)
    site.commit()
    assert told(site.run(), responders=True) == ["issue issuing"]
    site.verify()


def test_a_reservation_that_was_left_open_is_finished_and_one_nobody_wants_given_up(bare_site):
    left_open(bare_site)
    assert told(bare_site.run(), responders=True) == ["finish issuing", "issue root"]
    bare_site.verify()
    assert sum(isinstance(payload, Issued) for payload in bare_site.payloads()) == 4


def test_a_reservation_whose_key_is_gone_is_given_up_and_another_key_certified(bare_site):
    left_open(bare_site)
    (bare_site.root / "keys/issuing.ocsp.pem").unlink()
    outcomes = bare_site.run()
    assert told(outcomes, responders=True) == ["abandon issuing", "issue root", "issue issuing"]
    assert sum(isinstance(payload, Abandoned) for payload in bare_site.payloads()) == 1
    assert bare_site.run() == []


def left_open(site: Site) -> None:
    """Reserve the responder of `issuing` as a run does, and stop there."""
    only = [authority_id("root"), authority_id("issuing")]
    site.run(only=only)
    workspace = site.workspace()
    store = workspace.store

    class StoppedError(Exception):
        pass

    def stop(*arguments, **options):
        raise StoppedError

    store.record = stop
    from pki_as_code.apply.issuers import Issuers
    from pki_as_code.apply.reconcile import reconcile
    from pki_as_code.apply.run import Settings

    settings = Settings(Issuers(workspace, site.secrets), NOW, frozenset([responder_id("issuing")]))
    with pytest.raises(StoppedError):
        list(reconcile(workspace, settings, lambda _: None))
    assert isinstance(site.payloads()[-1], Reserved)
