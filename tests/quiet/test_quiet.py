"""A run says "No changes" at once only where a plan would have said it, word for word."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from datetime import UTC, datetime, timedelta

import pytest

from pki_as_code.apply.issuers import Issuers
from pki_as_code.errors import PkiAsCodeError
from pki_as_code.formats import format_plan
from pki_as_code.quiet.answer import Asked, answer, parse, unchanged_commit
from pki_as_code.quiet.note import LONGEST_SECONDS, note_path, read_note, write_note
from pki_as_code.quiet.wording import no_changes
from tests.apply.site import Site
from tests.plan import worlds

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
"""Later than every file is written here: one of this very second may still be written to."""

STORES = ("git:pki-issued", "sqlite:///issued.db")


def at(site: Site, now: datetime, command: str = "reconcile", **changes) -> str | None:
    """Return the commit that nothing is to be done for, as far as that is told at once."""
    override = None if site.store == "git:pki-issued" else site.store
    asked = Asked(command, str(site.root), "HEAD", override, network=True, quiet=False)
    return unchanged_commit(asked._replace(**changes), int(now.timestamp()))


@pytest.fixture(params=STORES, ids=["git", "sqlite"])
def settled(request, site) -> Site:
    """A site where a run found nothing to do."""
    site.store, site.now = request.param, SOON
    (site.root / ".git" / "info" / "exclude").write_text("issued.db*\n")
    site.certificate("web")
    site.commit()
    allowed = {"new-store": 1} if site.store != "git:pki-issued" else {}
    site.run(allowed=allowed)
    site.run()
    assert at(site, SOON) == site.git("rev-parse", "HEAD")
    return site


# --- Never too much ------------------------------------------------------------------------------


class Story:
    """Edits, lost keys, time that passes, in an order that a seed decides."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site, self.random, self.now = site, random.Random(seed), SOON
        self.names: list[str] = []
        self.serial = 0

    def step(self) -> None:
        action = self.random.choice(
            [self.add, self.edit, self.revoke, self.remove, self.lose_a_key, self.wait, self.wait,
             self.nothing, self.nothing]
        )  # fmt: skip
        action()
        self.now += timedelta(minutes=self.random.choice([0, 0, 1, 20, 300]))

    def add(self) -> None:
        self.serial += 1
        name = f"host-{self.serial}"
        spec = {"validity": self.random.choice(["3h", "1d", "3d", "30d"])}
        if self.random.random() < 0.5:
            delay = self.random.choice(["30m", "5h"])
            spec |= {"onSupersede": "Revoke", "supersedeDelay": delay}
        self.site.certificate(name, deletionPolicy="Revoke", **spec)
        self.names.append(name)
        self.site.commit()

    def edit(self) -> None:
        if self.names:
            name = self.random.choice(self.names)
            self.serial += 1
            self.site.certificate(name, deletionPolicy="Revoke", validity="2d", reissue=self.serial)
            self.site.commit()

    def revoke(self) -> None:
        if self.names:
            self.serial += 1
            name = self.random.choice(self.names)
            self.site.add(
                worlds.revocation(f"inc-{self.serial}", certificate=name, reason="superseded")
            )
            self.site.commit()

    def remove(self) -> None:
        if self.names and self.random.random() < 0.3:
            name = self.names.pop(self.random.randrange(len(self.names)))
            self.site.remove(f"certificates/{name}")
            self.site.commit()

    def lose_a_key(self) -> None:
        if self.random.random() < 0.3:
            (self.site.root / "keys" / "issuing.ocsp.pem").unlink(missing_ok=True)

    def wait(self) -> None:
        self.now += timedelta(hours=self.random.choice([1, 3, 7, 20, 30]))

    def nothing(self) -> None:
        pass


@pytest.mark.parametrize(("store", "seed"), [(STORES[0], 0), (STORES[0], 2), (STORES[1], 2)])
def test_what_is_told_at_once_is_what_a_plan_would_say(site, store, seed):
    site.store = store
    (site.root / ".git" / "info" / "exclude").write_text("issued.db*\n")
    story = Story(site, seed)
    told = 0
    for _ in range(30):
        story.step()
        commit = at(site, story.now)
        if commit is not None:
            told += 1
            assert plan_text(site, story.now) == no_changes(commit)
        if story.random.random() < 0.7:
            reconcile(site, story.now)
            reconcile(site, story.now)
    assert told > 2, "the story never was quiet, and showed nothing"


def plan_text(site: Site, now: datetime) -> str:
    workspace = site.workspace()
    lost = Issuers(workspace, site.secrets).lost_responder_keys()
    return format_plan(workspace.plan(now, (), lost))


def reconcile(site: Site, now: datetime) -> None:
    allowed = {"revoke": 100, "replace": 1, "renew": 1, "new-store": 1, "empty": 1}
    try:
        site.run(now=now, allowed=allowed)
        site.run(now=now)
    except PkiAsCodeError:
        pass  # a guard stops it; then nothing may be told at once, which is what is tested


# --- What ends it ---------------------------------------------------------------------------------


def test_a_note_ends_before_something_becomes_due(site):
    site.now = SOON
    site.certificate("web", validity="3d")
    site.commit()
    site.run()
    site.run()
    renewal = SOON + timedelta(days=3) * 2 / 3
    for hours in range(0, 90):
        now = SOON + timedelta(hours=hours)
        if at(site, now) is not None:
            assert now < SOON + timedelta(seconds=LONGEST_SECONDS)
            assert now < renewal
    site.run(now=renewal - timedelta(hours=2))
    assert at(site, renewal - timedelta(hours=1, minutes=59)) is not None
    assert at(site, renewal + timedelta(hours=1)) is None


def test_a_note_is_not_believed_before_it_was_made_nor_after_a_day(settled):
    assert at(settled, SOON - timedelta(seconds=1)) is None
    note = read_note(settled.root / ".git")
    write_note(settled.root / ".git", {**note, "until": note["until"] + 10**9})
    assert at(settled, SOON + timedelta(seconds=LONGEST_SECONDS - 1)) is not None
    assert at(settled, SOON + timedelta(seconds=LONGEST_SECONDS)) is None


def test_a_new_commit_ends_it(settled):
    settled.write("README.md", "other words\n")
    settled.commit()
    assert at(settled, SOON) is None


def test_an_entry_in_the_store_ends_it(settled):
    settled.certificate("api")
    settled.commit()
    settled.run()
    settled.git("reset", "--quiet", "--hard", "HEAD~1")
    assert at(settled, SOON) is None


def test_a_store_that_went_back_is_left_to_the_program(settled):
    """The note fits the old store; what was seen of the store since does not."""
    git_dir = settled.root / ".git"
    old = settled.root / "old.db"
    if settled.store.startswith("git:"):
        before = settled.git("rev-parse", "pki-issued")
    else:
        shutil.copy(settled.root / "issued.db", old)
    kept = note_path(git_dir).read_bytes()
    settled.certificate("api")
    settled.commit()
    settled.run()
    settled.close()
    settled.git("reset", "--quiet", "--hard", "HEAD~1")
    if settled.store.startswith("git:"):
        settled.git("update-ref", "refs/heads/pki-issued", before)
    else:
        for suffix in ("-wal", "-shm"):
            (settled.root / f"issued.db{suffix}").unlink(missing_ok=True)
        old.replace(settled.root / "issued.db")
    note_path(git_dir).write_bytes(kept)
    assert at(settled, SOON) is None


def test_a_lost_key_of_a_responder_ends_it(settled):
    (settled.root / "keys" / "issuing.ocsp.pem").unlink()
    assert at(settled, SOON) is None


def test_a_setting_of_git_ends_it(settled):
    settled.git("config", "remote.origin.url", "/nowhere")
    assert at(settled, SOON) is None


def test_a_manifest_that_is_not_committed_is_left_to_the_program(settled):
    """Which says so; a plan of the commit does not."""
    settled.write("certificates/draft.yaml", "kind: Certificate\n")
    assert at(settled, SOON) is None
    assert at(settled, SOON, quiet=True) is not None
    assert at(settled, SOON, "plan") is not None


def test_another_passphrase_ends_it(settled, monkeypatch):
    monkeypatch.setenv("PKI_PASSPHRASE_ISSUING", "x")
    assert at(settled, SOON) is None


def test_another_store_is_another_question(settled):
    assert at(settled, SOON, store="sqlite:///other.db") is None


def test_a_note_with_another_format_or_a_changed_word_is_none(settled):
    git_dir = settled.root / ".git"
    path = note_path(git_dir)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'"format": 1', b'"format": 2'))
    assert read_note(git_dir) is None
    path.write_bytes(whole[:-20])
    assert read_note(git_dir) is None
    path.write_bytes(b"")
    assert read_note(git_dir) is None
    path.write_bytes(whole)
    path.chmod(0o640)
    assert read_note(git_dir) is None, "others can read it: not as it was written"
    path.unlink()
    path.symlink_to(settled.root / "pki.yaml")
    assert read_note(git_dir) is None


def test_a_remote_that_has_more_ends_it(site, directory):
    site.now = SOON
    remote = directory / "remote.git"
    site.git("init", "--quiet", "--bare", str(remote))
    site.git("remote", "add", "origin", str(remote))
    site.certificate("web")
    site.commit()
    site.run()
    site.run()
    assert at(site, SOON) is not None
    # As another runner would: the remote's branch moves, and nothing here.
    site.git("--git-dir", str(remote), "update-ref", "-d", "refs/heads/pki-issued")
    assert at(site, SOON) is None
    assert at(site, SOON, network=False) is not None


def test_a_run_with_something_to_say_leaves_no_note(site):
    site.now = SOON
    site.certificate("web", deletionPolicy="Refuse")
    site.commit()
    site.run()
    note_path(site.root / ".git").unlink(missing_ok=True)
    site.remove("certificates/web")
    site.commit()
    with pytest.raises(PkiAsCodeError):
        site.run()
    assert not note_path(site.root / ".git").exists()


# --- What is asked --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["reconcile", "--full"],
        ["reconcile", "--dry-run"],
        ["reconcile", "--only", "web"],
        ["reconcile", "--retry"],
        ["reconcile", "--allow-unsafe", "revoke=1"],
        ["reconcile", "--ref"],
        ["reconcile", "--ref", "--full"],
        ["reconcile", "--ref", ":/message"],
        ["reconcile", "reconcile"],
        ["plan"],
        ["plan", "--ref", "HEAD", "--output", "json"],
        ["plan", "--ref", "HEAD", "--out", "f"],
        ["plan", "--ref", "HEAD", "--full"],
        ["--color", "always", "reconcile"],
        ["-v", "reconcile"],
        ["status"],
        [],
    ],
    ids=" ".join,
)
def test_what_is_not_plain_starts_the_program(arguments):
    assert parse(arguments, {}) is None


def test_plain_forms_are_understood():
    assert parse(["reconcile"], {}) == Asked("reconcile", ".", "HEAD", None, True, False)
    assert parse(["-C", "x", "-q", "reconcile", "--ref=main", "--no-push"], {}) == Asked(
        "reconcile", "x", "main", None, False, True
    )
    assert parse(["--offline", "plan", "--ref", "v1"], {"PKI_STORE": "git:s"}) == Asked(
        "plan", ".", "v1", "git:s", False, False
    )


def test_options_from_the_environment_start_the_program():
    assert parse(["reconcile"], {"PKI_RECONCILE_FULL": "1"}) is None
    assert parse(["reconcile"], {"PKI_COLOR": "always"}) is None
    assert parse(["reconcile"], {"PKI_PASSPHRASE_ROOT": "x"}) is not None


def test_no_directory_and_no_repository_start_the_program(tmp_path):
    assert answer(["-C", str(tmp_path / "none"), "reconcile"]) is None
    assert answer(["-C", str(tmp_path), "reconcile"]) is None


def test_nothing_heavy_is_imported_for_it():
    import subprocess

    code = (
        "import sys; from pki_as_code.quiet import answer, repository_state; "
        "from pki_as_code.stores import position; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), "
        "'pki_as_code.model' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words = done.stdout.split()
    heavy = {"click", "sqlalchemy", "pydantic", "cryptography", "yaml", "git", "jsonschema"}
    assert not heavy & set(words)
    assert words[-1] == "False"
    assert os.sep not in json.dumps(words)
