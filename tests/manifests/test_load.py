from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from pki_as_code.errors import ManifestError
from pki_as_code.gitplumbing import GitRepository, RevisionTree
from pki_as_code.manifests import KINDS
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import load_manifests
from pki_as_code.manifests.overlay import OverlayTree
from pki_as_code.manifests.profile import Profile
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.manifests.tree import PLACES, WorkingTree
from pki_as_code.manifests.watcher import Watcher
from pki_as_code.manifests.yaml_nodes import MAX_FINDINGS
from pki_as_code.model import ObjectId, Severity
from tests.manifests.repositories import HEAD, certificate, load, manifest, places, write

PROJECT = manifest("Project", "example")
ROOT = manifest("CertificateAuthority", "root", '{subject: CN=Root, key: {uri: "file:root.pem"}}')


def test_a_repository_is_loaded_with_namespaces_from_its_directories(tmp_path):
    result = load(
        tmp_path,
        {
            "pki.yaml": PROJECT,
            "authorities/root.yaml": ROOT,
            "profiles/a.yml": manifest("Profile", "tls"),
            "certificates/web.yaml": certificate("web"),
            "certificates/default/web2.yaml": manifest(
                "Certificate", "web2", "{csrFile: ../x.csr}"
            ),
            "certificates/payments/_namespace.yaml": manifest("Namespace", "payments"),
            "certificates/payments/x.yaml": certificate("web"),
            "certificates/payments/deep/er/x.yaml": manifest(
                "Certificate", "api", "{csrFile: ../../x.csr}"
            ),
            "certificates/payments/r.yaml": manifest("Revocation", "r", "{certificate: api}"),
            "revocations/r.yaml": manifest("Revocation", "r", "{certificate: payments/api}"),
            "watchers/w.yaml": manifest("Watcher", "w", '{notify: ["mailto:a@example.com"]}'),
        },
    )
    assert result.findings == ()
    manifests = result.manifests
    assert list(manifests.of(Certificate)) == [
        ObjectId("Certificate", "default", "web"),
        ObjectId("Certificate", "default", "web2"),
        ObjectId("Certificate", "payments", "api"),
        ObjectId("Certificate", "payments", "web"),
    ]
    assert list(manifests.of(Revocation)) == [
        ObjectId("Revocation", "", "r"),
        ObjectId("Revocation", "payments", "r"),
    ]
    assert list(manifests.of(Watcher)) == [ObjectId("Watcher", "", "w")]
    assert manifests.project.manifest.metadata.name == "example"
    assert manifests.authority("root").manifest.spec.subject == "CN=Root"
    assert manifests.namespace("payments").object_id == ObjectId("Namespace", "", "payments")
    assert manifests.certificate("payments", "api").path == "certificates/payments/deep/er/x.yaml"
    assert manifests.unreadable == frozenset()


def test_profiles_are_those_with_a_manifest_and_the_predefined_ones(tmp_path):
    override = manifest("Profile", "client", "{description: ours}")
    manifests = load(tmp_path, {"profiles/c.yaml": override}).manifests
    assert manifests.profile("client").spec.description == "ours"
    assert manifests.loaded_profile("client").path == "profiles/c.yaml"
    assert manifests.profile("webserver").metadata.name == "webserver"
    assert manifests.loaded_profile("webserver") is None
    assert manifests.profile("nope") is None
    assert manifests.profile_names() == ["client", "enduser", "ocsp", "server", "webserver"]


def test_defaults_are_filled_in(tmp_path):
    result = load(
        tmp_path,
        {"pki.yaml": PROJECT, "authorities/r.yaml": ROOT, "certificates/c.yaml": certificate("c")},
    )
    project = result.manifests.project.manifest.spec
    assert (project.store, project.guards.max_revocations) == ("git:pki-issued", 20)
    assert project.notifications.before == tuple(timedelta(days=n) for n in (14, 7, 3, 1))
    assert project.defaults.deletion_policy == "Refuse"
    root = result.manifests.authority("root").manifest.spec
    assert (str(root.key_spec), root.key_type, root.usages) == (
        "P-256",
        "P-256",
        ("sign", "crl", "ocsp"),
    )
    assert (root.crl.validity, root.crl.refresh_before) == (timedelta(days=7), timedelta(days=5))
    assert (root.path_length, root.mode, root.crl.urls) == (None, "online", None)
    spec = result.manifests.certificate("default", "c").manifest.spec
    assert (spec.common_name_in_san, spec.reissue, spec.renewal) == (True, 0, None)


def test_the_refresh_time_of_a_crl_follows_its_validity(tmp_path):
    text = ROOT.replace("key:", "crl: {validity: 21d}, key:")
    manifests = load(tmp_path, {"authorities/r.yaml": text}).manifests
    assert manifests.authority("root").manifest.spec.crl.refresh_before == timedelta(days=15)


def test_a_country_called_no_stays_a_country(tmp_path):
    text = certificate("c", "subject: C=NO,CN=c").replace(
        "{name: c}", "{name: c, labels: {country: NO}}"
    )
    result = load(tmp_path, {"certificates/c.yaml": text})
    loaded = result.manifests.certificate("default", "c")
    assert loaded.manifest.metadata.labels == {"country": "NO"}
    assert type(loaded.manifest.metadata.labels["country"]) is str


def test_times_and_serial_numbers_are_values(tmp_path):
    text = manifest(
        "Revocation",
        "r",
        '{serial: "0A:BC", issuer: root, compromisedAt: "2026-11-01T01:00:00+01:00"}',
    )
    (loaded,) = load(tmp_path, {"revocations/r.yaml": text}).manifests.of(Revocation).values()
    assert loaded.manifest.spec.serial_number == 0xABC
    assert loaded.manifest.spec.compromised_at == datetime(2026, 11, 1, tzinfo=UTC)


def test_an_authority_made_elsewhere_has_the_key_of_its_certificate(tmp_path):
    key = ed25519.Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Root")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), 1, start, start + timedelta(days=9)
    ).sign(key, None)
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode().replace("\n", "\n  ")
    spec = f"subject: CN=Root\nmode: offline\ncertificate: |\n  {pem}"
    files = {
        "authorities/a.yaml": manifest("CertificateAuthority", "a", spec),
        "authorities/b.yaml": manifest(
            "CertificateAuthority", "b", spec + '\nkey: {uri: "file:b", type: EC}'
        ),
        "authorities/c.yaml": manifest(
            "CertificateAuthority", "c", spec.replace("-----\n  M", "-----\n  X")
        ),
        "authorities/d.yaml": manifest(
            "CertificateAuthority", "d", spec.replace("offline", "online")
        ),
    }
    result = load(tmp_path, files)
    assert [(f.code, f.source.path, f.source.snippet[:6]) for f in result.findings] == [
        ("authority.key_mismatch", "authorities/b.yaml", "  key:"),
        ("authority.bad_certificate", "authorities/c.yaml", "  cert"),
        ("authority.no_key", "authorities/d.yaml", "spec:"),
    ]
    assert result.manifests.authority("a").manifest.spec.key_type == "Ed25519"


def test_the_default_namespace_can_be_described_in_two_places_and_once(tmp_path):
    text = manifest("Namespace", "default")
    assert load(tmp_path, {"certificates/_namespace.yaml": text}).findings == ()
    both = load(tmp_path, {"certificates/default/_namespace.yaml": text})
    assert places(both) == ["manifest.duplicate certificates/default/_namespace.yaml:3:18"]


# --- Errors --------------------------------------------------------------------------------------


def test_all_errors_of_all_files_are_found_in_one_run(tmp_path):
    result = load(
        tmp_path,
        {
            "pki.yaml": PROJECT.replace("{}", "{stoer: x}"),
            "authorities/root.yaml": ROOT.replace("file:", ""),
            "certificates/a.yaml": certificate("a", "dnsNames: [x]\nvalidity: 90\nreissue: '1'"),
            "certificates/b.yaml": "a: [1\n",
            "certificates/c.yaml": certificate("c") + "---\n" + certificate("d", "profil: x"),
            "certificates/payments/e.yaml": certificate("e").replace("x.csr", "missing.csr"),
            "certificates/f.yaml": b"\xff",
        },
    )
    assert places(result) == [
        "manifest.invalid_key_uri authorities/root.yaml:4:37",
        "manifest.unknown_key certificates/a.yaml:6:3",
        "duration.no_unit certificates/a.yaml:7:13",
        "manifest.wrong_type certificates/a.yaml:8:12",
        "yaml.syntax certificates/b.yaml:2:1",
        "manifest.unknown_key certificates/c.yaml:12:3",
        "yaml.not_utf8 certificates/f.yaml:1:1",
        "csr.missing certificates/payments/e.yaml:5:12",
        "manifest.unknown_key pki.yaml:4:8",
    ]
    assert [object_id.name for object_id in result.manifests.of(Certificate)] == ["c", "e"]


@pytest.mark.parametrize(
    ("spec", "line_and_column", "shown", "message", "help_text"),
    [
        (
            "dnsNames: [a.example.com]",
            "6:3",
            "dnsNames",
            "unknown key `dnsNames` in spec",
            "did you mean `subjectAltNames`?  (pkictl explain Certificate.spec)",
        ),
        (
            "subjectAltName: [a]",
            "6:3",
            "subjectAltName",
            "unknown key `subjectAltName` in spec",
            "did you mean `subjectAltNames`?  (pkictl explain Certificate.spec)",
        ),
        (
            "renewal: {befor: 3d}",
            "6:13",
            "befor",
            "unknown key `befor` in spec.renewal",
            "did you mean `before`?  (pkictl explain Certificate.spec.renewal)",
        ),
        (
            "labels: {a: b}",
            "6:3",
            "labels",
            "unknown key `labels` in spec",
            "`labels` belongs below `metadata`  (pkictl explain Certificate.spec)",
        ),
        (
            "extensions: {keyUsge: {}}",
            "6:16",
            "keyUsge",
            "unknown key `keyUsge` in spec.extensions",
            "did you mean `keyUsage`?  (pkictl explain Certificate.spec.extensions)",
        ),
        (
            "deletionPolicy: refuse",
            "6:19",
            "refuse",
            "`deletionPolicy` cannot be 'refuse'",
            "did you mean `Refuse`?",
        ),
        (
            "deletionPolicy: Nothing",
            "6:19",
            "Nothing",
            "`deletionPolicy` cannot be 'Nothing'",
            "use one of `Refuse`, `Retain`, `Revoke`",
        ),
        (
            "issuer: 4711",
            "6:11",
            "4711",
            "`issuer` is the number 4711, it must be text",
            'quote it: "4711"',
        ),
        (
            "issuer: True",
            "6:11",
            "True",
            "`issuer` is the truth value true, it must be text",
            'quote it: "True"',
        ),
        ("issuer:", "6:10", "", "`issuer` is empty", "give it a value, or remove the line"),
        (
            "commonNameInSan: yes",
            "6:20",
            "yes",
            "`commonNameInSan` is text, it must be true or false",
            "write true or false, without quotes",
        ),
        (
            'reissue: "07"',
            "6:12",
            '"07"',
            "`reissue` is text, it must be a whole number",
            "remove the quotes, and zeros at its beginning: 7",
        ),
        ("reissue: -1", "6:12", "-1", "`reissue` is -1, the least is 0", ""),
        (
            "watchers: a@example.com",
            "6:13",
            "a@example.com",
            "`watchers` is text, it must be a list",
            "write a list: [a@example.com]",
        ),
        ("renewal: Automatic", "6:12", "Automatic", "`renewal` is text, it must be a mapping", ""),
        (
            "subjectAltNames: {a: b}",
            "6:3",
            "subjectAltNames",
            "`subjectAltNames` is a mapping, it must be a list",
            "write `- ` before each item",
        ),
        (
            "subjectAltNames: [a.example.com, 5]",
            "6:36",
            "5",
            "`subjectAltNames` is the number 5, it must be text",
            'quote it: "5"',
        ),
        (
            "adopt: {}",
            "6:3",
            "adopt",
            "spec.adopt has no `certificateFile`",
            "add `certificateFile`  (pkictl explain Certificate.spec.adopt.certificateFile)",
        ),
        (
            "csr: |\n  -----BEGIN CERTIFICATE REQUEST-----",
            "5:3",
            "csrFile",
            "csr and csrFile are both given",
            "remove one of the two",
        ),
        (
            'validity: 3d\nnotAfter: "2027-01-31T00:00:00Z"',
            "7:3",
            "notAfter",
            "validity and notAfter are both given",
            "remove one of the two",
        ),
        (
            "notAfter: 2027-01-31T00:00:00Z",
            "6:13",
            "2027-01-31T00:00:00Z",
            "the time '2027-01-31T00:00:00Z' is not quoted",
            'quote it: "2027-01-31T00:00:00Z"',
        ),
        (
            "supersedeDelay: 7d",
            "6:3",
            "supersedeDelay",
            "supersedeDelay means nothing without `onSupersede: Revoke`",
            "add `onSupersede: Revoke`, or remove supersedeDelay",
        ),
    ],
)
def test_an_error_points_at_the_key_or_value_and_says_what_to_do(
    tmp_path, spec, line_and_column, shown, message, help_text
):
    result = load(tmp_path, {"certificates/a.yaml": certificate("a", spec)})
    (finding,) = result.findings
    source = finding.source
    assert str(source) == f"certificates/a.yaml:{line_and_column}"
    assert source.snippet[source.column - 1 : source.end_column - 1] == shown
    assert (finding.message, finding.help) == (message, help_text)


def test_the_errors_of_one_file_are_bounded(tmp_path):
    unknown = certificate("a") + "".join(f"  k{n}: x\n" for n in range(9_000))
    names = certificate("b", f"watchers: [{', '.join(['x'] * 9_000)}]")
    result = load(tmp_path, {"certificates/a.yaml": unknown, "certificates/b.yaml": names})
    assert len(result.findings) <= 2 * MAX_FINDINGS


def test_a_serial_number_without_quotes_is_told_to_be_quoted(tmp_path):
    for written in ("4711", "0123", "7E0", "12:34:56", "49:BC:F2", "AB"):
        text = manifest("Revocation", "r", f"{{serial: {written}, issuer: root}}")
        (finding,) = load(tmp_path, {"revocations/r.yaml": text}).findings
        assert finding.code == "manifest.unquoted"
        assert str(finding.source) == "revocations/r.yaml:4:16"
        assert finding.help == f'quote it: "{written}"'


def test_a_duplicate_key_does_not_decide_which_of_the_two_counts(tmp_path):
    text = certificate("a", "profile: webserver\nprofile: ocsp\nisuer: x")
    result = load(tmp_path, {"certificates/a.yaml": text})
    assert places(result) == [
        "yaml.duplicate_key certificates/a.yaml:7:3",
        "manifest.unknown_key certificates/a.yaml:8:3",
    ]
    assert result.manifests.of(Certificate) == {}


@pytest.mark.parametrize(
    ("text", "code", "line_and_column", "help_text"),
    [
        (
            "apiVersion: pki-as-code/v2\nkind: Certificate\n",
            "unknown_api_version",
            "1:13",
            "write `apiVersion: pki-as-code/v1`",
        ),
        ("kind: Certificate\n", "missing_field", "1:1", "add `apiVersion: pki-as-code/v1`"),
        (HEAD, "missing_field", "1:1", "add `kind: Certificate`"),
        (HEAD + "kind: certifcate\n", "unknown_kind", "2:7", "did you mean `Certificate`?"),
        (
            HEAD + "kind: 5\n",
            "unknown_kind",
            "2:7",
            "use one of `Project`, `CertificateAuthority`, `Profile`, `Policy`, `Namespace`, "
            "`Certificate`, `Revocation`, `Watcher`",
        ),
        ("- a\n", "not_a_mapping", "1:1", "write `key: value` lines"),
        ("just text\n", "not_a_mapping", "1:1", "write `key: value` lines"),
    ],
)
def test_what_is_no_manifest_of_a_known_kind_is_refused(
    tmp_path, text, code, line_and_column, help_text
):
    (finding,) = load(tmp_path, {"certificates/a.yaml": text}).findings
    assert finding.code == f"manifest.{code}"
    assert str(finding.source) == f"certificates/a.yaml:{line_and_column}"
    assert finding.help == help_text


def test_a_missing_field_is_reported_at_the_mapping_that_lacks_it(tmp_path):
    text = HEAD + "kind: Watcher\nmetadata:\n  labels: {a: b}\nspec: {before: [1d]}\n"
    assert places(load(tmp_path, {"watchers/w.yaml": text})) == [
        "manifest.missing_field watchers/w.yaml:3:1",
        "manifest.missing_field watchers/w.yaml:5:1",
    ]


def test_a_key_of_the_spec_at_the_top_is_sent_below_it(tmp_path):
    text = certificate("a") + "validity: 3d\n"
    (finding,) = load(tmp_path, {"certificates/a.yaml": text}).findings
    assert finding.help == "`validity` belongs below `spec`"


def test_secrets_in_manifests_are_refused_and_their_line_not_shown(tmp_path):
    result = load(
        tmp_path,
        {
            "pki.yaml": manifest("Project", "p", "{store: 'postgresql://me:hunter2@db/pki'}"),
            "authorities/a.yaml": ROOT.replace(
                "file:root.pem", "pkcs11:object=r?pin-value=hunter2"
            ),
            "certificates/a.yaml": certificate(
                "a", "csr: |\n  -----BEGIN PRIVATE KEY-----\n  hunter2"
            ),
        },
    )
    assert [finding.code for finding in result.findings] == [
        "manifest.secret",
        "manifest.private_key",
        "manifest.secret",
    ]
    assert "hunter2" not in repr(result.findings) + "".join(
        f.source.snippet for f in result.findings
    )


# --- Places --------------------------------------------------------------------------------------


def test_every_place_of_a_kind_is_walked():
    for kind in KINDS:
        for place in kind.places:
            assert place in PLACES or place == "pki.yaml"
        assert not kind.administrative or "certificates" not in kind.places


@pytest.mark.parametrize(
    ("path", "kind", "spec", "help_text"),
    [
        ("certificates/payments/a.yaml", "Profile", "{}", "move it to profiles/"),
        (
            "certificates/payments/a.yaml",
            "CertificateAuthority",
            '{subject: CN=a, key: {uri: "file:a"}}',
            "move it to authorities/",
        ),
        ("certificates/a.yaml", "Project", "{}", "move it to pki.yaml"),
        ("authorities/a.yaml", "Profile", "{}", "move it to profiles/"),
        ("policies/a.yaml", "Profile", "{}", "move it to profiles/"),
        (
            "profiles/a.yaml",
            "Revocation",
            "{certificate: a}",
            "move it to revocations/ or certificates/",
        ),
        (
            "revocations/a.yaml",
            "Certificate",
            "{adopt: {certificateFile: ../certificates/x.csr}}",
            "move it to certificates/",
        ),
        ("watchers/pki.yaml", "Project", "{}", "move it to pki.yaml"),
        ("pki.yaml", "Profile", "{}", "move it to profiles/"),
        (
            "certificates/payments/ns.yaml",
            "Namespace",
            "{}",
            "move it to certificates/<namespace>/_namespace.yaml",
        ),
        (
            "certificates/payments/sub/_namespace.yaml",
            "Namespace",
            "{}",
            "move it to certificates/<namespace>/_namespace.yaml",
        ),
        (
            "certificates/payments/_namespace.yaml",
            "Certificate",
            "{csrFile: x.csr}",
            "move it to certificates/",
        ),
    ],
)
def test_a_kind_in_the_wrong_place_is_refused(tmp_path, path, kind, spec, help_text):
    result = load(tmp_path, {path: manifest(kind, "payments", spec)})
    (finding,) = result.findings
    assert finding.code == "manifest.misplaced"
    assert str(finding.source) == f"{path}:2:7"
    assert finding.help == help_text
    assert not any(result.manifests.by_kind.values())
    assert result.manifests.unreadable


@pytest.mark.parametrize("path", ["web.yaml", "certificate/web.yaml", "teams/web.yml"])
def test_a_manifest_outside_of_all_places_is_found(tmp_path, path):
    text = "# a comment\n" + certificate("a")
    assert places(load(tmp_path, {path: text})) == [f"manifest.misplaced {path}:2:1"]


def test_other_files_are_nobodys_business(tmp_path):
    result = load(
        tmp_path,
        {
            "docker-compose.yaml": "a: &x 1\nb: !tag *x\n",
            ".github/workflows/ci.yaml": certificate("a"),
            "demo/pki.yaml": PROJECT,
            "demo/other.yaml": certificate("a"),
            "certificates/README.md": "# a",
            "certificates/x.pem": "-----BEGIN PRIVATE KEY-----",
            "big.yaml": HEAD + "#" * 300_000,
        },
    )
    assert result.findings == ()


def test_a_namespace_has_the_name_of_its_directory(tmp_path):
    result = load(tmp_path, {"certificates/payments/_namespace.yaml": manifest("Namespace", "pay")})
    (finding,) = result.findings
    assert finding.code == "manifest.namespace_name"
    assert str(finding.source) == "certificates/payments/_namespace.yaml:3:18"
    assert finding.help == "write `name: payments`"
    assert result.manifests.namespace("payments") is result.manifests.namespace("pay") is None


def test_a_directory_that_cannot_be_a_namespace_is_refused(tmp_path):
    text = manifest("Certificate", "a", "{adopt: {certificateFile: ../x.csr}}")
    result = load(tmp_path, {"certificates/Pay_ments/a.yaml": text})
    assert places(result) == ["manifest.namespace_name certificates/Pay_ments/a.yaml:1:1"]
    assert result.manifests.of(Certificate) == {}


def test_an_identity_is_taken_once_and_both_places_are_named(tmp_path):
    files = {
        "certificates/a.yaml": certificate("web"),
        "certificates/default/b.yaml": manifest("Certificate", "web", "{csrFile: ../x.csr}"),
        "certificates/payments/c.yaml": certificate("web"),
    }
    (finding,) = load(tmp_path, files).findings
    assert finding.code == "manifest.duplicate"
    assert str(finding.source) == "certificates/default/b.yaml:3:18"
    assert finding.message == (
        "the Certificate web in namespace default is there already, at certificates/a.yaml:3:18"
    )


def test_there_is_one_project(tmp_path):
    result = load(tmp_path, {"pki.yaml": PROJECT + "---\n" + manifest("Project", "other")})
    assert places(result) == ["manifest.duplicate pki.yaml:8:18"]
    assert result.manifests.project.manifest.metadata.name == "example"


def test_a_file_that_holds_nothing_is_a_warning(tmp_path):
    (finding,) = load(tmp_path, {"watchers/w.yaml": "# later\n---\n"}).findings
    assert (finding.code, finding.severity) == ("manifest.empty_file", Severity.WARNING)


def test_a_manifest_of_a_kind_that_there_is_not_is_an_error(tmp_path):
    text = manifest("Approval", "p", "{effect: Grant}")
    assert places(load(tmp_path, {"policies/p.yaml": text})) == [
        "manifest.unknown_kind policies/p.yaml:2:7"
    ]


# --- What could not be read ----------------------------------------------------------------------


def test_what_could_not_be_read_is_not_taken_for_absent(tmp_path):
    manifests = load(
        tmp_path,
        {
            "pki.yaml": "a: [",
            "authorities/root.yaml": ROOT.replace("subject", "subjekt"),
            "profiles/p.yaml": "a: [",
            "certificates/payments/a.yaml": "a: [",
            "certificates/shop/b.yaml": certificate("web", "x: y"),
        },
    ).manifests
    assert manifests.is_unreadable("Project", "", None)
    assert manifests.is_unreadable("CertificateAuthority", "", "root")
    assert not manifests.is_unreadable("CertificateAuthority", "", "issuing")
    assert manifests.is_unreadable("Profile", "", "any")
    assert manifests.is_unreadable("Certificate", "payments", "any")
    assert manifests.is_unreadable("Certificate", "shop", "web")
    assert not manifests.is_unreadable("Certificate", "shop", "other")
    assert not manifests.is_unreadable("Certificate", "default", "web")


def test_a_link_in_the_place_of_a_directory_hides_what_is_behind_it(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "certificates").mkdir()
    os.symlink("../elsewhere", tmp_path / "certificates/payments")
    result = load_manifests(WorkingTree(tmp_path))
    assert places(result) == ["path.symlink certificates/payments:1:1"]
    assert result.manifests.is_unreadable("Certificate", "payments", "web")


def test_a_link_in_the_place_of_all_manifests_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    os.symlink("elsewhere", tmp_path / "certificates")
    os.symlink("/etc/hostname", tmp_path / "pki.yaml")
    result = load_manifests(WorkingTree(tmp_path))
    assert places(result) == ["path.symlink certificates:1:1", "path.symlink pki.yaml:1:1"]
    assert result.manifests.is_unreadable("Certificate", "any", "web")
    assert result.manifests.is_unreadable("Project", "", None)


def test_a_path_that_cannot_be_seen_is_refused(tmp_path):
    result = load(tmp_path, {"certificates/a\u202e.yaml": certificate("a")})
    assert [finding.code for finding in result.findings] == ["path.invalid"]
    assert "\u202e" not in str(result.findings[0])


def test_a_path_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "watchers").mkdir()
    with open(os.fsencode(tmp_path) + b"/watchers/\xff.yaml", "wb"):
        pass
    result = load_manifests(WorkingTree(tmp_path))
    assert [finding.code for finding in result.findings] == ["path.invalid"]
    str(result.findings[0]).encode()


def test_a_directory_that_cannot_be_listed_is_not_an_empty_one(tmp_path):
    (tmp_path / "certificates").mkdir(mode=0)
    if os.access(tmp_path / "certificates", os.R_OK):
        pytest.skip("nothing is unreadable to root")
    with pytest.raises(ManifestError):
        load_manifests(WorkingTree(tmp_path))


def test_a_tree_that_is_not_there_is_not_an_empty_one(tmp_path):
    with pytest.raises(ManifestError):
        load_manifests(WorkingTree(tmp_path / "nowhere"))


# --- Trees ---------------------------------------------------------------------------------------


def test_only_the_paths_that_are_asked_for_are_read(tmp_path):
    files = {"certificates/a.yaml": certificate("a"), "certificates/b.yaml": "a: ["}
    tree = write(tmp_path, {**files, "certificates/x.csr": "csr"})
    result = load_manifests(tree, paths={"certificates/a.yaml"})
    assert result.findings == ()
    assert [object_id.name for object_id in result.manifests.of(Certificate)] == ["a"]


def test_a_commit_and_the_working_tree_it_was_made_from_are_loaded_alike(tmp_path):
    files = {
        "pki.yaml": PROJECT,
        "authorities/root.yaml": ROOT,
        "certificates/a.yaml": certificate("a"),
        "certificates/b.yaml": certificate("b", "dnsNames: []"),
        "certificates/payments/c.yaml": certificate("c").replace("x.csr", "../../keys/k.pem"),
        "certs/lost.yaml": certificate("lost"),
        "keys/k.pem": "-----BEGIN PRIVATE KEY-----",
    }
    in_place = load(tmp_path, files)
    os.symlink("a.yaml", tmp_path / "certificates/link.yaml")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    repository = GitRepository.discover(tmp_path)
    with RevisionTree(repository, repository.head_commit()) as tree:
        committed = load_manifests(tree, second_gate=True)
    linked = load_manifests(WorkingTree(tmp_path), second_gate=True)
    assert places(committed) == places(linked)
    assert len(linked.findings) == len(in_place.findings) + 1 == 4
    assert committed.manifests.by_kind == linked.manifests.by_kind


def test_an_overlay_shows_changes_that_are_not_written(tmp_path):
    tree = write(
        tmp_path,
        {
            "certificates/a.yaml": certificate("a"),
            "certificates/x.csr": "old",
            "certificates/gone.yaml": certificate("gone"),
        },
    )
    overlay = OverlayTree(
        tree,
        {
            "certificates/x.csr": b"new",
            "certificates/b.yaml": certificate("b").encode(),
            "certificates/gone.yaml": None,
        },
    )
    found = load_manifests(overlay).manifests.of(Certificate)
    assert {i.name: loaded.csr for i, loaded in found.items()} == {"a": b"new", "b": b"new"}
    assert not (tmp_path / "certificates/b.yaml").exists()


def test_a_loaded_manifest_knows_where_its_fields_stand(tmp_path):
    text = (
        certificate("first")
        + "---\n"
        + certificate("a", "subjectAltNames:\n- x.example.com\n- y.example.com")
    )
    loaded = load(tmp_path, {"certificates/a.yaml": text}).manifests.certificate("default", "a")
    source = loaded.source("spec", "subjectAltNames", 1)
    assert str(source) == "certificates/a.yaml:14:5"
    assert (source.end_line, source.end_column, source.snippet) == (14, 18, "  - y.example.com")
    assert str(loaded.source("spec", "subjectAltNames", key=True)) == "certificates/a.yaml:12:3"
    assert str(loaded.source("spec", "issuer")) == "certificates/a.yaml:10:1"
    assert str(loaded.csr_source) == "certificates/a.yaml:11:12"


def test_models_can_be_compared_and_not_changed(tmp_path):
    files = {"authorities/r.yaml": ROOT, "profiles/p.yaml": manifest("Profile", "p")}
    first, second = load(tmp_path, files).manifests, load(tmp_path, files).manifests
    assert first.of(CertificateAuthority) == second.of(CertificateAuthority)
    with pytest.raises(ValueError, match="frozen"):
        first.profile("p").spec.description = "x"
    assert Profile.model_validate(first.profile("p").model_dump()) == second.profile("p")
