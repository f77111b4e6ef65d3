"""Keys: opened when needed, once, and only those that fit."""

from __future__ import annotations

import pytest

from pki_as_code.apply.issuers import Issuers
from pki_as_code.errors import IssuanceError, KeyBackendError, ManifestError
from pki_as_code.model import AUTHORITY
from tests.apply.site import Site, told
from tests.plan.worlds import authority, authority_id


def issuers(site: Site) -> Issuers:
    return Issuers(site.workspace(), site.secrets)


def test_an_issuer_comes_with_its_chain_up_to_the_root(site):
    found = issuers(site).issuer("issuing")
    assert [c.subject.rfc4514_string() for c in found.chain] == [
        "CN=example-pki Issuing CA", "CN=example-pki Root CA",
    ]  # fmt: skip


def test_a_key_is_opened_once(site, monkeypatch):
    keys = issuers(site)
    first = keys.issuer("issuing")
    (site.root / "keys/issuing.pem").unlink()
    assert keys.issuer("issuing") is first
    assert keys.of(site.workspace()).issuer("issuing").key is first.key


def test_the_key_of_another_authority_is_refused(site):
    (site.root / "keys/issuing.pem").unlink()
    (site.root / "keys/issuing.pem").write_bytes((site.root / "keys/root.pem").read_bytes())
    (site.root / "keys/issuing.pem").chmod(0o600)
    with pytest.raises(KeyBackendError) as refused:
        issuers(site).issuer("issuing")
    assert refused.value.code == "key.mismatch"


def test_an_offline_authority_never_has_its_key_opened(site):
    manifest = (site.root / "authorities/root.yaml").read_text()
    site.write("authorities/root.yaml", manifest.replace("spec:", "spec:\n  mode: offline"))
    site.commit()
    with pytest.raises(KeyBackendError) as refused:
        issuers(site).issuer("root")
    assert refused.value.code == "key.offline"
    issuers(site).issuer("issuing")


def test_an_authority_without_a_certificate_or_a_manifest_is_no_issuer(site):
    site.add(authority("second", parent="root"))
    site.commit()
    for name, code in (
        ("second", "issuance.issuer_not_issued"),
        ("third", "issuance.no_authority"),
    ):
        with pytest.raises(IssuanceError) as refused:
            issuers(site).issuer(name)
        assert refused.value.code == code


def test_a_key_that_is_there_already_is_taken_up(bare_site, site):
    """A run that died may have made it, and so may its owner."""
    (bare_site.root / "keys").mkdir()
    key = bare_site.root / "keys/root.pem"
    key.write_bytes((site.root / "keys/root.pem").read_bytes())
    key.chmod(0o600)
    before = key.read_bytes()
    new = {"new-store": 1}
    assert told(bare_site.run(only=[authority_id("root")], allowed=new)) == ["issue root"]
    assert key.read_bytes() == before
    made, known = (
        found.workspace().authority_certificates()["root"] for found in (bare_site, site)
    )
    assert made.public_key() == known.public_key()
    assert made.serial_number != known.serial_number


def test_a_committed_key_is_refused_before_it_signs(site):
    site.git("add", "--force", "keys/issuing.pem")
    site.git("commit", "--quiet", "-m", "oops")
    site.certificate("web")
    site.commit()
    with pytest.raises(ManifestError) as refused:
        site.run()
    assert [finding.code for finding in refused.value.findings] == ["key.committed"]


def test_every_key_type_makes_a_root(bare_site):
    for key_type in ("RSA", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"):
        name = key_type.lower()
        key = {"uri": f"file:keys/{name}.pem", "type": key_type}
        if key_type == "RSA":
            key["size"] = 2048
        bare_site.add(authority(name, key=key, pathLength=0))
    bare_site.commit()
    outcomes = bare_site.run()
    assert sum(outcome.change.object_id.kind == AUTHORITY for outcome in outcomes) == 8
    assert sum(outcome.crl is not None for outcome in outcomes) == 8
    assert all(outcome.error is None for outcome in outcomes)
    bare_site.verify()
