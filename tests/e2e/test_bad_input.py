"""Bad input: one clear error with its place and remedy, and nothing is changed by it."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.e2e.conftest import Repository, environment, make_csr, openssl

GOOD = "csrFile: web.csr\nsubjectAltNames: [www.example.com]"


def state(repository: Repository) -> tuple[str, str, str]:
    return (
        repository.git("rev-parse", "HEAD"),
        repository.store_head(),
        repository.git("status", "--porcelain"),
    )


def refused(repository: Repository, code: str, place: str = "", commands=("validate", "plan")):
    """Every command that looks at manifests names code and place, and changes nothing."""
    repository.commit("something bad")
    before = state(repository)
    for command in (*commands, "reconcile"):
        done = repository.run(command, expect=1)
        told = done.out + done.err
        assert f"[{code}]" in told, told
        assert place in told, told
        assert "= help:" in told, told
    assert state(repository) == before


def break_signature(der: bytes) -> bytes:
    return der[:-1] + bytes([der[-1] ^ 1])


def test_a_typo_is_found_on_its_line(repository, csr):
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", GOOD.replace("subjectAltNames", "subjectAltName"))
    refused(repository, "manifest.unknown_key", "certificates/web.yaml:6:3")
    assert "did you mean `subjectAltNames`?" in repository.run("validate", expect=1).out


def test_all_errors_of_all_files_are_told_at_once(repository, csr):
    repository.write("certificates/web.csr", csr)
    for name, line in (("a", "subjectAltName: [a.example.com]"), ("b", "profil: webserver")):
        repository.manifest(name, f"csrFile: web.csr\n{line}")
    told = repository.run("validate", expect=1).out
    assert "certificates/a.yaml:6:3" in told
    assert "certificates/b.yaml:6:3" in told


def test_validate_gives_json_for_programs(repository, csr):
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", GOOD.replace("subjectAltNames", "dnsNames"))
    value = repository.run("validate", "--output", "json", expect=1).json
    assert (value["schemaVersion"], value["valid"], value["errorCount"]) == (1, False, 1)
    [diagnostic] = value["diagnostics"]
    assert diagnostic["code"] == "manifest.unknown_key"
    assert diagnostic["range"]["filename"] == "certificates/web.yaml"
    assert diagnostic["range"]["start"] == {"line": 6, "column": 3}
    assert "dnsNames" in diagnostic["snippet"]


def test_a_missing_csr(repository):
    repository.manifest("web", GOOD)
    refused(repository, "csr.missing", "certificates/web.yaml:5:12")


def test_a_csr_whose_signature_does_not_verify(repository, csr, tmp_path):
    der = tmp_path / "web.der"
    openssl("req", "-outform", "DER", "-out", str(der), stdin=csr)
    repository.write("certificates/web.csr", break_signature(der.read_bytes()))
    repository.manifest("web", GOOD)
    refused(repository, "csr.signature_invalid", "certificates/web.yaml:5:12")


def test_a_1024_bit_key(repository):
    make_csr(repository.root / "certificates/web.csr", key=("-newkey", "rsa:1024"))
    repository.manifest("web", GOOD)
    refused(repository, "key.rsa_too_small", "certificates/web.yaml:5:12")


def test_an_unknown_profile(repository, csr):
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", f"{GOOD}\nprofile: webservr")
    refused(repository, "reference.not_found", "certificates/web.yaml:7:12")
    assert "did you mean `webserver`?" in repository.run("validate", expect=1).out


def test_an_unknown_issuer(repository, csr):
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", f"{GOOD}\nissuer: isuing")
    refused(repository, "reference.not_found", "certificates/web.yaml:7:11")


def test_a_circle_of_authorities(repository):
    for name, parent in (("a", "b"), ("b", "a")):
        repository.write(
            f"authorities/{name}.yaml",
            "apiVersion: pki-as-code/v1\nkind: CertificateAuthority\n"
            f"metadata: {{name: {name}}}\nspec:\n  subject: CN={name}\n  parent: {parent}\n"
            f'  key: {{uri: "file:keys/{name}.pem"}}\n',
        )
    refused(repository, "authority.cycle", "authorities/a.yaml:6:11")


def test_a_name_outside_the_name_constraints(repository, csr):
    repository.run(
        "init_ca", "corp", "CN=Corp CA", "--parent", "root", "--key-type", "EC",
        "--permit-name", "DNS:corp.example",
    )  # fmt: skip
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", f"{GOOD}\nissuer: corp")
    refused(repository, "rfc5280.name_not_permitted", "certificates/web.yaml:6")


def test_a_certificate_that_would_outlive_its_authority(repository, csr):
    repository.run("init_ca", "short", "CN=Short CA", "--expires", "30", "--key-type", "EC")
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", f"{GOOD}\nissuer: short\nvalidity: 31d")
    repository.commit()
    before = state(repository)
    done = repository.run("reconcile", expect=1)
    told = done.out + done.err
    assert "[certificate.outlives_issuer]" in told
    assert told.count("T") >= 2, "both dates are named"
    assert state(repository) == before


def test_a_directory_that_is_no_repository(tmp_path):
    for command in ("plan", "validate", "list_certs", "reconcile", "status"):
        done = Repository(tmp_path).run(command, expect=1)
        assert "[git.no_repository]" in done.err
        assert "pkictl init" in done.err


def test_a_store_branch_edited_by_hand(repository, csr, tmp_path):
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", GOOD)
    repository.commit()
    repository.run("reconcile")
    work = tmp_path / "work"
    repository.git("worktree", "add", "--quiet", str(work), "pki-issued")
    [segment] = sorted((work / "ledger").iterdir())
    segment.write_text(segment.read_text().replace("www.example.com", "www.evil.example"))
    subprocess.run(
        ["git", "commit", "--quiet", "-a", "-m", "tidy up"], cwd=work, env=environment(), check=True
    )
    repository.git("worktree", "remove", "--force", str(work))
    before = state(repository)
    for command in (["reconcile"], ["plan"], ["list_certs"], ["store", "verify"]):
        done = repository.run(*command, expect=1)
        assert "error[store." in done.err + done.out
    assert state(repository) == before


YAML = {
    "a country that YAML 1.1 makes a boolean stays text": (
        "csrFile: web.csr\nsubjectAltNames: [www.example.com]\nsubject: C=NO,CN=www.example.com",
        None,
        "",
    ),
    "a duplicate key": (f"{GOOD}\ncsrFile: web.csr", "yaml.duplicate_key", ":7:3"),
    "an anchor": (f"{GOOD}\nwatchers: &all [a@example.com]", "yaml.anchor", ":7:13"),
    "an alias": (
        "csrFile: web.csr\nsubjectAltNames: *names",
        "yaml.alias",
        ":6:20",
    ),
    "a tag": (
        f"{GOOD}\nsubject: !!python/object/apply:os.system ['touch pwned']",
        "yaml.tag",
        ":7",
    ),
    "a way out of the repository": (
        GOOD.replace("web.csr", "../../etc/passwd"),
        "path.outside",
        ":5:12",
    ),
    "an absolute path": (GOOD.replace("web.csr", "/etc/passwd"), "path.outside", ":5:12"),
}


@pytest.mark.parametrize("name", YAML)
def test_yaml_does_not_corrupt_or_escape(repository, csr, name):
    body, code, place = YAML[name]
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", body)
    if code is None:
        assert "C=NO,CN=www.example.com" in repository.run("plan", "--output", "json").out
        return
    refused(repository, code, f"certificates/web.yaml{place}")
    assert "root:" not in repository.run("plan", expect=1).err
    assert not (repository.root / "pwned").exists()


def test_an_alias_bomb_is_refused_at_once(repository):
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    lines += [
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]" for i in range(8)
    ]
    repository.write("certificates/bomb.yaml", "\n".join(lines) + "\n")
    refused(repository, "yaml.anchor", "certificates/bomb.yaml:1:4")


def test_an_unquoted_serial_number(repository):
    repository.write(
        "revocations/inc.yaml",
        "apiVersion: pki-as-code/v1\nkind: Revocation\nmetadata: {name: inc}\n"
        "spec:\n  serial: 1234567890\n  issuer: issuing\n",
    )
    repository.commit()
    told = repository.run("validate", expect=1).out
    assert "revocations/inc.yaml:5:11" in told
    assert "quote it" in told


@pytest.mark.parametrize("what", ["manifest", "csr", "directory"])
def test_a_symlink_out_of_the_repository(repository, csr, tmp_path, what):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "web.csr").write_bytes(csr)
    (outside / "web.yaml").write_text("secret: value\n")
    if what == "manifest":
        os.symlink(outside / "web.yaml", repository.root / "certificates/web.yaml")
    elif what == "csr":
        repository.manifest("web", GOOD)
        os.symlink(outside / "web.csr", repository.root / "certificates/web.csr")
    else:
        os.symlink(outside, repository.root / "certificates/team")
    refused(repository, "path.symlink", "certificates/")
    assert "secret" not in repository.run("plan", expect=1).err


def test_a_private_key_as_csr_is_not_echoed(repository):
    openssl(
        "genpkey", "-algorithm", "ed25519", "-out", str(repository.root / "certificates/web.csr")
    )
    repository.manifest("web", GOOD)
    refused(repository, "csr.private_key", "certificates/web.yaml:5:12")
    text = (repository.root / "certificates/web.csr").read_text().splitlines()[1]
    done = repository.run("plan", expect=1)
    assert text not in done.out + done.err


def test_a_committed_authority_key_is_refused(repository):
    repository.git("add", "--force", "keys/issuing.pem")
    repository.git("commit", "--quiet", "-m", "oops")
    for command in ("validate", "plan", "reconcile"):
        done = repository.run(command, expect=1)
        assert "[key.committed]" in done.out + done.err


def test_removing_a_valid_certificate_is_refused_with_the_ways_out(repository, csr):
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", GOOD)
    repository.commit()
    repository.run("reconcile")
    repository.git("rm", "--quiet", "-r", "certificates/web.yaml", "certificates/web.csr")
    repository.commit()
    before = state(repository)
    plan = repository.run("plan", expect=4)
    assert "! refuse   certificate web" in plan.out
    done = repository.run("reconcile", expect=4)
    assert "deletionPolicy" in done.out + done.err
    assert state(repository) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["plan", "--nonsense"],
        ["sign_cert", "--expires"],
        ["list_certs", "--output", "xml"],
        [],
    ],
)
def test_wrong_usage_is_64(repository, arguments):
    assert repository.run(*arguments, expect=64).err


def test_hostile_text_cannot_start_a_workflow_command(repository):
    hostile = "/CN=x\n::error::pwned\x1b]0;pwned\x07"
    make_csr(repository.root / "certificates/web.csr", subject=hostile)
    repository.manifest("web", GOOD)
    for command in (["plan"], ["validate"]):
        done = repository.run(*command, expect=None)
        for line in (done.out + done.err).splitlines():
            assert not line.startswith("::error")
        assert "\x1b" not in done.out + done.err
