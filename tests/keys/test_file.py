from __future__ import annotations

import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pki_as_code.errors import KeyBackendError
from pki_as_code.keys import KEY_BACKENDS, create_key, key_exists, open_key
from tests.keys.conftest import ED25519, NO_SECRETS, P256, GivenSecrets

URI = "file:keys/issuing.pem"


def create(root: Path, uri: str = URI, secrets: GivenSecrets = NO_SECRETS):
    return create_key(uri, P256, root=root, name="issuing", secrets=secrets)


def open_it(root: Path, uri: str = URI, secrets: GivenSecrets = NO_SECRETS):
    return open_key(uri, root=root, name="issuing", secrets=secrets)


def code_of(function, *arguments, **keywords) -> str:
    with pytest.raises(KeyBackendError) as caught:
        function(*arguments, **keywords)
    assert caught.value.help
    return caught.value.code


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_key_is_made_once_and_opened_again(root):
    assert not key_exists(URI, root=root)
    key = create(root)
    assert key_exists(URI, root=root)
    assert open_it(root).public_key() == key.public_key()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_umask_decides_nothing(root, umask):
    previous = os.umask(umask)
    try:
        create(root)
    finally:
        os.umask(previous)
    assert mode_of(root / "keys/issuing.pem") == 0o600
    assert mode_of(root / "keys") == 0o700


def test_the_file_has_its_mode_from_the_first_byte(root, monkeypatch):
    made: list[tuple[int, int]] = []
    real_open = os.open

    def watched_open(path, flags, mode=0o777, **keywords):
        if flags & os.O_CREAT:
            made.append((flags & os.O_EXCL, mode))
        return real_open(path, flags, mode, **keywords)

    monkeypatch.setattr(os, "open", watched_open)
    create(root)
    assert made == [(os.O_EXCL, 0o600)]


def test_only_the_key_is_left_in_its_directory(root):
    create(root)
    assert [path.name for path in (root / "keys").iterdir()] == ["issuing.pem"]
    assert (root / "keys/issuing.pem").lstat().st_nlink == 1


def test_a_directory_that_was_there_keeps_its_mode(root):
    (root / "keys").mkdir(mode=0o750)
    create(root)
    assert mode_of(root / "keys") == 0o750


def test_directories_are_made_private_all_the_way(root):
    create(root, "file:a/b/key.pem")
    assert [mode_of(root / "a"), mode_of(root / "a/b")] == [0o700, 0o700]


def test_a_key_is_encrypted_when_a_passphrase_is_given(root):
    secrets = GivenSecrets(issuing=b"correct horse")
    key = create(root, secrets=secrets)
    assert b"ENCRYPTED" in (root / "keys/issuing.pem").read_bytes()
    assert open_it(root, secrets=secrets).public_key() == key.public_key()
    assert secrets.asked == [("issuing", True), ("issuing", False)]


def test_nobody_is_asked_for_the_passphrase_of_a_plain_key(root):
    create(root)
    secrets = GivenSecrets()
    open_it(root, secrets=secrets)
    assert secrets.asked == []


def test_the_passphrase_of_another_authority_is_not_used(root):
    create(root, secrets=GivenSecrets(issuing=b"correct horse"))
    assert code_of(open_it, root, secrets=GivenSecrets(root=b"x")) == "key.passphrase_needed"


def test_a_wrong_passphrase_is_refused(root):
    create(root, secrets=GivenSecrets(issuing=b"correct horse"))
    assert code_of(open_it, root, secrets=GivenSecrets(issuing=b"x")) == "key.wrong_passphrase"


def test_a_passphrase_for_a_plain_key_is_refused(root):
    create(root)
    secrets = GivenSecrets(issuing=b"correct horse")
    assert code_of(open_it, root, secrets=secrets) == "key.passphrase_superfluous"


def test_an_empty_passphrase_makes_no_key(root):
    assert code_of(create, root, secrets=GivenSecrets(issuing=b"")) == "key.passphrase_empty"
    assert not key_exists(URI, root=root)


def test_a_key_is_never_replaced(root):
    create(root)
    before = (root / "keys/issuing.pem").read_bytes()
    assert code_of(create, root) == "key.exists"
    assert (root / "keys/issuing.pem").read_bytes() == before


@pytest.mark.parametrize("target", ["/nowhere/at/all", "elsewhere.pem"])
def test_a_symbolic_link_is_neither_followed_nor_replaced(root, target):
    (root / "keys").mkdir()
    (root / "keys/issuing.pem").symlink_to(target)
    assert key_exists(URI, root=root)
    assert code_of(create, root) == "key.exists"
    assert code_of(open_it, root) == "key.symlink"
    assert os.readlink(root / "keys/issuing.pem") == target


def _create_and_tell(root: Path, barrier, results) -> None:
    barrier.wait()
    try:
        key = create_key(URI, ED25519, root=root, name="issuing", secrets=GivenSecrets())
        results.put(key.public_key().public_bytes_raw())
    except KeyBackendError as error:
        results.put(error.code)


def test_of_two_processes_one_makes_the_key(root):
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=_create_and_tell, args=(root, barrier, results)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    told = [results.get(timeout=30) for _ in processes]
    for process in processes:
        process.join(timeout=30)
    made = [item for item in told if isinstance(item, bytes)]
    assert len(made) == 1
    assert "key.exists" in told
    assert open_it(root).public_key().public_bytes_raw() == made[0]


_CRASH = """
import os, sys
from pathlib import Path
from pki_as_code.keys import create_key
from tests.keys.conftest import ED25519, NO_SECRETS
calls = int(sys.argv[2])
def audit(event, arguments):
    global calls
    if event in {"open", "os.link", "os.rename", "os.remove"} and "keys" in str(arguments[0]):
        calls -= 1
        if calls < 0:
            os.kill(os.getpid(), 9)
sys.addaudithook(audit)
create_key("file:keys/issuing.pem", ED25519, root=Path(sys.argv[1]), name="x", secrets=NO_SECRETS)
"""


def test_a_crash_at_any_step_leaves_a_whole_key_or_none(root):
    """Killed before the n-th system call that touches the directory, for every n until none is."""
    for calls in range(20):
        directory = root / str(calls)
        (directory / "keys").mkdir(parents=True)
        crashed = subprocess.run(
            [sys.executable, "-c", _CRASH, str(directory), str(calls)],
            cwd=Path(__file__).parents[2],
            check=False,
            capture_output=True,
        )
        if key_exists(URI, root=directory):
            open_it(directory)
        else:
            create(directory)
        for leftover in (directory / "keys").iterdir():
            assert mode_of(leftover) == 0o600
        if crashed.returncode == 0:
            break
        assert crashed.returncode == -9, crashed.stderr.decode()
    else:
        pytest.fail("the process never got to its end")
    assert calls > 2


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666, 0o610])
def test_a_key_that_others_may_use_is_refused(root, mode):
    create(root)
    (root / "keys/issuing.pem").chmod(mode)
    with pytest.raises(KeyBackendError) as caught:
        open_it(root)
    assert caught.value.code == "key.readable_by_others"
    assert caught.value.help == "run: chmod 600 keys/issuing.pem"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_of_its_owner_alone_is_opened(root, mode):
    create(root)
    (root / "keys/issuing.pem").chmod(mode)
    open_it(root)


def test_a_missing_key_is_named(root):
    assert code_of(open_it, root) == "key.missing"


def test_a_directory_a_pipe_and_a_device_are_no_keys(root):
    (root / "directory").mkdir(mode=0o700)
    os.mkfifo(root / "pipe", 0o600)
    for uri in ("file:directory", "file:pipe", "file:/dev/null"):
        assert code_of(open_it, root, uri) == "key.not_a_file"


def test_a_file_that_never_ends_is_not_read_to_its_end(root):
    path = root / "large.pem"
    path.touch(mode=0o600)
    os.truncate(path, 2**40)
    assert code_of(open_it, root, "file:large.pem") == "key.not_a_key"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_unreadable(root):
    create(root)
    (root / "keys/issuing.pem").chmod(0)
    assert code_of(open_it, root) == "key.unreadable"


def test_a_file_in_place_of_a_directory_is_told(root):
    (root / "keys").touch()
    assert code_of(open_it, root) == "key.unreadable"
    assert code_of(create, root) == "key.unwritable"


@pytest.mark.parametrize("uri", ["file:../outside.pem", "file:keys/../../outside.pem", "file:a/.."])
def test_a_relative_path_stays_in_the_repository(root, uri):
    (root.parent / "outside.pem").touch(mode=0o600)
    expected = {"key.outside_repository", "key.bad_location"}
    assert code_of(open_it, root, uri) in expected
    assert code_of(create, root, uri) in expected
    with pytest.raises(KeyBackendError):
        key_exists(uri, root=root)


def test_a_linked_directory_does_not_lead_out(root):
    (root.parent / "outside").mkdir()
    (root / "keys").symlink_to("../outside")
    assert code_of(create, root) == "key.outside_repository"
    assert not list((root.parent / "outside").iterdir())


def test_directories_linked_in_a_circle_are_refused(root):
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    with pytest.raises(KeyBackendError):
        create(root, "file:a/key.pem")


def test_an_absolute_path_is_taken_as_it_is(root):
    for uri in (f"file:{root.parent}/absolute.pem", f"file://{root.parent}/three-slashes.pem"):
        key = create(root, uri)
        assert open_it(root, uri).public_key() == key.public_key()
    assert (root.parent / "three-slashes.pem").exists()


def test_an_absolute_path_into_the_repository_is_refused(root):
    """Whether git ignores a key is only asked of relative paths."""
    create(root, "file:keys/issuing.pem")
    (root.parent / "alias").symlink_to(root)
    for uri in (
        f"file:{root}/keys/issuing.pem",
        f"file://{root}/keys/issuing.pem",
        f"file:{root}/../{root.name}/keys/issuing.pem",
        f"file:{root.parent}/alias/keys/issuing.pem",
    ):
        for attempt in (create, open_it):
            with pytest.raises(KeyBackendError) as caught:
                attempt(root, uri)
            assert caught.value.code == "key.bad_location"
            assert "file:keys/issuing.pem" in caught.value.help


@pytest.mark.parametrize("uri", ["file:.git/key.pem", "file:sub/.GIT/hooks/key.pem"])
def test_a_key_never_goes_into_a_git_directory(root, uri):
    assert code_of(create, root, uri) == "key.inside_git"
    (root / "keys").symlink_to(".git")
    (root / ".git").mkdir()
    assert code_of(create, root) == "key.inside_git"
    assert code_of(create, root, f"file:{root}/.git/key.pem") == "key.bad_location"
    assert code_of(create, root, f"file:{root.parent}/.git/key.pem") == "key.inside_git"


@pytest.mark.parametrize(
    "uri",
    [
        "file:",
        "file:.",
        "file:/",
        "file://host/key.pem",
        "file:a\x00b",
        "file:a\nb",
        "file:\u202eb",
    ],
    ids=ascii,
)
def test_what_is_no_path_is_refused(root, uri):
    with pytest.raises(KeyBackendError) as caught:
        create(root, uri)
    assert caught.value.code == "key.bad_location"
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("uri", ["", "keys/issuing.pem", "pkcs11:token=x", "FILE:x", "file"])
def test_an_unknown_scheme_is_refused_with_those_there_are(root, uri):
    with pytest.raises(KeyBackendError) as caught:
        open_it(root, uri)
    assert caught.value.code == "key.unknown_scheme"
    assert all(f"{scheme}:" in caught.value.help for scheme in KEY_BACKENDS)


def test_a_full_disk_leaves_nothing(root, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    assert code_of(create, root, "file:issuing.pem") == "key.unwritable"
    assert not list(root.iterdir())
