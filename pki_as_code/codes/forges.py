"""What a forge is told, who approves what, and what is looked at before a commit."""

from __future__ import annotations

from pki_as_code.codes.base import explanations

CODEOWNERS = explanations(
    "codeowners",
    {
        "outdated": (
            "CODEOWNERS is not what the Namespace manifests make of it.",
            "A forge asks for the approval of whom CODEOWNERS names, and not of whom a Namespace "
            "does.",
            "Run `pkictl codeowners` and commit what it writes.",
        ),
        "no_admins": (
            "Nobody owns `*` in CODEOWNERS.",
            "Authorities, profiles and policies belong to no team: without an owner anybody "
            "approves them.",
            "Add a line `*` with the admins above the part that pkictl writes, or give --admins.",
        ),
        "no_end": (
            "The part of CODEOWNERS that pkictl writes has a beginning and no end.",
            "What is below could be anybody's, and would be lost or kept by guessing.",
            "Put the line back that ends it (git has it), or remove the part and run `pkictl "
            "codeowners`.",
        ),
        "owner": (
            "An owner is one that CODEOWNERS cannot express.",
            "A forge reads blanks and `#` in it as the end of the name, and so asks nobody, or "
            "somebody else.",
            "Use @user, @organisation/team, or a plain e-mail address.",
        ),
    },
    why="",
    remedy="",
)

HOOK = explanations(
    "hook",
    {
        "private_key": "A file that is to be committed holds a private key.",
        "unreadable": (
            "A file that is to be committed cannot be read.",
            "What was not looked at may hold a private key.",
            "Make it readable, or commit it without the hook after a look at it.",
        ),
    },
    why="git keeps what was committed once for everybody who can read the repository, also after "
    "the file is removed. A passphrase on the key only makes that take longer.",
    remedy="Take it out of the commit. If it was pushed, regard the key as lost: make a new one.",
)

CODES = {**CODEOWNERS, **HOOK}
