"""`pkictl init`: a repository that works at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pki_as_code.cli.console import Console, EnvironmentSecrets
from pki_as_code.cli.options import option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pki_as_code.gitplumbing import GitRepository

FORGES = ["github", "gitlab", "none"]
KEY_TYPES = ["RSA", "EC", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"]


@click.command(help="Make a repository that works at once.")
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
@option("--name", metavar="NAME", help="Name of the project (default: of the directory).")
@option("--base-url", metavar="URL", help="Where CRLs and authority certificates will be found.")
@option("--key-type", type=click.Choice(KEY_TYPES, case_sensitive=False), default="EC",
        show_default=True, help="Type of the authorities' keys.")  # fmt: skip
@option("--key-size", type=click.IntRange(2048, 8192), help="Bits of RSA keys (default 3072).")
@option("--elliptic-curve", type=click.Choice(["P-256", "P-384", "P-521"], case_sensitive=False),
        help="Curve of EC keys (default P-256).")  # fmt: skip
@option("--no-authorities", is_flag=True, help="Write the authorities' manifests, but make no key "
        "and issue nothing yet.")  # fmt: skip
@option("--forge", type=click.Choice(FORGES), default="none", show_default=True, help="Also write "
        "what a forge needs: workflows, CODEOWNERS, allowed_signers. In a repository that is set "
        "up already, only these are added.")  # fmt: skip
@option("--admins", metavar="OWNER", multiple=True, help="Who approves what belongs to no team, as "
        "CODEOWNERS names them. May be repeated.")  # fmt: skip
@click.pass_obj
def command(
    console: Console,
    /,
    directory: Path,
    name: str | None,
    base_url: str | None,
    key_type: str,
    key_size: int | None,
    elliptic_curve: str | None,
    no_authorities: bool,
    forge: str,
    admins: tuple[str, ...],
) -> int:
    from pki_as_code.authoring.forges import forge_files, forge_readme
    from pki_as_code.authoring.manifests import object_name
    from pki_as_code.authoring.scaffold import AuthorityKeys, scaffold

    target = (console.directory / directory).absolute()
    target.mkdir(parents=True, exist_ok=True)
    repository = _open_or_make(console, target)
    branch = repository.current_branch() or "main"
    extra = forge_files(forge, branch, admins)
    if extra and (repository.root / "pki.yaml").exists():
        _write(console, repository, extra, "Let the forge plan and issue")
        console.next_step("pkictl doctor --forge")
        return 0
    project = object_name(name or target.resolve().name or "pki")
    keys = AuthorityKeys(key_type, key_size, elliptic_curve)
    files = scaffold(project, keys, base_url, forge_readme(forge, branch)) | extra
    _check_new(repository)
    _write(console, repository, files, "Set up a PKI")
    if not no_authorities:
        _issue_authorities(console, target)
    console.next_step("pkictl new certificate NAME --csr FILE")
    return 0


def _open_or_make(console: Console, target: Path) -> GitRepository:
    from pki_as_code.gitplumbing import GitRepository, make_repository
    from pki_as_code.gitrepo import FALLBACK_IDENTITY, known_identity

    if not (target / ".git").exists():
        make_repository(target)
        console.note(f"made a git repository in {target.name}/")
    repository = GitRepository.discover(target)
    if known_identity(repository) is None:
        console.note(
            f"git does not know who you are (user.name, user.email): commits are by "
            f"{FALLBACK_IDENTITY[0]} <{FALLBACK_IDENTITY[1]}>"
        )
    return repository


def _check_new(repository: GitRepository) -> None:
    from pki_as_code.errors import RepositoryError

    if (repository.root / "pki.yaml").exists():
        raise RepositoryError(
            "there is a pki.yaml already",
            help="this repository is set up; `pkictl status` tells how it is",
            code="project.exists",
        )


def _write(
    console: Console, repository: GitRepository, files: Mapping[str, bytes], message: str
) -> None:
    """Write what is not there, and commit it; a file that is there is the user's."""
    from pki_as_code.apply.submit import check_writable_place
    from pki_as_code.durable import write_file_atomically
    from pki_as_code.gitrepo import commit_paths

    for path in files:
        check_writable_place(repository.root, path)
    written = []
    for path, data in files.items():
        place = repository.root / path
        if place.exists():
            console.note(f"kept {path}")
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        write_file_atomically(place, data)
        written.append(path)
    _ignore_keys(console, repository, written)
    commit_paths(repository, written, message)
    console.note(f"wrote and committed {len(written)} files")


def _ignore_keys(console: Console, repository: GitRepository, written: list[str]) -> None:
    """Add what keeps keys out of git to a .gitignore that was there before."""
    from pki_as_code.authoring.scaffold import GITIGNORE
    from pki_as_code.durable import write_file_atomically
    from pki_as_code.gitrepo import is_ignored

    if ".gitignore" in written or is_ignored(repository, "keys/root.pem"):
        return
    place = repository.root / ".gitignore"
    before = place.read_text()
    write_file_atomically(place, f"{before.rstrip()}\n\n{GITIGNORE}".encode())
    written.append(".gitignore")
    console.note("added /keys/ to .gitignore")


def _issue_authorities(console: Console, target: Path) -> None:
    from pki_as_code.apply.issuers import Issuers
    from pki_as_code.apply.outcome import Settings
    from pki_as_code.apply.reconcile import reconcile
    from pki_as_code.cli.outcomes import raise_first, show_outcomes
    from pki_as_code.cli.session import writing

    with writing(console._replace(directory=target)) as workspace:
        secrets = EnvironmentSecrets(interactive=console.interactive)
        settings = Settings(Issuers(workspace, secrets), console.now())
        done, _ = show_outcomes(console, reconcile(workspace, settings, lambda _: None))
        raise_first(done)
    if not all(secrets.passphrase_is_given(name) for name in ("root", "issuing")):
        console.note(
            "the keys in keys/ are not encrypted: PKI_PASSPHRASE_ROOT and PKI_PASSPHRASE_ISSUING "
            "would encrypt them when they are made"
        )
