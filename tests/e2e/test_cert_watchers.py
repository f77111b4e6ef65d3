"""Who is told about a certificate: added, removed and listed, in its manifest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import make_csr
from tests.e2e.in_process import InProcess, in_process

MANIFEST = """\
# The shop. Ask Jane before you touch it.
apiVersion: pki-as-code/v1
kind: Certificate
metadata: {name: web}
spec:
  csrFile: web.csr
  subjectAltNames: [www.example.com]   # and nothing else
  watchers:
    - Jane Doe <jane@example.com>      # owner
    - ops@example.com
"""
PATH = "certificates/web.yaml"


@pytest.fixture(scope="module")
def watched_template(template, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("watched") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = in_process(root)
    make_csr(root / "certificates/web.csr")
    repository.write(PATH, MANIFEST)
    repository.commit()
    repository.run("reconcile")
    return root


@pytest.fixture
def watched(watched_template, tmp_path) -> InProcess:
    root = tmp_path / "example-pki"
    shutil.copytree(watched_template, root, symlinks=True)
    return in_process(root)


def text(repository: InProcess) -> str:
    return (repository.root / PATH).read_text()


def watchers(repository: InProcess) -> list[str]:
    return repository.run("cert_watchers", "web").out.splitlines()


def test_addresses_are_added_then_removed_and_all_else_stays_as_it_was(watched):
    head, store = watched.git("rev-parse", "HEAD"), watched.store_head()
    serial = watched.run("list_certs").out.partition(" ")[0]
    done = watched.run(
        "cert_watchers", "-a", "add@example.com", "-r", "ops@example.com", serial[:11]
    )
    assert done.out == ""
    assert done.err == "added add@example.com\nremoved ops@example.com\n"
    assert text(watched) == MANIFEST.replace("    - ops@", "    - add@")
    assert watched.git("rev-list", "--count", f"{head}..HEAD") == "1"
    assert watched.git("show", "--format=%s", "--name-only", "HEAD").split("\n\n") == [
        "Watchers of web: +add@example.com -ops@example.com",
        PATH,
    ]
    assert watched.store_head() == store
    watched.run("plan", "--detailed-exitcode")
    assert watched.run("list_certs", "--output", "json").json[0]["watchers"] == [
        "Jane Doe <jane@example.com>", "add@example.com",
    ]  # fmt: skip


def test_without_options_the_watchers_are_listed_with_who_names_them(watched):
    watched.write(
        "certificates/_namespace.yaml".replace("_namespace", "default/_namespace"),
        "apiVersion: pki-as-code/v1\nkind: Namespace\nmetadata: {name: default}\n"
        "spec: {defaults: {watchers: [team@example.com, ops@example.com]}}\n",
    )
    watched.write(
        "watchers/all.yaml",
        "apiVersion: pki-as-code/v1\nkind: Watcher\nmetadata: {name: all}\n"
        "spec: {selector: {issuers: [issuing]}, notify: ['https://hooks.example.com/x']}\n",
    )
    head = watched.commit()
    assert watchers(watched) == [
        "Jane Doe <jane@example.com>",
        "ops@example.com (namespace default)",
        "team@example.com (namespace default)",
        "https://hooks.example.com/x (Watcher all)",
    ]
    listed = watched.run("cert_watchers", "--list", "--output", "json", "web").json
    assert listed["watchers"][1] == {
        "address": "ops@example.com",
        "namedBy": ["manifest", "namespace default"],
    }
    assert watched.git("rev-parse", "HEAD") == head


def test_an_address_keeps_its_name_until_another_is_given(watched):
    done = watched.run("cert_watchers", "web", "-a", "jane@EXAMPLE.com")
    assert done.err == "jane@EXAMPLE.com is told already\nnothing was changed\n"
    assert text(watched) == MANIFEST
    watched.run("cert_watchers", "web", "-a", "Jane Roe <jane@example.com>", "-l")
    assert watchers(watched) == ["Jane Roe <jane@example.com>", "ops@example.com"]


def test_removing_an_unknown_address_says_so_and_changes_nothing(watched):
    head = watched.git("rev-parse", "HEAD")
    done = watched.run("cert_watchers", "web", "--rm", "nobody@example.com")
    assert "nobody@example.com was not among the watchers" in done.err
    assert watched.git("rev-parse", "HEAD") == head


def test_an_address_that_is_added_and_removed_is_removed(watched):
    watched.run("cert_watchers", "web", "-a", "ops@example.com", "-r", "ops@example.com")
    assert watchers(watched) == ["Jane Doe <jane@example.com>"]
    watched.run("cert_watchers", "web", "-r", "jane@example.com")
    assert watchers(watched) == []
    assert "watchers" not in text(watched)
    assert "# and nothing else" in text(watched)


@pytest.mark.parametrize(
    "address",
    ["jane", "jane@", "@example.com", "jane@exa mple.com", "a\nBcc: b@example.com", "",
     "Jane\u202e <jane@example.com>", "a@example.com, b@example.com", f"{'x' * 300}@example.com"],
)  # fmt: skip
@pytest.mark.parametrize("option", ["-a", "-r"])
def test_what_is_no_address_changes_nothing(watched, address, option):
    head = watched.git("rev-parse", "HEAD")
    done = watched.run("cert_watchers", "web", "-a", "good@example.com", option, address, expect=1)
    assert "error[manifest.invalid_email]" in done.err
    assert "\u202e" not in done.err
    assert text(watched) == MANIFEST
    assert watched.git("rev-parse", "HEAD") == head


def test_a_certificate_without_a_manifest_has_no_watchers_to_change(watched):
    watched.write(PATH, MANIFEST + "  deletionPolicy: Retain\n  reissue: 1\n")
    watched.commit()
    watched.run("reconcile")
    (watched.root / PATH).unlink()
    watched.commit()
    watched.run("reconcile", "--allow-unsafe", "empty=1")
    for arguments in (("-a", "ops@example.com"), ()):
        done = watched.run("cert_watchers", "www.example.com", *arguments, expect=1)
        assert "error[watchers.no_manifest]: certificate web has no manifest at HEAD" in done.err
    assert "error[name.not_found]" in watched.run("cert_watchers", "none", expect=1).err


def test_a_manifest_that_nothing_was_issued_for_yet_has_watchers_too(watched):
    make_csr(watched.root / "certificates/new.csr")
    watched.manifest("new", "csrFile: new.csr\nsubjectAltNames: [new.example.com]")
    watched.commit()
    watched.run("cert_watchers", "new", "-a", "new@example.com")
    assert watched.run("cert_watchers", "new").out == "new@example.com\n"
    assert len(watched.run("list_certs", "--output", "json").json) == 1


def test_nothing_is_signed_even_when_something_is_pending_for_the_certificate(watched):
    watched.write(PATH, text(watched) + "  reissue: 1\n")
    watched.commit()
    store = watched.store_head()
    watched.run("cert_watchers", "web", "-r", "ops@example.com")
    assert watched.store_head() == store


def test_other_changes_in_the_working_tree_are_left_alone_and_in_the_manifest_are_an_error(watched):
    watched.write("notes.txt", "mine")
    watched.run("cert_watchers", "web", "-a", "new@example.com", "--message", "Tell the new one")
    assert watched.git("log", "-1", "--format=%s") == "Tell the new one"
    assert watched.git("status", "--porcelain") == "?? notes.txt"
    watched.write(PATH, text(watched) + "  reissue: 1\n")
    done = watched.run("cert_watchers", "web", "-r", "new@example.com", expect=1)
    assert "error[git.uncommitted]" in done.err
    assert "reissue: 1" in text(watched)


def test_the_change_can_be_shown_left_uncommitted_or_put_on_a_branch(watched):
    head = watched.git("rev-parse", "HEAD")
    add = ("cert_watchers", "web", "-a", "new@example.com")
    assert "    - new@example.com\n" in watched.run(*add, "--dry-run").out
    assert text(watched) == MANIFEST
    watched.run(*add, "--branch", "watch")
    assert "new@example.com" in watched.git("show", f"watch:{PATH}")
    assert text(watched) == MANIFEST
    watched.run(*add, "--no-commit")
    assert "new@example.com" in text(watched)
    assert watched.git("rev-parse", "HEAD") == head
    watched.run(*add, "--no-commit", "--dry-run", expect=64)


def test_a_manifest_in_one_line_is_edited_too(watched):
    watched.write(
        PATH,
        "{apiVersion: pki-as-code/v1, kind: Certificate, metadata: {name: web},\n"
        " spec: {csrFile: web.csr, subjectAltNames: [www.example.com]}}\n",
    )
    watched.commit()
    watched.run("cert_watchers", "web", "-a", "new@example.com")
    assert watchers(watched) == ["new@example.com"]
    assert watched.run("validate").code == 0


def test_more_watchers_than_a_manifest_may_have_are_refused_and_nothing_is_written(watched):
    many = [part for n in range(70) for part in ("-a", f"a{n}@example.com")]
    done = watched.run("cert_watchers", "web", *many, expect=1)
    assert "watchers" in done.err
    assert text(watched) == MANIFEST
