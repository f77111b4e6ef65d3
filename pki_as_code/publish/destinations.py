"""From the text that names a destination to the destination."""

from __future__ import annotations

from pathlib import Path

from pki_as_code.errors import PublishError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.publish.interface import Destination


def open_path(uri: str, *, root: Path, push: bool) -> Destination:  # noqa: ARG001
    from pki_as_code.publish.directory import open_directory

    if not uri or "\0" in uri:
        raise PublishError(
            "the destination has no name",
            help="name a directory, git:BRANCH or s3://BUCKET/PREFIX",
            code="publish.bad_destination",
        )
    return open_directory(root / uri)


def open_git(uri: str, *, root: Path, push: bool) -> Destination:
    from pki_as_code.publish.git_branch import GitBranch

    return GitBranch(GitRepository.discover(root), uri.partition(":")[2], push)


def open_s3(uri: str, *, root: Path, push: bool) -> Destination:  # noqa: ARG001
    from pki_as_code.publish.s3 import open_bucket

    return open_bucket(uri)
