"""What a server sees of a store that moves, fails, and is fetched from somewhere else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pki_as_code.errors import PkiAsCodeError, StoreError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.pkix.ocsp import ResponseStatus, encode_request, issuer_hashes
from pki_as_code.web.view import UNFETCHED_SECONDS, Source, Views
from tests.apply.site import Site, git
from tests.plan.worlds import NOW


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Seen:
    """Views of a site, with a clock that is moved by hand."""

    def __init__(self, site: Site, fetch_seconds: float | None = None) -> None:
        self.site, self.clock, self.told = site, Clock(), []
        repository = GitRepository.discover(site.root)
        self.views = Views(
            Source(repository, site.secrets),
            self.told.append,
            refresh_seconds=5,
            fetch_seconds=fetch_seconds,
            clock=self.clock,
        )

    def sequence(self) -> int:
        with self.views.use() as view:
            return view.head.sequence


@pytest.fixture
def seen(site: Site) -> Iterator[Seen]:
    found = Seen(site)
    yield found
    found.views.close()


def issue(site: Site, name: str) -> None:
    site.certificate(name)
    site.commit()
    site.run()


def test_a_store_that_moved_is_seen_after_the_refresh_time_and_not_looked_at_before(seen):
    first = seen.sequence()
    issue(seen.site, "web")
    seen.clock.seconds = 4.9
    assert seen.sequence() == first
    seen.clock.seconds = 5
    assert seen.sequence() > first


def test_a_store_that_did_not_move_is_the_same_view(seen):
    with seen.views.use() as before:
        pass
    seen.clock.seconds = 60
    with seen.views.use() as after:
        assert after is before
        assert sorted(after.responders) == ["issuing", "root"]


def test_a_responder_that_cannot_sign_is_told_once_and_comes_back(seen):
    key = seen.site.root / "keys/issuing.ocsp.pem"
    kept = key.rename(key.with_suffix(".away"))
    for seconds in (0, 10, 20):
        seen.clock.seconds = seconds
        with seen.views.use() as view:
            assert list(view.responders) == ["root"]
    assert len(seen.told) == 1
    assert "key.missing" in seen.told[0]
    kept.rename(key)
    seen.clock.seconds = 30
    with seen.views.use() as view:
        assert sorted(view.responders) == ["issuing", "root"]


def test_a_store_that_went_back_is_an_error_until_it_is_right_again(seen):
    issue(seen.site, "web")
    last = seen.sequence()
    tip = seen.site.git("rev-parse", "pki-issued")
    seen.site.git("update-ref", "refs/heads/pki-issued", "pki-issued~1")
    for seconds in (5, 10):
        seen.clock.seconds = seconds
        with pytest.raises(StoreError) as error:
            seen.sequence()
        assert error.value.code == "store.rolled_back"
    assert len(seen.told) == 1
    seen.site.git("update-ref", "refs/heads/pki-issued", tip)
    seen.clock.seconds = 15
    assert seen.sequence() == last


def test_manifests_with_errors_are_no_ground_to_answer_on(seen):
    seen.sequence()
    seen.site.write("authorities/issuing.yaml", "kind: [")
    seen.site.commit()
    seen.clock.seconds = 5
    with pytest.raises(PkiAsCodeError):
        seen.sequence()


def test_manifests_of_teams_are_not_looked_at(seen):
    seen.site.write("certificates/broken.yaml", "kind: [")
    seen.site.commit()
    assert seen.sequence() >= 0


def test_what_another_machine_pushed_is_fetched_now_and_then(site, directory):
    remote = directory / "remote.git"
    git(directory, "clone", "--quiet", "--bare", str(site.root), str(remote))
    here = directory / "here"
    git(directory, "clone", "--quiet", str(remote), str(here))
    (here / "keys").mkdir()
    for key in (site.root / "keys").glob("*.ocsp.pem"):
        (here / "keys" / key.name).write_bytes(key.read_bytes())
        (here / "keys" / key.name).chmod(0o600)
    seen = Seen(Site(here), fetch_seconds=60)
    first = seen.sequence()
    issue(site, "web")
    git(site.root, "push", "--quiet", str(remote), "pki-issued")
    seen.clock.seconds = 59
    assert seen.sequence() == first
    seen.clock.seconds = 64
    assert seen.sequence() > first
    remote.rename(directory / "away.git")
    seen.clock.seconds = 130
    assert seen.sequence() > first
    assert "what is here is used meanwhile" in seen.told[-1]
    seen.clock.seconds = 64 + UNFETCHED_SECONDS + 1
    with pytest.raises(StoreError) as error:
        seen.sequence()
    assert error.value.code == "store.fetch_failed"
    seen.views.close()


def test_an_authority_that_answers_no_more_is_not_asked_again(seen):
    with seen.views.use() as view:
        certificate = view.authorities["issuing"]
    _, request = encode_request("SHA-1", issuer_hashes(certificate, "SHA-1"), 1)

    def status():
        with seen.views.use() as view:
            return view.answering.answer(request, NOW)

    assert status().status is ResponseStatus.SUCCESSFUL
    path = "authorities/issuing.yaml"
    before = (seen.site.root / path).read_text()
    seen.site.write(path, f"{before.rstrip()}\n  usages: [sign, crl]\n")
    seen.site.commit()
    seen.clock.seconds = 5
    assert status().status is ResponseStatus.UNAUTHORIZED
