"""What is asked of linters, and what is put up with."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field

from pki_as_code.manifests.base import Maybe, Spec
from pki_as_code.manifests.scalars import Text, mapping_schema, matching, text_schema
from pki_as_code.manifests.timestamps import Timestamp

LINT_CODE_PATTERN: Final = r"^(badkeys|cabf|key|pkilint|rfc[0-9]{4}|unicode)\.[a-z0-9_.]{1,200}$"

LintCode = Annotated[
    str,
    AfterValidator(
        matching(
            LINT_CODE_PATTERN,
            "the code of a lint",
            "lint.invalid_code",
            "write it as `pkictl validate` shows it: `pkilint.pkix.…`, `cabf.any_purpose`",
        )
    ),
    text_schema(LINT_CODE_PATTERN, 210),
]

LinterName = Literal["pkilint", "badkeys"]
LintSeverity = Literal["error", "warning", "info", "off"]

_MOST_CODES: Final = 256

LintSeverities = Annotated[
    dict[LintCode, LintSeverity],
    Field(max_length=_MOST_CODES),
    mapping_schema(LINT_CODE_PATTERN, {"enum": list(get_args(LintSeverity))}, _MOST_CODES),
]


class Lints(Spec):
    linters: Annotated[tuple[LinterName, ...], Field(max_length=8)] = ()
    """Linters that are asked besides our own, each in a process of its own. Each is an extra of its
    name; one that is named and not installed stops the run."""

    severities: LintSeverities = Field(default_factory=dict)
    """What a finding counts as, by its code. What our own lints and badkeys call an error stays
    one; everything else can be raised, turned down, or switched `off`."""

    waivable: Annotated[tuple[LintCode, ...], Field(max_length=_MOST_CODES)] = ()
    """Codes that the `waivers` of a Certificate may put up with."""


class Waiver(Spec):
    """An objection of a linter that is known and put up with for one certificate."""

    code: LintCode
    """What is put up with. `spec.lints.waivable` of pki.yaml has to permit it."""

    reason: Text
    """Why; it is shown with the finding and kept with the certificate."""

    until: Maybe[Timestamp] = None
    """Until when. Left out: as long as it stands here."""
