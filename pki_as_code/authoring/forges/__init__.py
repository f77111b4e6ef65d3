"""
What a forge needs to plan pull requests and to issue what is merged: files as they are written.

The workflows and actions lie beside this module, so that linters read them as they are. The actions
are also those in `.github/actions` of this project; a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from pki_as_code import __version__
from pki_as_code.authoring.codeowners import PLACEHOLDER, codeowners_text

FORGES = ("github", "gitlab", "none")

ALLOWED_SIGNERS = """\
# Whose signatures of commits are believed: an address and an SSH public key on each line, as
# ssh-keygen(1) describes it under ALLOWED SIGNERS. It is read from the branch that is merged into,
# never from the pull request, which can therefore not let itself in.
#
# alice@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA...
"""

_REQUIREMENTS = """\
# What the jobs install. With hashes nothing else can take its place:
#   uv pip compile --generate-hashes {place} --output-file {place}
pki-as-code[notify]=={version}
"""

_README = """
## How changes get in

Open {request} with a manifest and its CSR. A job without any secret plans it and shows, on
the lines concerned, what would be issued; the owners of the directory (CODEOWNERS) approve;
the merge issues it.

Left to do, once (`pkictl doctor --forge` says what is still missing):

1. Put the people who may approve everything into `{codeowners}`, in the line that begins
   with `*`, and the teams into `certificates/<team>/_namespace.yaml`; then run `pkictl codeowners`.
2. Protect the branch `{branch}`: changes by {request} only, with an approval of the code
   owners and the check `{check}`. Nobody may push to `pki-issued` but the job that issues, and
   nobody may force.
3. Make {environment}, for this branch only:
   `PKI_PASSPHRASE_ROOT` and `PKI_PASSPHRASE_ISSUING`, which the keys are encrypted with, and
   `PKI_KEYS`, the encrypted keys: what `tar --create --gzip keys | base64 --wrap 0` prints.
4. Put the keys that people sign their commits with into `allowed_signers`.
{more}"""

_WORDS = {
    "github": {
        "request": "a pull request",
        "codeowners": ".github/CODEOWNERS",
        "check": "plan",
        "environment": "an environment `pki-production` with secrets",
        "more": "",
    },
    "gitlab": {
        "request": "a merge request",
        "codeowners": ".gitlab/CODEOWNERS",
        "check": "pki-plan",
        "environment": "an environment `pki-production` with protected variables",
        "more": "5. Add a pipeline schedule: every six hours, on this branch. Set\n"
        "   `PKI_PUSH_TOKEN`, a project access token that may push the branch of the store.\n",
    },
}


def forge_files(forge: str, branch: str, admins: Sequence[str]) -> dict[str, bytes]:
    """Return the files for a forge, path -> content; none for `none`."""
    if forge == "none":
        return {}
    written = {"allowed_signers": ALLOWED_SIGNERS.encode()}
    owners = codeowners_text("", {}, admins or [PLACEHOLDER]).encode()
    if forge == "gitlab":
        return written | {
            ".gitlab-ci.yml": _read(files(__name__) / "gitlab" / "gitlab-ci.yml"),
            ".gitlab/CODEOWNERS": owners,
            ".gitlab/pkictl.txt": _requirements(".gitlab/pkictl.txt"),
        }
    directory = files(__name__) / "github"
    for workflow in _sorted(directory / "workflows"):
        text = _read(workflow).decode()
        text = text.replace("branches: [main]", f"branches: [{json.dumps(branch)}]")
        written[f".github/workflows/{workflow.name}"] = text.encode()
    for action in _sorted(directory / "actions"):
        written[f".github/actions/{action.name}/action.yml"] = _read(action / "action.yml")
    return written | {
        ".github/CODEOWNERS": owners,
        ".github/pkictl.txt": _requirements(".github/pkictl.txt"),
    }


def forge_readme(forge: str, branch: str) -> str:
    """Return what the README of a new repository says about its forge."""
    return _README.format(branch=branch, **_WORDS[forge]) if forge in _WORDS else ""


def _requirements(place: str) -> bytes:
    return _REQUIREMENTS.format(place=place, version=__version__).encode()


def _sorted(directory: Traversable) -> list[Traversable]:
    return sorted(directory.iterdir(), key=lambda place: place.name)


def _read(place: Traversable) -> bytes:
    return place.read_bytes()
