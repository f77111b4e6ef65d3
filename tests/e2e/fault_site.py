"""A fleet of manifests over each kind of store, and what holds of its ledger whatever happened."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.e2e.conftest import Done, Repository, environment, make_csr
from tests.e2e.in_process import in_process
from tests.faults.forked import Forked
from tests.faults.signatures import read_signatures

KINDS = ("git", "git with a remote", "sqlite", "postgresql")
SQLITE = "sqlite:///issued.db"
GIT = "git:pki-issued"


@dataclass
class Site:
    """A repository that has issued its authorities, their CRLs and OCSP responders."""

    kind: str
    directory: Path
    store: str = GIT
    log: Path | None = None
    """Where each signature of a process is noted before it is made; made beside `directory`."""

    clones: list[Path] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.directory / "example-pki"

    @property
    def remote(self) -> Path:
        return self.directory / "remote.git"

    @property
    def repository(self) -> Repository:
        return in_process(self.root)

    @property
    def env(self) -> dict[str, str]:
        return {"PKI_STORE": self.store}

    def run(self, *arguments: str, **options: Any) -> Done:
        """Run to the end, in this process."""
        env = {**self.env, **options.pop("env", {})}
        return self.repository.run(*arguments, env=env, **options)

    def start(
        self,
        *arguments: str,
        at: Path | None = None,
        env: Mapping[str, str] | None = None,
        user: int | None = None,
        phases: Path | None = None,
    ) -> Forked:
        return Forked(at or self.root, *arguments, env={**self.env, **(env or {})}, user=user,
                      signatures=self.log, phases=phases)  # fmt: skip

    def ask(self, names: Iterable[str]) -> None:
        """Write a manifest for each, and commit."""
        csr = self.directory / "web.csr"
        text = csr.read_bytes() if csr.exists() else make_csr(csr)
        self.repository.write("certificates/web.csr", text)
        for name in names:
            self.repository.manifest(
                name, f"csrFile: web.csr\nsubjectAltNames: [{name}.example.com]"
            )
        self.commit()

    def revoke(self, name: str) -> None:
        """Write a Revocation of the certificate of that name, and commit."""
        self.repository.write(
            f"revocations/{name}.yaml",
            "apiVersion: pki-as-code/v1\nkind: Revocation\n"
            f"metadata: {{name: {name}}}\nspec: {{certificate: {name}, reason: superseded}}\n",
        )
        self.commit()

    def commit(self) -> None:
        self.repository.commit()
        if self.kind == "git with a remote":
            self.repository.git("push", "--quiet", "origin", "HEAD")

    def clone(self) -> Path:
        """Return another clone, as a CI job has it: with the keys, which are not in git."""
        if self.kind != "git with a remote":
            return self.root
        place = self.directory / f"clone{len(self.clones)}"
        subprocess.run(
            ["git", "clone", "--quiet", str(self.remote), str(place)],
            env=environment(), check=True, capture_output=True,
        )  # fmt: skip
        shutil.copytree(self.root / "keys", place / "keys")
        self.clones.append(place)
        return place

    def entries(self) -> list[dict[str, Any]]:
        """Return the ledger."""
        with TemporaryDirectory() as directory:
            place = Path(directory) / "exported.jsonl"
            self.run("store", "export", str(place))
            lines = [json.loads(line) for line in place.read_text().splitlines()]
        return [line for line in lines if "seq" in line]

    def check_sound(self) -> list[dict[str, Any]]:
        """
        Return the ledger, which is sound: nothing is in it twice, whatever happened before.

        `store verify` finds nothing; no serial number has two TBSCertificates; a reservation is
        answered at most once; no CRL number is used twice, and every one was reserved.
        """
        self.run("store", "verify")
        entries = self.entries()
        reserved: dict[tuple[str, str], str] = {}
        answered: Counter[tuple[str, str]] = Counter()
        numbers: dict[tuple[str, int], str] = {}
        signed: Counter[tuple[str, int]] = Counter()
        for entry in entries:
            match entry["type"]:
                case "reserved":
                    key = entry["issuer"], entry["serialNumber"]
                    assert key not in reserved
                    reserved[key] = entry["tbsCertificate"]
                case "issued" | "abandoned":
                    key = entry["issuer"], entry["serialNumber"]
                    assert key in reserved
                    answered[key] += 1
                case "crlReserved":
                    assert (entry["issuer"], entry["number"]) not in numbers
                    numbers[entry["issuer"], entry["number"]] = entry["tbsDigest"]
                case "crl":
                    assert (entry["issuer"], entry["number"]) in numbers
                    signed[entry["issuer"], entry["number"]] += 1
        assert set(answered.values()) <= {1}
        assert set(signed.values()) <= {1}
        for issuer in {issuer for issuer, _ in signed}:
            own = [number for name, number in signed if name == issuer]
            assert own == sorted(own)
        self._check_signatures(reserved, numbers)
        return entries

    def _check_signatures(
        self, reserved: Mapping[tuple[str, str], str], numbers: Mapping[tuple[str, int], str]
    ) -> None:
        """What was signed had been reserved, each bit of it, and no CRL was signed twice."""
        known = {
            (issuer, serial.replace(":", "").lower().lstrip("0")): sha256(
                b64decode(tbs)
            ).hexdigest()
            for (issuer, serial), tbs in reserved.items()
        }
        crls: Counter[tuple[str, int]] = Counter()
        for what, issuer, number, digest in read_signatures(self.log) if self.log else ():
            if what == "crl":
                assert numbers[issuer, int(number)] == digest
                crls[issuer, int(number)] += 1
            else:
                assert known[issuer, number] == digest
        assert set(crls.values()) <= {1}

    def check_issued_once(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Return the ledger, which has each of these certificates exactly once, and is sound."""
        entries = self.check_sound()
        counts = Counter(
            entry["object"]["name"]
            for entry in entries
            if entry["type"] == "issued" and entry["object"]["kind"] == "Certificate"
        )
        assert counts == dict.fromkeys(names, 1)
        assert {entry["type"] for entry in entries} & {"failed", "abandoned"} == set()
        return entries

    def check_nothing_to_do(self) -> None:
        """A run that finds nothing to do writes nothing."""
        before = self.entries()[-1]
        assert self.run("plan", "--detailed-exitcode", expect=None).code == 0
        self.run("reconcile")
        assert self.entries()[-1] == before


def new_site(
    template: Path, kind: str, directory: Path, new_uri: Callable[[], str], log: Path | None = None
) -> Site:
    """Copy the repository of `template`, and move its store to one of that kind."""
    site = Site(kind, directory, log=log)
    shutil.copytree(template, site.root, symlinks=True)
    if kind == "git with a remote":
        subprocess.run(
            ["git", "init", "--quiet", "--bare", str(site.remote)],
            env=environment(), check=True, capture_output=True,
        )  # fmt: skip
        site.repository.git("remote", "add", "origin", str(site.remote))
        site.repository.git("push", "--quiet", "origin", "HEAD")
        head = site.repository.git("symbolic-ref", "HEAD")
        subprocess.run(
            ["git", "symbolic-ref", "HEAD", head], cwd=site.remote, env=environment(), check=True
        )
    elif kind in {"sqlite", "postgresql"}:
        exported = directory / "first.jsonl"
        site.run("store", "export", str(exported))
        site.store = SQLITE if kind == "sqlite" else new_uri()
        if kind == "postgresql":
            site.run("store", "upgrade")
        site.run("store", "import", str(exported))
        site.repository.git("update-ref", "-d", "refs/heads/pki-issued")
    return site
