"""`lint.*`: what is asked of linters; `pkilint.*` and `badkeys.*`: what those of others say."""

from __future__ import annotations

from typing import Final

from pki_as_code.codes.base import Explanation, explanations

CODES = explanations(
    "lint",
    {
        "invalid_code": "What is meant to be the code of a lint is none.",
        "linter_failed": (
            "A linter gave no answer.",
            "It took too long, used too much memory, or crashed. What it could not look at is not "
            "signed: an attacker would otherwise only have to make it fail.",
            "Try again. If it fails again for the same certificate, report it to its makers, and "
            "leave the linter out of spec.lints.linters of pki.yaml until it is mended.",
        ),
        "linter_missing": (
            "pki.yaml asks for a linter that is not installed here.",
            "What nobody looked at would pass as if it had been looked at.",
            "Install the extra of its name: `pip install 'pki-as-code[pkilint,badkeys]'`.",
        ),
        "not_waivable": (
            "A Certificate puts up with something that it may not put up with.",
            "Whoever asks for a certificate would otherwise decide by himself which rules hold.",
            "Correct what is objected to, or have an administrator add the code to "
            "spec.lints.waivable of pki.yaml; under a base both revisions have to permit it.",
        ),
        "unknown_code": (
            "pki.yaml names the code of a lint that there is not.",
            "It was misspelt, or its lint is gone: what is written about it has no effect.",
            "Correct it, or remove it.",
        ),
        "waiver_over": "A waiver has come to its end, and puts up with nothing any more.",
        "waiver_unused": "Nothing objects any more with what a waiver puts up with.",
    },
    why="Linters judge a certificate before it is signed; what is put up with is said aloud.",
    remedy="Correct the waiver, or pki.yaml.",
)

FAMILIES: Final = {
    "badkeys": Explanation(
        "badkeys knows the key, or a way to compute its private key.",
        "Whoever knows the private key can pass for its owner.",
        "Make a new key, elsewhere than this one was made. The code behind the dot is the name of "
        "the check; badkeys documents it.",
    ),
    "pkilint": Explanation(
        "pkilint objects to the certificate as it would be signed.",
        "Its rules are those of RFC 5280 and of the standards that profile it.",
        "The code behind the dot is pkilint's own, and its documentation explains it. Correct the "
        "manifest or the profile; or say in spec.lints of pki.yaml what it counts as, or that "
        "Certificates may waive it.",
    ),
}
"""Of codes that are made elsewhere, by what stands before the first dot."""
