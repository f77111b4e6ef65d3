"""`pkictl demo`: the whole story, on real parts, in a repository of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option

STEPS = 6

CSR = """\
-----BEGIN CERTIFICATE REQUEST-----
MIHUMHwCAQAwGjEYMBYGA1UEAwwPd3d3LmV4YW1wbGUuY29tMFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAE69oEkpAIkv1dEuqaQzevfWv5laHo292HoJAinKUXHkqS
0AyfyqeGVQjFd/zwWc+a6L/IsqFGmDmbxIgmGOCPQaAAMAoGCCqGSM49BAMCA0gA
MEUCIQDfNNqNW7zx0gvvBrBT1InlghrWl70uI57PXn3FCbcM9AIgWoy40D5Y3xMc
qqOE0euiVIE6T5d1V459d0PyYXbzw6c=
-----END CERTIFICATE REQUEST-----
"""
"""For www.example.com; its private key was thrown away when it was made."""


@click.command(help="Act the whole story in a repository of its own.")
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@option("--keep/--no-keep", default=True, show_default=True, help="Keep the repository afterwards.")
@click.pass_obj
def command(console: Console, /, directory: Path | None, keep: bool) -> int:
    from pki_as_code.errors import UsageError

    if directory is not None and (console.directory / directory).exists():
        raise UsageError(
            f"{str(directory)!r} is there already", help="name a directory that is not there yet"
        )
    # The engineer's key lies beside the repository, in a directory that is all the demo's own.
    stage = (
        console.directory / directory if directory else Path(tempfile.mkdtemp(prefix="pki-demo-"))
    )
    place = stage.absolute() / "example-pki"
    try:
        _Demo(console, place).act()
    finally:
        if not keep:
            shutil.rmtree(stage, ignore_errors=True)
    if keep:
        console.write(f"\nLook around:  cd {place} && pkictl list_certs\n")
        console.write("              git log --graph --all --oneline\n")
    return 0


class _Demo:
    """Six steps; each runs the real command, and fails the demo when the command fails."""

    def __init__(self, console: Console, place: Path) -> None:
        self.console, self.place = console, place

    def act(self) -> None:
        place = self.place
        self._step(1, "init: a repository with a root and an issuing authority")
        self._pkictl("init", str(place), "--name", "example-pki", at=place.parent)

        self._step(2, "an engineer makes a key and a CSR; the key stays where it is")
        (place.parent / "engineer").mkdir(exist_ok=True)
        key, csr = place.parent / "engineer/web.key", place.parent / "engineer/web.csr"
        self._make_csr(key, csr)
        self._pkictl("new", "certificate", "web", "--csr", str(csr))
        self._git("add", "certificates")
        self._git("commit", "--quiet", "--message", "Request a certificate for www.example.com")

        self._step(3, "plan: what would be issued, without any key")
        self._pkictl("plan")

        self._step(4, "reconcile: reserve, sign, record; then there is nothing left to do")
        self._pkictl("reconcile")
        self._pkictl("plan", "--detailed-exitcode")
        chain = place.parent / "engineer/chain.pem"
        root = place.parent / "engineer/root.pem"
        self._pkictl("dump_cert", "web", str(chain), "-b")
        self._write_root(root)
        self._verify(root, chain)

        self._step(5, "a typo: found on its line, before anything happens")
        manifest = place / "certificates/web.yaml"
        good = manifest.read_text()
        manifest.write_text(good.replace("subjectAltNames", "subjectAltName"))
        self._pkictl("validate", expect=1)
        manifest.write_text(good)

        self._step(6, "revoke: by a command, which writes the manifest and reconciles just that")
        self._pkictl("revoke_cert", "web", "--reason", "keyCompromise", "--yes")
        self._pkictl("list_certs", "--revoked")
        crl = place.parent / "engineer/issuing.crl"
        self._pkictl("dump_crl", "issuing", str(crl))
        self._verify_revoked(root, chain, crl)
        self._pkictl("store", "verify")

    def _step(self, number: int, text: str) -> None:
        self.console.write(f"\n[{number}/{STEPS}] {text}\n")
        sys.stdout.flush()

    def _pkictl(self, *arguments: str, at: Path | None = None, expect: int = 0) -> None:
        self._show("pkictl", arguments)
        program = [sys.executable, "-m", "pki_as_code", *arguments]
        self._run(program, at or self.place, expect=expect)

    def _git(self, *arguments: str) -> None:
        self._show("git", arguments)
        environment = {
            "GIT_AUTHOR_NAME": "Alice",
            "GIT_AUTHOR_EMAIL": "alice@example.com",
            "GIT_COMMITTER_NAME": "Alice",
            "GIT_COMMITTER_EMAIL": "alice@example.com",
        }
        self._run(["git", *arguments], self.place, environment=environment)

    def _show(self, program: str, arguments: Sequence[str]) -> None:
        shown = [f'"{a}"' if " " in a else a for a in arguments]
        self.console.write(f"  $ {program} {' '.join(shown)}\n")
        sys.stdout.flush()

    def _run(
        self,
        program: Sequence[str],
        at: Path,
        *,
        expect: int = 0,
        environment: dict[str, str] | None = None,
        quiet: bool = False,
    ) -> None:
        """Run a program and show what it says, indented. Raises when it ends otherwise."""
        from pki_as_code.errors import PkiAsCodeError

        at.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            program,
            cwd=at,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        shown = [] if quiet and done.returncode == expect else done.stdout.splitlines()
        for line in shown:
            self.console.write(f"    {line}\n" if line else "\n")
        if done.returncode != expect:
            raise PkiAsCodeError(
                f"the demo stopped: the command ended with {done.returncode}, not {expect}",
                code="demo.failed",
            )

    def _make_csr(self, key: Path, csr: Path) -> None:
        """Play the engineer; without openssl here, with a CSR whose key nobody has any more."""
        from pki_as_code.durable import write_file_atomically

        arguments = [
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-subj", "/CN=www.example.com", "-keyout", str(key), "-out", str(csr),
        ]  # fmt: skip
        if shutil.which("openssl"):
            self._show("openssl", arguments)
            self._run(["openssl", *arguments], self.place, quiet=True)
        else:
            write_file_atomically(csr, CSR.encode())

    def _write_root(self, path: Path) -> None:
        """Keep the root on its own: what relying parties are given to trust."""
        from pki_as_code.cli.certificate_output import pem
        from pki_as_code.cli.session import reading
        from pki_as_code.durable import write_file_atomically

        console = Console(self.place, None, False, 0, True, False)
        with reading(console) as workspace:
            root = workspace.authority_certificates()["root"]
        write_file_atomically(path, pem(root).encode())

    def _verify_revoked(self, root: Path, chain: Path, crl: Path) -> None:
        """Ask once more, with the CRL: it is refused now."""
        from cryptography import x509

        arguments = [
            "verify", "-crl_check", "-CAfile", str(root), "-untrusted", str(chain),
            "-CRLfile", str(crl), str(chain),
        ]  # fmt: skip
        if shutil.which("openssl"):
            self._show("openssl", arguments)
            self._run(["openssl", *arguments], self.place, expect=2)
            return
        certificate = x509.load_pem_x509_certificates(chain.read_bytes())[0]
        listed = x509.load_pem_x509_crl(crl.read_bytes())
        found = listed.get_revoked_certificate_by_serial_number(certificate.serial_number)
        word = "revoked" if found else "not listed"
        self.console.write(f"    (no openssl here) looked up in the CRL: {word}\n")

    def _verify(self, root: Path, chain: Path) -> None:
        """Ask somebody else whether the certificate is good: OpenSSL where it is installed."""
        arguments = [
            "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname",
            "www.example.com", "-CAfile", str(root), "-untrusted", str(chain), str(chain),
        ]  # fmt: skip
        if shutil.which("openssl"):
            self._show("openssl", arguments)
            self._run(["openssl", *arguments], self.place)
            return
        from cryptography import x509
        from cryptography.x509.verification import PolicyBuilder, Store

        certificates = x509.load_pem_x509_certificates(chain.read_bytes())
        trusted = x509.load_pem_x509_certificates(root.read_bytes())
        policy = PolicyBuilder().store(Store(trusted))
        verifier = policy.build_server_verifier(x509.DNSName("www.example.com"))
        verifier.verify(certificates[0], certificates[1:])
        self.console.write("    (no openssl here) verified by the library cryptography: OK\n")
