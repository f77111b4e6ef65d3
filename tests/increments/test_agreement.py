"""What increments leave out makes no difference: the same plan as one of everything."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pki_as_code.apply.issuers import Issuers
from pki_as_code.apply.outcome import Settings
from pki_as_code.apply.reconcile import reconcile
from pki_as_code.errors import ManifestError, PkiAsCodeError, UnsafePlanError
from pki_as_code.formats.plan_json import plan_json
from pki_as_code.model import Plan
from pki_as_code.plan.guards import CLASSES
from pki_as_code.plan.shared_changes import TAKEN_UP_LATER
from pki_as_code.workspace import Workspace
from tests.apply.site import Site, copy_of
from tests.plan import worlds

STEPS = 25
SEEDS = int(os.environ.get("PKI_TEST_SEEDS", "4"))
"""So many random histories; more of them take longer and find more."""

NAMES = ("a", "b", "c", "team/a", "team/d", "team/e", "ops/a", "ops/f")
EVERYTHING = dict.fromkeys(CLASSES, 10_000)


class Editor:
    """Somebody who changes a repository at random, in ways that people do."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site, self.random = site, random.Random(seed)
        self.now = site.now
        self.specs: dict[str, dict[str, Any]] = {}
        self.profile: dict[str, Any] = {}
        self.done: list[str] = []
        self.stuck = False
        """There are errors that keep all from being planned."""

    def step(self) -> None:
        edits: list[Callable[[], str]] = [
            self.write, self.write, self.write, self.edit, self.edit, self.edit, self.remove,
            self.rename, self.move, self.share_a_key, self.change_profile, self.change_namespace,
            self.change_authority, self.change_project, self.revoke, self.revoke_key,
            self.release, self.unrevoke, self.watch, self.break_one, self.mend, self.wait,
            self.wait, self.use_other_csr, self.write_two_at_once, self.write_twice,
        ]  # fmt: skip
        if self.stuck and self.random.random() < 0.5:
            edits = [self.mend]
        self.done.append(self.random.choice(edits)())
        self.site.commit(self.done[-1])

    # --- Certificates ---

    def _put(self, path: str) -> None:
        self.site.certificate(path, **self.specs[path])

    def _any(self) -> str | None:
        return self.random.choice(sorted(self.specs)) if self.specs else None

    def write(self) -> str:
        path = self.random.choice(NAMES)
        spec: dict[str, Any] = {"key": f"P-256/{self.random.randrange(12)}"}
        if self.random.random() < 0.3:
            spec |= {"onSupersede": "Revoke", "supersedeDelay": "3d"}
        if self.random.random() < 0.5:
            spec["deletionPolicy"] = self.random.choice(["Retain", "Revoke"])
        if self.random.random() < 0.2:
            spec["issuer"] = self.random.choice(["issuing", "root", "missing"])
        self.specs[path] = spec
        self._put(path)
        return f"write {path} {spec}"

    def write_two_at_once(self) -> str:
        return f"{self.write()} and {self.write()}"

    def write_twice(self) -> str:
        """One identity in two files."""
        path = self._any()
        if path is None:
            return "nothing"
        source = self.site.root / f"certificates/{path}.yaml"
        self.site.write(f"certificates/{path}-again.yaml", source.read_bytes())
        return f"write {path} twice"

    def edit(self) -> str:
        path = self._any()
        if path is None:
            return "nothing"
        change = self.random.choice(
            [
                {"subjectAltNames": [f"{self.random.randrange(3)}.example.com"]},
                {"reissue": self.random.randrange(3)},
                {"validity": self.random.choice(["30d", "60d"])},
                {"deletionPolicy": self.random.choice(["Refuse", "Retain", "Revoke"])},
                {"profile": self.random.choice(["webserver", "own", "client"])},
                {"watchers": ["ops@example.com"]},
                {"renewal": {"mode": self.random.choice(["Request", "None", "Automatic"])}},
            ]
        )
        self.specs[path] |= change
        self._put(path)
        return f"edit {path} {change}"

    def use_other_csr(self) -> str:
        """Change the CSR, and not the manifest."""
        path = self._any()
        if path is None:
            return "nothing"
        self.specs[path]["key"] = f"P-256/{self.random.randrange(12)}"
        self.site.write(f"certificates/{path}.csr", worlds.csr(self.specs[path]["key"]))
        return f"another key for {path}"

    def remove(self) -> str:
        path = self._any()
        if path is None:
            return "nothing"
        self.site.remove(f"certificates/{path}")
        del self.specs[path]
        return f"remove {path}"

    def rename(self) -> str:
        path, to = self._any(), self.random.choice(NAMES)
        if path is None or to in self.specs:
            return "nothing"
        self.site.remove(f"certificates/{path}")
        spec = self.specs.pop(path)
        names = spec.get("subjectAltNames") or [f"{path.rpartition('/')[2]}.example.com"]
        self.specs[to] = {**spec, "subjectAltNames": names}
        self._put(to)
        return f"rename {path} to {to}"

    def move(self) -> str:
        """Another file of the same namespace, the same object."""
        path = self._any()
        if path is None or "/" not in path:
            return "nothing"
        owner, _, name = path.partition("/")
        place = self.site.root / "certificates" / owner
        (place / "deeper").mkdir(exist_ok=True)
        for suffix in (".yaml", ".csr"):
            (place / f"{name}{suffix}").rename(place / "deeper" / f"{name}{suffix}")
        self.site.commit("moved")
        for suffix in (".yaml", ".csr"):
            (place / "deeper" / f"{name}{suffix}").rename(place / f"{name}{suffix}")
        return f"move {path} away and back"

    def share_a_key(self) -> str:
        path, other = self._any(), self._any()
        if path is None or other is None:
            return "nothing"
        self.specs[path]["key"] = self.specs[other]["key"]
        self._put(path)
        return f"{path} takes the key of {other}"

    def break_one(self) -> str:
        path = self._any() or "a"
        self.site.write(f"certificates/{path}.yaml", "apiVersion: pki-as-code/v1\nkind: [\n")
        return f"break {path}"

    def mend(self) -> str:
        for path in self.specs:
            self._put(path)
        for place in (self.site.root / "certificates").rglob("*-again.yaml"):
            place.unlink()
        broken = self.site.root / "certificates/a.yaml"
        if "a" not in self.specs and broken.exists():
            broken.unlink()
        return "mend"

    # --- What is shared ---

    def change_profile(self) -> str:
        days = self.random.choice([20, 40, 80])
        policy = self.random.choice(["Reissue", "NextRenewal"])
        self.site.add(
            worlds.profile("own", validity={"default": f"{days}d"}, onChange=policy,
                           extensions={"extendedKeyUsage": {"value": ["serverAuth"]}})
        )  # fmt: skip
        return f"profile of {days} days, {policy}"

    def change_namespace(self) -> str:
        owner = self.random.choice(["team", "ops", "default"])
        defaults = self.random.choice([{"profile": "own"}, {"profile": "webserver"}, {}])
        self.site.add(worlds.namespace(owner, **defaults))
        return f"namespace {owner} {defaults}"

    def change_authority(self) -> str:
        path = self.site.root / "authorities/issuing.yaml"
        text = path.read_text()
        line = f"# changed {self.random.randrange(100)}\n"
        self.site.write("authorities/issuing.yaml", text + line)
        return "authority"

    def change_project(self) -> str:
        path = self.site.root / "pki.yaml"
        self.site.write("pki.yaml", path.read_text() + f"# {self.random.randrange(100)}\n")
        return "project"

    # --- Revocations and watchers ---

    def revoke(self) -> str:
        path, number = self._any(), self.random.randrange(4)
        if path is None:
            return "nothing"
        owner, _, name = path.rpartition("/")
        place = f"{owner}/inc-{number}" if owner and self.random.random() < 0.5 else f"inc-{number}"
        named = name if place.startswith(f"{owner}/") or not owner else path
        reason = self.random.choice(["superseded", "certificateHold", "keyCompromise"])
        self.site.add(worlds.revocation(place, certificate=named, reason=reason))
        return f"revoke {path} by {place} for {reason}"

    def revoke_key(self) -> str:
        import hashlib

        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        request = x509.load_der_x509_csr(worlds.csr(f"P-256/{self.random.randrange(12)}"))
        spki = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = hashlib.sha256(spki).hexdigest()
        place = self.random.choice(["lost-1", "team/lost-2"])
        reason = self.random.choice(["keyCompromise", "cessationOfOperation"])
        self.site.add(worlds.revocation(place, spkiSha256=digest, reason=reason))
        return f"revoke key {digest[:8]} in {place} for {reason}"

    def _revocations(self) -> list[Path]:
        places = (self.site.root / "revocations", self.site.root / "certificates")
        found = [p for place in places for p in place.rglob("*.yaml")]
        return sorted(p for p in found if p.name.startswith(("inc-", "lost-")))

    def release(self) -> str:
        for place in self._revocations():
            value = json.loads(place.read_text())
            if value["spec"]["reason"] == "certificateHold":
                value["spec"]["release"] = True
                place.write_text(json.dumps(value))
                return f"release {place.name}"
        return "nothing"

    def unrevoke(self) -> str:
        places = self._revocations()
        if not places:
            return "nothing"
        place = self.random.choice(places)
        place.unlink()
        return f"remove {place.name}"

    def watch(self) -> str:
        issuer = self.random.choice(["issuing", "nobody"])
        self.site.add(worlds.watcher("w", selector={"issuers": [issuer]}, notify=["mailto:a@b.cc"]))
        return f"watch {issuer}"

    def wait(self) -> str:
        self.now += timedelta(days=self.random.choice([1, 4, 20, 35]), hours=1)
        return f"wait until {self.now:%F}"


def outcome_of(make: Callable[[], Plan]) -> Any:
    """Return all of a plan that anybody sees, or what is told instead of one."""
    try:
        plan = make()
    except ManifestError as error:
        return ["error", sorted(str(f) for f in error.findings if f.severity == "error")]
    shown = plan_json(plan)
    shown["findings"] = [str(f) for f in plan.findings if f.code != TAKEN_UP_LATER]
    return [shown, plan.live, plan.asked, sorted(map(str, plan.waiting))]


def differences(found: Any, everything: Any) -> list[str]:
    """Say what differs, in few words."""
    if found[0] == "error" or everything[0] == "error":
        return [f"{found[:2]}", f"{everything[:2]}"]
    names = [name for name in everything[0] if found[0].get(name) != everything[0][name]]
    told = [f"{name}: {found[0].get(name)}\n  {everything[0][name]}" for name in names]
    return [*told, f"{found[1:]} {everything[1:]}"]


def apply_all(site: Site, workspace: Workspace, now: Any) -> None:
    settings = Settings(Issuers(workspace, site.secrets), now, allowed=EVERYTHING)
    with suppress(ManifestError, UnsafePlanError):
        list(reconcile(workspace, settings, lambda _: None))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_increments_agree_with_a_plan_of_everything(seed, template, directory):
    site = copy_of(template, directory / "example-pki")
    editor = Editor(site, seed)
    counted = 0
    for _ in range(STEPS):
        editor.step()
        some = site.workspace(increments="use")
        try:
            counted += some.increments.basis(editor.now).scope is not None
            found = outcome_of(lambda w=some: w.plan(editor.now, remember=True))
        except PkiAsCodeError as error:
            found = error
        everything = outcome_of(lambda: site.workspace().plan(editor.now))
        editor.stuck = everything[0] == "error"
        assert found == everything, "\n".join([*editor.done, *differences(found, everything)])
        again = outcome_of(lambda: site.workspace(increments="use").plan(editor.now))
        assert again == everything, "\n".join([*editor.done, *differences(again, everything)])
        if editor.random.random() < 0.6:
            how = editor.random.choice(["use", "use", "none"])
            apply_all(site, site.workspace(increments=how), editor.now)
            site.verify()
        site.close()
        site.opened.clear()
    assert counted > STEPS / 4, "nearly every plan looked at everything"
