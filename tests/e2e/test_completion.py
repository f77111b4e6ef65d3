"""Completion as a shell asks for it: bash itself, and the protocol that zsh and fish speak."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Repository, environment, make_csr
from tests.e2e.quick import Quick


@pytest.fixture(scope="module")
def repository(template, tmp_path_factory) -> Repository:
    root = tmp_path_factory.mktemp("completion") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = Quick(root)
    csr = make_csr(root.parent / "web.csr")
    for name in ("web", "web-2", "payments/api"):
        place = f"certificates/{name}"
        repository.write(f"{place}.csr", csr if name == "web" else make_csr(root.parent / "x.csr"))
        repository.manifest(name, f"csrFile: {Path(name).name}.csr\nsubjectAltNames: [a.example]")
    repository.commit()
    repository.run("reconcile")
    # What a shell would carry out if it were put on the command line.
    repository.write("certificates/$(touch owned)/x.txt", "")
    repository.write("profiles/`touch owned`.yaml", "")
    return Repository(root)


def complete(repository: Repository, *words: str, shell: str = "zsh", **env: str) -> list[str]:
    """Return what is offered for the last word."""
    line = {"COMP_WORDS": "\n".join(["pkictl", *words]), "COMP_CWORD": str(len(words))}
    if shell == "fish":
        line["COMP_CWORD"] = words[-1]
    done = repository.run(env={"_PKICTL_COMPLETE": f"{shell}_complete", **line, **env})
    assert done.err == ""
    return done.out.splitlines()


def values(repository: Repository, *words: str, **env: str) -> list[str]:
    return complete(repository, *words, **env)[1::3]


def test_bash_completes_commands_options_and_names(repository, tmp_path):
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    program = tmp_path / "pkictl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pki_as_code "$@"\n')
    program.chmod(0o755)
    script = """
        source <(pkictl completion bash)
        complete -p pkictl
        ask() {
            COMP_WORDS=(pkictl "$@"); COMP_CWORD=$#; COMPREPLY=()
            _pkictl_completion pkictl
            printf '%s|' "${COMPREPLY[@]}"; echo
        }
        ask view_
        ask view_cert --js
        ask view_cert we
        ask revoke_cert --reason cert
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=repository.root,
        env=environment(PATH=f"{tmp_path}:{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    registered, command, option, name, reason = done.stdout.splitlines()
    assert registered.endswith("-F _pkictl_completion pkictl")
    assert "view_cert|" in command
    assert option == "--json-indent|"
    assert name == "web|web-2|"
    assert reason == "certificateHold|"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(repository, shell):
    script = Quick(repository.root).run("completion", shell).out
    assert f"_PKICTL_COMPLETE={shell}_complete" in script
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=script, text=True, check=True)


def test_certificates_are_offered_by_name_and_by_serial_number(repository):
    records = Quick(repository.root).run("list_certs", "--output", "json").json
    [serial] = [r["serialNumber"] for r in records if r["name"] == "api"]
    everything = values(repository, "view_cert", "")
    assert everything == ["web", "web-2", "payments/api"]
    assert values(repository, "dump_cert", "pay") == ["payments/api"]
    assert values(repository, "revoke_cert", "payments/a") == ["payments/api"]
    bare = serial.replace(":", "")
    assert values(repository, "view_cert", bare[:12]) == [bare]
    small = complete(repository, "view_cert", bare[:12].lower(), shell="bash")
    assert [text.lower() for text in small] == [f"plain,{bare.lower()}"]
    # zsh wants colons escaped; to bash one ends a word, so that it gets none unless one was typed.
    assert values(repository, "view_cert", serial[:11]) == [serial.replace(":", r"\:")]
    told = complete(repository, "view_cert", "web-")
    assert told[0::3] == ["plain"]
    assert told[2].startswith("a.example, until 20")
    assert complete(repository, "view_cert", "web-", shell="fish")[0].startswith("plain,web-2")


def test_authorities_and_profiles_are_offered(repository, tmp_path):
    assert values(repository, "list_certs", "--ca", "") == ["issuing", "root"]
    profiles = ["client", "enduser", "internal-server", "ocsp", "server", "webserver"]
    assert values(repository, "list_certs", "--profile", "") == profiles
    elsewhere = Repository(tmp_path)
    words = ("-C", str(repository.root), "import_cert", "--ca", "is")
    assert values(elsewhere, *words) == ["issuing"]


def test_what_goes_wrong_says_nothing(repository, tmp_path):
    assert values(Repository(tmp_path), "view_cert", "") == []
    assert values(repository, "view_cert", "", PKI_STORE="nonsense:") == []
    assert values(repository, "-C", "/nowhere", "view_cert", "w") == []
    assert not (repository.root / "owned").exists()
