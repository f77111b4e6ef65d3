"""
One test for each row of the table "What a change means" in `docs/manifests.md`.

Each on a real repository, through the command line: what the plan says, what the ledger then has,
and that a second plan is empty.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.errors import EXIT_UNSAFE
from tests.e2e.conftest import Repository, make_csr
from tests.e2e.in_process import in_process
from tests.e2e.moved_clock import later, needs_moved_clock

WEB = "csrFile: web.csr\nsubjectAltNames: [www.example.com]"
PATH = "certificates/web.yaml"


@pytest.fixture(scope="session")
def csrs(tmp_path_factory) -> list[bytes]:
    """Three CSRs, each with a key of its own."""
    place = tmp_path_factory.mktemp("csrs")
    return [make_csr(place / f"{n}.csr") for n in range(3)]


@pytest.fixture(scope="session")
def issued(template, csrs, tmp_path_factory) -> Path:
    """A repository whose authorities, and `web`, are issued."""
    import shutil

    root = tmp_path_factory.mktemp("issued") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = in_process(root)
    repository.write("certificates/web.csr", csrs[0])
    repository.manifest("web", WEB)
    repository.commit("web")
    repository.run("reconcile")
    return root


@pytest.fixture
def pki(issued, tmp_path) -> Repository:
    import shutil

    root = tmp_path / "example-pki"
    shutil.copytree(issued, root, symlinks=True)
    return in_process(root)


# --- Asking, and looking at what came of it ------------------------------------------------------


def plan(pki: Repository, *arguments: str, expect: int | None = 0) -> dict:
    """Return the plan of HEAD, but for CRLs and OCSP responders: they follow the calendar."""
    planned = pki.run("plan", "--ref", "HEAD", "--output", "json", *arguments, expect=expect).json
    planned["changes"] = [
        c for c in planned["changes"] if c["action"] != "publish" and c["kind"] != "OcspResponder"
    ]
    planned["summary"].pop("publish", None)
    return planned


def changes(planned: dict) -> list[str]:
    """Return what is planned: `replace web: RequestChanged`."""
    return [
        f"{change['action']} {change['name']}: "
        + ", ".join(reason["code"] for reason in change["reasons"])
        for change in planned["changes"]
    ]


def codes(planned: dict) -> list[str]:
    return [finding["code"] for finding in planned["findings"]]


def serials(pki: Repository) -> list[str]:
    """Return the serial numbers of all valid certificates."""
    listed = pki.run("list_certs", "--output", "json").json
    return [record["serialNumber"] for record in listed]


def names(pki: Repository) -> set[str]:
    listed = pki.run("list_certs", "--output", "json").json
    return {record["name"] for record in listed}


def current(pki: Repository, name: str = "web") -> str:
    """Return the serial number of the certificate in use."""
    return pki.run("show", name, "--output", "json").json["certificate"]["serialNumber"]


def after(pki: Repository, length: int) -> list[str]:
    """Return what the ledger has of certificates and keys beyond `length` entries."""
    left_out = ("reconciled", "crl")
    return [
        entry["type"]
        for entry in pki.ledger()[length:]
        if not entry["type"].startswith(left_out)
        and entry.get("object", {}).get("kind") != "OcspResponder"
    ]


def carry_out(pki: Repository, expected: list[str], *, findings: list[str] | None = None) -> dict:
    """
    Commit, plan, reconcile: the plan is `expected`, and afterwards there is nothing to do.

    Returns the plan.
    """
    pki.commit()
    planned = plan(pki)
    assert changes(planned) == expected
    assert planned["refused"] == []
    if findings is not None:
        assert codes(planned) == findings
    pki.run("reconcile")
    nothing_to_do(pki)
    return planned


def nothing_to_do(pki: Repository) -> None:
    again = plan(pki, "--detailed-exitcode")
    assert (again["changes"], again["refused"]) == ([], [])
    head = pki.store_head()
    pki.run("reconcile")
    assert pki.store_head() == head, "a run with nothing to do wrote something"
    pki.run("store", "verify")


def is_refused(pki: Repository, reason: str) -> dict:
    """Commit; the plan refuses for that reason, and a run changes nothing."""
    pki.commit()
    planned = plan(pki, expect=None)
    assert [refusal["reason"]["code"] for refusal in planned["refused"]] == [reason]
    head = pki.store_head()
    refused = pki.run("reconcile", expect=None)
    assert refused.code == EXIT_UNSAFE, refused.err
    assert pki.store_head() == head
    return planned["refused"][0]


def edit(pki: Repository, path: str, old: str, new: str) -> None:
    text = (pki.root / path).read_text()
    assert old in text
    pki.write(path, text.replace(old, new))


def revocation(pki: Repository, name: str, **spec: str) -> None:
    body = {
        "apiVersion": "pki-as-code/v1",
        "kind": "Revocation",
        "metadata": {"name": name},
        "spec": spec,
    }
    pki.write(f"revocations/{name}.yaml", json.dumps(body))


def profile(pki: Repository, **spec: object) -> None:
    body = {
        "apiVersion": "pki-as-code/v1",
        "kind": "Profile",
        "metadata": {"name": "own"},
        "spec": spec,
    }
    pki.write("profiles/own.yaml", json.dumps(body))


def uses_own_profile(pki: Repository, more: str = "", **spec: object) -> None:
    """Have `web` issued under a profile `own`."""
    profile(pki, **spec)
    pki.manifest("web", f"{WEB}\nprofile: own\n{more}")
    pki.commit()
    pki.run("reconcile")


def key_digest(csr: bytes) -> str:
    key = x509.load_pem_x509_csr(csr).public_key()
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


# --- Signed --------------------------------------------------------------------------------------


def test_a_new_certificate_is_issued(pki, csrs):
    length = len(pki.ledger())
    pki.write("certificates/new.csr", csrs[1])
    pki.manifest("new", "csrFile: new.csr\nsubjectAltNames: [new.example.com]")
    planned = carry_out(pki, ["issue new: DoesNotExist"])
    [change] = planned["changes"]
    assert change["before"] is None
    assert change["after"]["subjectAltNames"] == ["DNS:new.example.com"]
    assert change["source"]["path"] == "certificates/new.yaml"
    assert planned["summary"] == {
        "issue": 1, "replace": 0, "renew": 0, "revoke": 0, "refused": 0, "unchanged": 3,
    }  # fmt: skip
    assert after(pki, length) == ["reserved", "issued"]


@pytest.mark.parametrize(
    ("line", "field", "old", "new"),
    [
        ("subjectAltNames: [www.example.com, www2.example.com]", "subjectAltNames",
         ["DNS:www.example.com"], ["DNS:www.example.com", "DNS:www2.example.com"]),
        ("validity: 30d", "validitySeconds", 90 * 86400, 30 * 86400),
        ("profile: client", "profile", "webserver", "client"),
        ("issuer: root", "issuer", "issuing", "root"),
        ("algorithm: SHA-512", "hashAlgorithm", "SHA-256", "SHA-512"),
    ],
)  # fmt: skip
def test_names_validity_references_and_hash_replace_and_each_field_is_named(
    pki, line, field, old, new
):
    length, before = len(pki.ledger()), current(pki)
    other = "" if line.startswith("subjectAltNames") else "\nsubjectAltNames: [www.example.com]"
    pki.manifest("web", f"csrFile: web.csr{other}\n{line}")
    planned = carry_out(pki, ["replace web: RequestChanged"])
    [change] = planned["changes"]
    assert field in change["reasons"][0]["message"]
    assert (change["before"][field], change["after"][field]) == (old, new)
    assert change["before"]["serialNumber"] == before != current(pki)
    assert after(pki, length) == ["reserved", "issued"], "the previous certificate stays valid"


def test_an_edited_extension_replaces(pki):
    pki.manifest("web", f"{WEB}\nextensions: {{tlsFeature: {{value: [status_request]}}}}")
    [change] = carry_out(pki, ["replace web: RequestChanged"])["changes"]
    assert change["reasons"][0]["message"] == "extensions tlsFeature"
    assert "tlsFeature" not in change["before"]["extensions"]
    assert change["after"]["extensions"]["tlsFeature"]["value"] == ["status_request"]


def test_another_csr_replaces(pki, csrs):
    pki.write("certificates/web.csr", csrs[1])
    [change] = carry_out(pki, ["replace web: KeyChanged"])["changes"]
    assert change["before"]["publicKeySha256"] == key_digest(csrs[0])
    assert change["after"]["publicKeySha256"] == key_digest(csrs[1])


def test_a_raised_reissue_replaces_and_a_lowered_one_does_not(pki):
    pki.manifest("web", f"{WEB}\nreissue: 2")
    carry_out(pki, ["replace web: ReissueRequested"])
    pki.manifest("web", f"{WEB}\nreissue: 1")
    carry_out(pki, [], findings=[])


@needs_moved_clock
def test_a_certificate_is_renewed_in_its_window_at_the_same_time_in_any_run(pki):
    length, before = len(pki.ledger()), current(pki)
    early, due = later(pki, 60), later(pki, 64)  # 90d, the last 33% of it, and 10% of that
    assert plan(early)["changes"] == []
    plans = [plan(due) for _ in range(2)]
    assert changes(plans[0]) == ["renew web: NearingExpiry"]
    assert plans[0]["changes"][0]["reasons"] == plans[1]["changes"][0]["reasons"]
    due.run("reconcile")
    assert plan(due)["changes"] == []
    assert current(due) != before
    assert after(pki, length) == ["reserved", "issued"]


@needs_moved_clock
def test_an_expired_certificate_is_renewed_all_the_same(pki):
    long_after = later(pki, 200)
    [change] = plan(long_after)["changes"]
    assert (change["action"], change["reasons"][0]["code"]) == ("renew", "Expired")
    long_after.run("reconcile")
    assert plan(long_after)["changes"] == []


@needs_moved_clock
def test_renewal_mode_request_asks_for_a_csr_and_signs_nothing_until_one_comes(pki, csrs):
    pki.manifest("web", f"{WEB}\nrenewal: {{mode: Request, before: 30d}}")
    carry_out(pki, [], findings=[])
    length, due = len(pki.ledger()), later(pki, 65)
    planned = plan(due)
    assert (planned["changes"], codes(planned)) == ([], ["certificate.csr_wanted"])
    [finding] = planned["findings"]
    assert finding["severity"] == "warning"
    assert "new CSR wanted" in finding["summary"]
    due.run("reconcile")
    assert after(pki, length) == []
    pki.write("certificates/web.csr", csrs[1])
    pki.commit()
    assert changes(plan(due)) == ["replace web: KeyChanged"]
    due.run("reconcile")
    assert (plan(due)["changes"], plan(due)["findings"]) == ([], [])


@needs_moved_clock
def test_renewal_mode_none_does_nothing(pki):
    pki.manifest("web", f"{WEB}\nrenewal: {{mode: None}}")
    carry_out(pki, [], findings=[])
    planned = plan(later(pki, 85))
    assert (planned["changes"], planned["findings"]) == ([], [])


# --- Not signed ----------------------------------------------------------------------------------


def test_labels_watchers_owners_and_the_renewal_window_sign_nothing(pki):
    pki.manifest(
        "web",
        f"{WEB}\nwatchers: [ops@example.com]\nrenewal: {{mode: Automatic, before: 20d}}\n"
        "onSupersede: Revoke\nsupersedeDelay: 3d",
    )
    edit(pki, PATH, "metadata: {name: web}", "metadata: {name: web, labels: {team: a}}")
    pki.write(
        "certificates/default/_namespace.yaml",
        "apiVersion: pki-as-code/v1\nkind: Namespace\nmetadata: {name: default}\n"
        "spec: {owners: [alice@example.com]}\n",
    )
    length = len(pki.ledger())
    assert carry_out(pki, [], findings=[])["summary"]["unchanged"] == 3
    assert after(pki, length) == []


def test_an_edited_profile_is_taken_up_at_renewal_and_says_by_how_many(pki, csrs):
    uses_own_profile(pki)
    length = len(pki.ledger())
    profile(pki, algorithm="SHA-512")
    [finding] = carry_out(pki, [], findings=["plan.taken_up_at_renewal"])["findings"]
    assert finding["severity"] == "info"
    assert finding["summary"].startswith("1 certificate takes this up at renewal")
    assert "algorithm" in finding["summary"]
    assert finding["range"]["filename"] == "profiles/own.yaml"
    assert after(pki, length) == []


def test_an_edited_authority_is_taken_up_at_renewal(pki, csrs):
    pki.write("certificates/b.csr", csrs[1])
    pki.manifest("b", "csrFile: b.csr\nsubjectAltNames: [b.example.com]")
    pki.commit()
    pki.run("reconcile")
    text = (pki.root / "authorities/issuing.yaml").read_text()
    assert "issuerUrls" not in text
    pki.write(
        "authorities/issuing.yaml", f"{text.rstrip()}\n  issuerUrls: ['http://a.example/i']\n"
    )
    [finding] = carry_out(pki, [], findings=["plan.taken_up_at_renewal"])["findings"]
    assert finding["summary"].startswith("2 certificates take this up at renewal")
    assert finding["range"]["filename"] == "authorities/issuing.yaml"


@needs_moved_clock
def test_what_was_edited_is_in_the_renewed_certificate(pki):
    uses_own_profile(pki)
    profile(pki, algorithm="SHA-512")
    pki.commit()
    due = later(pki, 65)
    [change] = plan(due)["changes"]
    assert change["after"]["hashAlgorithm"] == "SHA-512"
    due.run("reconcile")
    assert (plan(due)["changes"], plan(due)["findings"]) == ([], [])


def test_on_change_reissue_replaces_naming_the_fields(pki):
    uses_own_profile(pki)
    profile(pki, onChange="Reissue")
    carry_out(pki, [], findings=[])
    profile(pki, onChange="Reissue", algorithm="SHA-512")
    [change] = carry_out(pki, ["replace web: ProfileChanged"], findings=[])["changes"]
    assert "algorithm SHA-256 -> SHA-512" in change["reasons"][0]["message"]


def test_on_change_reissue_counts_against_the_guards(pki, csrs):
    uses_own_profile(pki)
    pki.write("certificates/b.csr", csrs[1])
    pki.manifest("b", "csrFile: b.csr\nsubjectAltNames: [b.example.com]\nprofile: own")
    edit(pki, "pki.yaml", "spec:", "spec:\n  guards: {maxReplacements: 1}")
    pki.commit()
    pki.run("reconcile")
    profile(pki, onChange="Reissue", algorithm="SHA-512")
    pki.commit()
    head = pki.store_head()
    refused = pki.run("reconcile", expect=EXIT_UNSAFE)
    assert "plan.too_many_replacements" in refused.err
    assert "replace 2 certificates" in refused.err
    assert pki.store_head() == head
    pki.run("reconcile", "--allow-unsafe", "replace=2")
    nothing_to_do(pki)


# --- Keys ----------------------------------------------------------------------------------------


@needs_moved_clock
def test_a_key_beyond_its_age_is_not_renewed_and_a_new_csr_is_wanted(pki, csrs):
    uses_own_profile(pki, keys={"maxAge": "60d"})
    due = later(pki, 65)
    planned = plan(due)
    assert (planned["changes"], codes(planned)) == ([], ["key.max_age"])
    assert planned["findings"][0]["severity"] == "warning"
    assert planned["findings"][0]["range"]["filename"] == PATH
    length = len(pki.ledger())
    due.run("reconcile")
    assert after(pki, length) == []
    pki.manifest("web", f"{WEB}\nprofile: own\nreissue: 1")
    pki.commit()
    planned = plan(due, expect=1)
    assert (planned["changes"], codes(planned)) == ([], ["key.max_age"])
    assert planned["findings"][0]["severity"] == "error"
    pki.write("certificates/web.csr", csrs[1])
    pki.commit()
    assert changes(plan(due)) == ["replace web: KeyChanged, ReissueRequested, NearingExpiry"]


# --- Renamed -------------------------------------------------------------------------------------


def rename(pki: Repository, old: str, new: str, body: str = WEB) -> None:
    """Give a manifest another name and its file too; the CSR stays where it is."""
    (pki.root / f"certificates/{old}.yaml").unlink()
    pki.manifest(new, body)


def test_a_renamed_certificate_goes_on_without_a_signature(pki):
    length, before = len(pki.ledger()), current(pki)
    rename(pki, "web", "site")
    [change] = carry_out(pki, ["rename site: Renamed"])["changes"]
    assert change["previous"]["name"] == "web"
    assert change["before"]["serialNumber"] == change["after"]["serialNumber"] == before
    assert (names(pki), serials(pki)) == ({"site"}, [before])
    assert after(pki, length) == ["renamed"]


def test_a_file_that_moves_within_its_namespace_changes_nothing(pki):
    for suffix in ("yaml", "csr"):
        moved = pki.root / f"certificates/default/deep/web.{suffix}"
        moved.parent.mkdir(parents=True, exist_ok=True)
        (pki.root / f"certificates/web.{suffix}").rename(moved)
    carry_out(pki, [], findings=[])


def test_a_rename_and_an_edit_at_once_is_a_removal(pki):
    rename(pki, "web", "site", f"{WEB}\nvalidity: 30d")
    is_refused(pki, "RemovedWhileValid")


def test_a_rename_that_is_not_clear_is_refused(pki):
    rename(pki, "web", "site")
    pki.manifest("other", WEB)
    refusal = is_refused(pki, "RenameAmbiguous")
    assert "other, site" in refusal["reason"]["message"]
    (pki.root / "certificates/other.yaml").unlink()
    carry_out(pki, ["rename site: Renamed"])


@pytest.mark.parametrize("policy", ["Refuse", "Retain", "Revoke"])
def test_a_move_to_another_namespace_is_refused_whatever_the_policy(pki, policy):
    pki.manifest("web", f"{WEB}\ndeletionPolicy: {policy}")
    pki.commit()
    pki.run("reconcile")
    (pki.root / PATH).unlink()
    os.renames(pki.root / "certificates/web.csr", pki.root / "certificates/team/web.csr")
    pki.manifest("team/web", f"{WEB}\ndeletionPolicy: {policy}")
    refusal = is_refused(pki, "MovedAcrossNamespaces")
    for place in (PATH, "certificates/team/web.yaml"):
        assert place in refusal["reason"]["message"]
    assert "put certificates/web.yaml back" in refusal["help"]


# --- Removed -------------------------------------------------------------------------------------


def test_a_certificate_removed_while_valid_is_refused_with_the_ways_out(pki):
    (pki.root / PATH).unlink()
    refusal = is_refused(pki, "RemovedWhileValid")
    for way_out in ("put certificates/web.yaml back", "Revocation", "deletionPolicy: Retain"):
        assert way_out in refusal["help"]


def test_the_policy_that_counts_is_the_one_the_store_knows(pki, csrs):
    another(pki, csrs)
    length = len(pki.ledger())
    pki.manifest("web", f"{WEB}\ndeletionPolicy: Revoke")
    [change] = carry_out(pki, ["update web: DeletionPolicyChanged"])["changes"]
    assert (change["before"]["deletionPolicy"], change["after"]["deletionPolicy"]) == (
        "Refuse", "Revoke",
    )  # fmt: skip
    assert after(pki, length) == ["updated"]
    assert pki.ledger()[length]["deletionPolicy"] == "Revoke"
    # Edited and then removed before a run has seen the edit: what the store knows decides.
    pki.manifest("web", f"{WEB}\ndeletionPolicy: Retain")
    pki.commit()
    (pki.root / PATH).unlink()
    pki.commit()
    assert changes(plan(pki)) == ["revoke web: Removed", "retire web: Removed"]


def test_a_removed_certificate_is_kept_by_policy_retain(pki, csrs):
    another(pki, csrs)
    pki.manifest("web", f"{WEB}\ndeletionPolicy: Retain")
    pki.commit()
    pki.run("reconcile")
    length = len(pki.ledger())
    (pki.root / PATH).unlink()
    carry_out(pki, ["retire web: Retained"])
    assert after(pki, length) == ["retired"]
    assert "web" in names(pki), "it is valid until its end"


def test_a_removed_certificate_is_revoked_by_policy_revoke(pki, csrs):
    another(pki, csrs)
    pki.manifest("web", f"{WEB}\ndeletionPolicy: Revoke")
    pki.commit()
    pki.run("reconcile")
    length = len(pki.ledger())
    (pki.root / PATH).unlink()
    planned = carry_out(pki, ["revoke web: Removed", "retire web: Removed"])
    assert planned["changes"][0]["revocation"]["reason"] == "cessationOfOperation"
    assert planned["changes"][0]["after"] is None
    assert after(pki, length) == ["revoked", "retired"]
    assert "web" not in names(pki)


def test_a_revoked_certificate_is_retired_when_it_is_removed(pki, csrs):
    another(pki, csrs)
    revocation(pki, "inc", certificate="web", reason="superseded")
    pki.commit()
    pki.run("reconcile")
    (pki.root / PATH).unlink()
    carry_out(pki, ["retire web: Removed"])


def test_a_certificate_is_revoked_and_removed_in_one_commit(pki, csrs):
    another(pki, csrs)
    length = len(pki.ledger())
    revocation(pki, "inc", certificate="web", reason="keyCompromise")
    (pki.root / PATH).unlink()
    carry_out(pki, ["revoke inc: RevocationRequested", "retire web: Removed"])
    assert after(pki, length) == ["revoked", "retired"]


@needs_moved_clock
def test_an_expired_certificate_is_retired_when_it_is_removed(pki, csrs):
    another(pki, csrs)
    (pki.root / PATH).unlink()
    pki.commit()
    [change] = [c for c in plan(later(pki, 91))["changes"] if c["name"] == "web"]
    assert (change["action"], change["reasons"][0]["code"]) == ("retire", "Removed")


def another(pki: Repository, csrs: list[bytes]) -> None:
    """Have a second certificate issued, so that removing one does not empty the repository."""
    pki.write("certificates/another.csr", csrs[2])
    pki.manifest("another", "csrFile: another.csr\nsubjectAltNames: [another.example.com]")
    pki.commit()
    pki.run("reconcile")


def test_an_authority_removed_with_valid_certificates_is_always_refused(pki, csrs):
    pki.write("certificates/team/api.csr", csrs[1])
    pki.manifest(
        "team/api", "csrFile: api.csr\nsubjectAltNames: [a.example.com]\ndeletionPolicy: Retain"
    )
    pki.manifest("web", f"{WEB}\ndeletionPolicy: Retain\nissuer: root")
    pki.commit()
    pki.run("reconcile")
    # The certificates and their authority leave together; one of another namespace as well.
    (pki.root / "certificates/team/api.yaml").unlink()
    (pki.root / "authorities/issuing.yaml").unlink()
    edit(pki, "pki.yaml", "issuer: issuing", "issuer: root")
    refusal = is_refused(pki, "RemovedWhileValid")
    assert (refusal["kind"], refusal["name"]) == ("CertificateAuthority", "issuing")
    assert "usages: [crl, ocsp]" in refusal["help"]


def test_a_revoked_authority_stays_while_what_it_signed_is_valid(pki):
    pki.manifest("web", f"{WEB}\ndeletionPolicy: Retain")
    pki.commit()
    pki.run("reconcile")
    reserved = [entry for entry in pki.ledger() if entry["type"] == "reserved"]
    wanted = {"kind": "CertificateAuthority", "namespace": "", "name": "issuing"}
    [authority] = [entry for entry in reserved if entry["object"] == wanted]
    revocation(pki, "inc", serial=authority["serialNumber"], issuer="root", reason="superseded")
    pki.commit()
    pki.run("reconcile")
    (pki.root / PATH).unlink()
    (pki.root / "authorities/issuing.yaml").unlink()
    edit(pki, "pki.yaml", "issuer: issuing", "issuer: root")
    refusal = is_refused(pki, "RemovedWhileValid")
    assert "certificates that it signed are valid" in refusal["reason"]["message"]


def test_nothing_is_concluded_from_a_partial_view(pki):
    head = pki.store_head()
    pki.manifest("web", f"{WEB}\ndeletionPolicy: Retain")
    pki.commit()
    pki.run("reconcile")
    head = pki.store_head()
    pki.write(PATH, "apiVersion: [")
    pki.commit()
    pki.run("reconcile", expect=1)
    (pki.root / PATH).unlink()
    pki.commit()
    emptied = pki.run("reconcile", expect=EXIT_UNSAFE)
    assert "plan.emptied" in emptied.err
    assert pki.store_head() == head
    pki.run("plan", "--ref", "HEAD", env={"PKI_STORE": "sqlite:////nowhere/store.db"}, expect=1)


# --- Revoked -------------------------------------------------------------------------------------


def test_a_revocation_revokes_and_the_key_is_not_signed_again(pki, csrs):
    length = len(pki.ledger())
    revocation(pki, "inc", certificate="web", reason="keyCompromise")
    [change] = carry_out(pki, ["revoke inc: RevocationRequested"])["changes"]
    assert change["revocation"]["reason"] == "keyCompromise"
    assert after(pki, length) == ["revoked"]
    pki.manifest("other", "csrFile: web.csr\nsubjectAltNames: [other.example.com]")
    pki.commit()
    planned = plan(pki, expect=1)
    assert planned["changes"] == []
    assert "csr.key_compromised" in codes(planned)


def test_a_key_that_was_never_certified_is_blocked_and_stays_so(pki, csrs):
    length, digest = len(pki.ledger()), key_digest(csrs[1])
    revocation(pki, "lost", spkiSha256=digest, reason="keyCompromise")
    planned = carry_out(pki, ["block lost: KeyCompromised"], findings=[])
    assert planned["changes"][0]["after"]["publicKeySha256"] == digest
    assert planned["summary"]["block"] == 1
    [entry] = [e for e in pki.ledger()[length:] if e["type"] == "blocked"]
    assert (entry["spkiSha256"], entry["reason"]) == (digest, "keyCompromise")
    (pki.root / "revocations/lost.yaml").unlink()
    carry_out(pki, [], findings=["revocation.permanent"])
    pki.write("certificates/new.csr", csrs[1])
    pki.manifest("new", "csrFile: new.csr\nsubjectAltNames: [new.example.com]")
    pki.commit()
    planned = plan(pki, expect=1)
    assert planned["changes"] == []
    assert "csr.key_compromised" in codes(planned)


def test_a_key_is_blocked_before_anything_is_signed_with_it_in_the_same_run(pki, csrs):
    revocation(pki, "lost", spkiSha256=key_digest(csrs[1]), reason="keyCompromise")
    pki.write("certificates/new.csr", csrs[1])
    pki.manifest("new", "csrFile: new.csr\nsubjectAltNames: [new.example.com]")
    pki.commit()
    planned = plan(pki, expect=1)
    assert changes(planned) == ["block lost: KeyCompromised"]
    assert "csr.key_compromised" in codes(planned)
    pki.run("reconcile", expect=5)
    assert names(pki) == {"web"}


def test_an_authority_cannot_have_a_key_that_was_lost(pki, csrs):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pki.run("init_ca", "second", "CN=Second", "--key-type", "EC")
    key = load_pem_private_key((pki.root / "keys/second.pem").read_bytes(), None)
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    revocation(pki, "lost", spkiSha256=hashlib.sha256(der).hexdigest(), reason="keyCompromise")
    pki.commit()
    pki.run("reconcile")
    third = (pki.root / "authorities/second.yaml").read_text()
    third = third.replace("name: second", "name: third").replace("CN=Second", "CN=Third")
    pki.write("authorities/third.yaml", third)
    pki.commit()
    failed = pki.run("reconcile", expect=None)
    assert failed.code != 0
    assert "key.compromised" in failed.err
    assert "third" not in pki.run("list_cas").out.lower()


def test_a_removed_revocation_takes_nothing_back(pki):
    revocation(pki, "inc", certificate="web", reason="superseded")
    pki.commit()
    pki.run("reconcile")
    length = len(pki.ledger())
    (pki.root / "revocations/inc.yaml").unlink()
    planned = carry_out(pki, [])
    permanent = [f for f in planned["findings"] if f["code"] == "revocation.permanent"]
    assert [f["severity"] for f in permanent] == ["info"]
    assert "revocations/inc.yaml" in permanent[0]["summary"]
    assert after(pki, length) == []
    assert serials(pki) == []


def test_a_hold_stays_when_its_manifest_is_removed_and_is_lifted_by_release(pki):
    revocation(pki, "hold", certificate="web", reason="certificateHold")
    pki.commit()
    pki.run("reconcile")
    text = (pki.root / "revocations/hold.yaml").read_text()
    (pki.root / "revocations/hold.yaml").unlink()
    planned = carry_out(pki, [])
    [finding] = [f for f in planned["findings"] if f["code"] == "revocation.permanent"]
    assert "release: true" in finding["help"]
    length = len(pki.ledger())
    pki.write("revocations/hold.yaml", text.replace('"spec": {', '"spec": {"release": true, '))
    carry_out(pki, ["release hold: HoldReleased"])
    assert after(pki, length) == ["released"]


# --- Superseded ----------------------------------------------------------------------------------


def test_the_previous_certificate_stays_valid(pki):
    before = current(pki)
    pki.manifest("web", f"{WEB}\nreissue: 1")
    carry_out(pki, ["replace web: ReissueRequested"])
    assert [e for e in pki.ledger() if e["type"] == "revoked"] == []
    assert sorted(serials(pki)) == sorted([before, current(pki)])


@needs_moved_clock
def test_a_superseded_certificate_is_revoked_when_its_delay_has_passed(pki):
    before = current(pki)
    pki.manifest("web", f"{WEB}\nreissue: 1\nonSupersede: Revoke\nsupersedeDelay: 2d")
    carry_out(pki, ["replace web: ReissueRequested"])
    assert plan(later(pki, 1.9))["changes"] == []
    length, due = len(pki.ledger()), later(pki, 2.1)
    planned = plan(due)
    assert changes(planned) == ["revoke web: Superseded"]
    [change] = planned["changes"]
    assert (change["before"]["serialNumber"], change["after"]) == (before, None)
    assert change["revocation"]["reason"] == "superseded"
    assert planned["summary"]["revoke"] == 1, "which counts for the guards"
    due.run("reconcile")
    assert plan(due)["changes"] == []
    [entry] = [e for e in pki.ledger()[length:] if e["type"] == "revoked"]
    assert (entry["serialNumber"], entry["reason"]) == (before, "superseded")
    assert current(due) != before
