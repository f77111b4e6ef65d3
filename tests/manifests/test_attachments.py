from __future__ import annotations

import os

import pytest

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.attachments import MAX_ATTACHMENT, resolve_beside
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import LoadResult, load_manifests
from tests.manifests.repositories import manifest, places, write

PATH = "certificates/payments/api.yaml"
CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"
SECRET = "MC4CAQAwBQYDK2VwBCIEIDeadbeef"


def load_csr(root, reference: str, files=None) -> LoadResult:
    text = manifest("Certificate", "api", f"csrFile: {reference}")
    return load_manifests(write(root, {PATH: text, **(files or {})}))


def csr_of(result: LoadResult):
    assert result.findings == ()
    (loaded,) = result.manifests.of(Certificate).values()
    return loaded.csr, loaded.csr_path


@pytest.mark.parametrize(
    ("reference", "path"),
    [
        ("api.csr", "certificates/payments/api.csr"),
        ("./api.csr", "certificates/payments/api.csr"),
        ("sub/api.csr", "certificates/payments/sub/api.csr"),
        ("../api.csr", "certificates/api.csr"),
        ("../../csrs/api.csr", "csrs/api.csr"),
        ("x/../api.csr", "certificates/payments/api.csr"),
    ],
)
def test_the_csr_is_found_relative_to_the_manifest(tmp_path, reference, path):
    assert csr_of(load_csr(tmp_path, reference, {path: CSR})) == (CSR.encode(), path)


def test_an_inline_csr_has_no_path(tmp_path):
    text = manifest(
        "Certificate", "api", "csr: |\n" + "".join(f"  {x}\n" for x in CSR.split("\n")[:-1])
    )
    assert csr_of(load_manifests(write(tmp_path, {PATH: text}))) == (CSR.encode(), "")


def test_an_adopted_certificate_is_read_along(tmp_path):
    text = manifest("Certificate", "api", "adopt: {certificateFile: old.pem}")
    result = load_manifests(write(tmp_path, {PATH: text, "certificates/payments/old.pem": "cert"}))
    (loaded,) = result.manifests.of(Certificate).values()
    assert (loaded.adopted_certificate, loaded.adopted_path) == (
        b"cert",
        "certificates/payments/old.pem",
    )
    assert (loaded.csr, loaded.csr_path, result.findings) == (None, "", ())


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("../../../etc/passwd", "path.outside"),
        ("../../..", "path.outside"),
        ("x/../../../../y", "path.outside"),
        ("/etc/passwd", "path.outside"),
        ("//etc/passwd", "path.outside"),
        ("../../.git/config", "path.git_directory"),
        ("../../.GIT/config", "path.git_directory"),
        ("../../.git./config", "path.git_directory"),
        ("../../GIT~1/config", "path.git_directory"),
        ("sub/.git/x", "path.git_directory"),
        ("..", "path.invalid"),
        ("sub/", "path.invalid"),
        ("'.'", "path.invalid"),
        ("../..", "path.invalid"),
        (r"..\x.csr", "path.invalid"),
        ("missing.csr", "csr.missing"),
        ("api.yaml/x", "path.special"),
        ("../payments", "path.special"),
        ("'~/x.csr'", "csr.missing"),
    ],
)
def test_a_csr_is_a_file_of_the_repository(tmp_path, reference, code):
    result = load_csr(tmp_path, reference)
    (finding,) = result.findings
    assert finding.code == code
    assert str(finding.source) == f"{PATH}:5:12"
    (loaded,) = result.manifests.of(Certificate).values()
    assert loaded.csr is None


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "certificates/payments").mkdir(parents=True)
    os.symlink("/etc/hostname", tmp_path / "certificates/payments/api.csr")
    assert f"path.symlink {PATH}:5:12" in places(load_csr(tmp_path, "api.csr"))


def test_a_link_on_the_way_is_not_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/api.csr").write_text(CSR)
    os.symlink("real", tmp_path / "linked")
    assert places(load_csr(tmp_path, "../../linked/api.csr")) == [f"path.symlink {PATH}:5:12"]


def test_a_pipe_is_not_waited_for(tmp_path):
    (tmp_path / "csrs").mkdir()
    os.mkfifo(tmp_path / "csrs/api.csr")
    assert places(load_csr(tmp_path, "../../csrs/api.csr")) == [f"path.special {PATH}:5:12"]


def test_a_csr_has_a_size(tmp_path):
    for size, code in ((MAX_ATTACHMENT + 1, "csr.too_large"), (2 << 20, "path.too_large")):
        result = load_csr(tmp_path, "api.csr", {"certificates/payments/api.csr": b"x" * size})
        assert places(result) == [f"{code} {PATH}:5:12"]


@pytest.mark.parametrize(
    "content",
    [
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n",
        f"{CSR}-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----\n",
        bytes.fromhex("302e020100300506032b657004220420") + SECRET.encode(),
    ],
)
def test_a_private_key_in_the_place_of_a_csr_is_refused_and_not_repeated(tmp_path, content):
    result = load_csr(tmp_path, "api.csr", {"certificates/payments/api.csr": content})
    (finding,) = result.findings
    assert finding.code == "csr.private_key"
    assert SECRET not in repr(finding) + finding.source.snippet
    (loaded,) = result.manifests.of(Certificate).values()
    assert loaded.csr is None
    assert SECRET not in repr(loaded)


def test_a_private_key_in_the_place_of_a_certificate_is_refused(tmp_path):
    text = manifest("Certificate", "api", "adopt: {certificateFile: old.pem}")
    key = "-----BEGIN PRIVATE KEY-----"
    result = load_manifests(write(tmp_path, {PATH: text, "certificates/payments/old.pem": key}))
    assert places(result) == [f"adopt.private_key {PATH}:5:28"]


def test_a_manifest_with_other_faults_has_its_csr_looked_at_as_well(tmp_path):
    text = manifest("Certificate", "api", "csrFile: missing.csr\nvalidity: 90")
    assert places(load_manifests(write(tmp_path, {PATH: text}))) == [
        f"csr.missing {PATH}:5:12",
        f"duration.no_unit {PATH}:6:13",
    ]


def test_a_reference_never_leaves_the_repository():
    for reference in ("", "\x00", "a\nb", "a\x7f"):
        with pytest.raises(InvalidValueError):
            resolve_beside("certificates/a.yaml", reference)
