from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.base import FieldError, Manifest, Maybe, Spec
from pki_as_code.manifests.durations import Duration
from pki_as_code.manifests.pkix_values import KeyRequirementText
from pki_as_code.manifests.policy_names import (
    DirectoryNameText,
    DnsRule,
    DnsTarget,
    EmailRule,
    ExtensionName,
    IpRange,
    ObjectIdentifierText,
    OtherNameRule,
    SubjectRules,
    UriRule,
)
from pki_as_code.manifests.scalars import (
    Boolean,
    Integer,
    Labels,
    Name,
    Text,
    of_length,
    text_schema,
)
from pki_as_code.pkix.extensions.extended_key_usage import Purpose

_MOST_RULES = 1024
_LONGEST_EXPRESSION = 4096


class PolicySelector(Spec):
    """Which certificates. All conditions must hold; an empty one always does."""

    namespaces: Annotated[tuple[Name, ...], Field(max_length=_MOST_RULES)] = ()
    """Namespaces of the certificates."""

    issuers: Annotated[tuple[Name, ...], Field(max_length=256)] = ()
    """Authorities that are to sign them."""

    profiles: Annotated[tuple[Name, ...], Field(max_length=256)] = ()
    """Profiles that they have."""

    labels: Labels = Field(default_factory=dict)
    """Labels that they have, all of them. Of a Grant only: whoever writes a certificate writes its
    labels, and would leave out one that a Limit or a Deny looks for."""


class _Terms(Spec):
    """What a policy says of a certificate, but for DNS names."""

    ip: Maybe[Annotated[tuple[IpRange, ...], Field(max_length=_MOST_RULES)]] = None
    """Networks or addresses: `10.20.0.0/16`, `2001:db8::/32`. IPv4 and IPv6 are apart."""

    email: Maybe[Annotated[tuple[EmailRule, ...], Field(max_length=_MOST_RULES)]] = None
    """E-mail addresses, by domain or one by one; also of `emailAddress` in the subject."""

    uri: Maybe[Annotated[tuple[UriRule, ...], Field(max_length=_MOST_RULES)]] = None
    """URIs, by scheme and host."""

    other_name: Maybe[Annotated[tuple[OtherNameRule, ...], Field(max_length=_MOST_RULES)]] = None
    """Names of other types, by object identifier: UPNs, SmtpUTF8Mailbox."""

    registered_id: Annotated[
        Maybe[Annotated[tuple[ObjectIdentifierText, ...], Field(max_length=_MOST_RULES)]],
        Field(alias="registeredID"),
    ] = None
    """Registered object identifiers, one by one."""

    directory_name: Maybe[
        Annotated[tuple[DirectoryNameText, ...], Field(max_length=_MOST_RULES)]
    ] = None
    """Distinguished names among the alternative names, one by one."""

    subject: Maybe[SubjectRules] = None
    """Values in the subject by type of attribute: `{O: [Example], C: [AT]}`; `"*"` is any value."""

    keys: Maybe[Annotated[tuple[KeyRequirementText, ...], Field(max_length=32)]] = None
    """Kinds of keys: `P-256`, `RSA-3072+`."""

    extensions: Maybe[Annotated[tuple[ExtensionName, ...], Field(max_length=64)]] = None
    """Extensions by name (`tlsFeature`) or object identifier."""

    extended_key_usage: Maybe[Annotated[tuple[Purpose, ...], Field(max_length=64)]] = None
    """Purposes, by name (`serverAuth`) or object identifier. A certificate that names no purpose,
    or `anyExtendedKeyUsage`, has all of them."""


class Allowed(_Terms):
    """
    What a certificate may have. In a Grant, names and attributes that are not listed are denied; a
    Limit bounds nothing but what it lists. `extensions` are those that a certificate has beyond
    what its profile and its authority give.
    """

    dns: Maybe[Annotated[tuple[DnsRule, ...], Field(max_length=_MOST_RULES)]] = None
    """DNS names, by suffix or one by one. The common name, where it reads as a name, must be an
    allowed one as well."""

    max_validity: Maybe[Duration] = None
    """The longest time between issuance and the end of a certificate."""


class Matched(_Terms):
    """
    What a certificate must not have: one thing of this that it has is enough. `extensions` are any
    that it has, wherever they come from.
    """

    dns: Maybe[Annotated[tuple[DnsTarget, ...], Field(max_length=_MOST_RULES)]] = None
    """DNS names, by suffix or one by one, those that a wildcard stands for among them."""


class Approvals(Spec):
    """Who has to have agreed, by signing the commit or the file."""

    require_signature: Boolean = False
    """The request is signed by an owner of the namespace."""

    min_owners: Annotated[Integer, Field(ge=0, le=100)] = 0
    """So many owners of the namespace signed for it."""


class PolicyRule(Spec):
    """A condition in CEL, the Common Expression Language."""

    expression: Annotated[
        str, of_length(_LONGEST_EXPRESSION), text_schema(longest=_LONGEST_EXPRESSION)
    ]
    """The condition; anything but a clean `true` denies, also that it cannot be evaluated."""

    message: Maybe[Text] = None
    """What is said when it does not hold. Left out: the expression."""


_CONDITIONS: dict[str, Any] = {
    "oneOf": [
        {"properties": {"effect": {"const": "Deny"}}, "not": {"required": ["allow"]}},
        {
            "properties": {"effect": {"const": "Grant"}},
            "required": ["allow"],
            "not": {"required": ["match"]},
        },
        {
            "properties": {"effect": {"const": "Limit"}},
            "anyOf": [{"required": ["allow"]}, {"required": ["rules"]}],
            "not": {"required": ["match"]},
        },
    ]
}
"""What the model checks as well, for editors."""


class PolicySpec(Spec):
    model_config = ConfigDict(json_schema_extra=_CONDITIONS)

    description: Maybe[Text] = None
    """What the policy is for."""

    effect: Literal["Grant", "Limit", "Deny"]
    """`Grant`: one of them must allow the whole certificate. `Limit`: every one must hold. `Deny`:
    none may match."""

    selector: PolicySelector = PolicySelector()
    """Which certificates it is about. Left out: all."""

    allow: Maybe[Allowed] = None
    """What a certificate may have, of a Grant or a Limit."""

    match: Maybe[Matched] = None
    """What a certificate must not have, of a Deny. Left out, and without rules: everything that is
    selected is denied."""

    approvals: Approvals = Approvals()
    """Who has to have agreed."""

    rules: Annotated[tuple[PolicyRule, ...], Field(max_length=64)] = ()
    """Conditions in CEL, of which all have to hold, whatever the effect: else the Grant does not
    allow the certificate, and a Limit or a Deny denies it. Needs the extra `cel`."""

    @model_validator(mode="after")
    def _says_what_its_effect_needs(self) -> Self:
        if self.effect == "Deny":
            self._check_deny()
        elif self.match is not None:
            raise FieldError(
                f"a {self.effect} has no `match`: it says what is allowed",
                field="match",
                code="policy.wrong_terms",
                help="write it under `allow`; or, if it is to be kept out, `effect: Deny`",
            )
        elif self.allow in (None, Allowed()) and not (self.effect == "Limit" and self.rules):
            raise InvalidValueError(
                f"the {self.effect} does not say what it allows",
                code="policy.wrong_terms",
                help="add `allow`, with `dns`, `ip`, `subject`, ...; rules alone make a Limit",
            )
        return self

    def _check_deny(self) -> None:
        if self.allow is not None:
            raise FieldError(
                "a Deny allows nothing",
                field="allow",
                code="policy.wrong_terms",
                help="write what is to be kept out under `match`",
            )
        if self.selector.labels:
            raise self._evadable()
        if self.match is not None and not any(value for _, value in self.match):
            raise FieldError(
                "the Deny does not say what it keeps out",
                field="match",
                code="policy.wrong_terms",
                help="add `dns`, `ip`, ...; without `match`, and without rules, all that is "
                "selected is kept out",
            )
        if self.match is None and not self.rules and self.selector == PolicySelector():
            raise InvalidValueError(
                "the Deny would keep out every certificate there is",
                code="policy.wrong_terms",
                help="add `match`, or say under `selector` what it is about",
            )

    @model_validator(mode="after")
    def _limits_cannot_be_evaded(self) -> Self:
        if self.effect == "Limit" and self.selector.labels:
            raise self._evadable()
        return self

    def _evadable(self) -> FieldError:
        return FieldError(
            f"whoever writes a certificate leaves its labels out, and with them this {self.effect}",
            field="selector",
            code="policy.evadable",
            help="select by namespaces, issuers or profiles; labels can select a Grant",
        )


class Policy(Manifest):
    """Who may have which certificates, judged on each as it would be signed."""

    places: ClassVar[tuple[str, ...]] = ("policies",)
    administrative: ClassVar[bool] = True

    kind: Literal["Policy"]
    spec: PolicySpec
    """What it is about, and what it allows or keeps out."""
