"""What policies say of names. Texts are judged here and put into their canonical form in `plan`."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.manifests.base import FieldError, Maybe, Spec
from pki_as_code.manifests.scalars import Boolean, Integer, matching, text_schema
from pki_as_code.pkix.asn1_values import parse_object_identifier
from pki_as_code.pkix.attributes import BY_NAME
from pki_as_code.pkix.dns import host_name, mailbox
from pki_as_code.pkix.extensions import DERIVED, EXTENSION_BY_NAME
from pki_as_code.pkix.names import parse_name
from pki_as_code.pkix.other_names import parse_other_name
from pki_as_code.pkix.uris import plain_segments

_LONGEST: Final = 1024
_MOST_VALUES: Final = 1024
OID_PATTERN: Final = r"^[0-2](\.(0|[1-9][0-9]{0,37})){1,62}$"
SCHEME_PATTERN: Final = "^[a-z][a-z0-9+.-]{0,63}$"
ATTRIBUTE_PATTERN: Final = r"^([A-Za-z][A-Za-z0-9-]*|[0-2](\.[0-9]{1,38}){1,62})$"
EXTENSION_PATTERN: Final = r"^([a-z][A-Za-z0-9]*|[0-2](\.[0-9]{1,38}){1,62})$"


def canonical_host(text: str) -> str:
    """Return a host name as certificates have it: A-labels, lower case, no dot at its end."""
    return host_name(text.removesuffix("."))


def canonical_dns_name(text: str) -> str:
    """Return the same for a name that may be a wildcard."""
    return host_name(text.removesuffix("."), wildcard=True)


def _check_host(text: str) -> str:
    canonical_host(text)
    return text


def _check_dns_name(text: str) -> str:
    canonical_dns_name(text)
    return text


def _check_address(text: str) -> str:
    mailbox(text)
    return text


def _check_ip_range(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise InvalidValueError(
            f"{quoted(text)} is not a network or an address",
            help="write it like 10.20.0.0/16 or 2001:db8::/32, without bits behind the prefix",
            code="policy.bad_network",
        ) from None
    return text


def _check_directory_name(text: str) -> str:
    if not parse_name(text).rdns:
        raise InvalidValueError("the name is empty", code="name.invalid", help="write C=AT,O=...")
    return text


def _check_oid(text: str) -> str:
    parse_object_identifier(text)
    return text


def _check_attribute_type(text: str) -> str:
    if text[:1].isdigit():
        return _check_oid(text)
    if text.lower() not in BY_NAME:
        raise InvalidValueError(
            f"{quoted(text)} is not a type of attributes",
            help="write CN, O, OU, C, L, ST, emailAddress, ... or a dotted object identifier",
            code="policy.unknown_attribute",
        )
    return text


def _check_extension_name(text: str) -> str:
    if text[:1].isdigit():
        return _check_oid(text)
    if text not in EXTENSION_BY_NAME and text not in DERIVED:
        raise InvalidValueError(
            f"{quoted(text)} is not an extension",
            help="write its name as manifests do (tlsFeature), or its dotted object identifier",
            code="policy.unknown_extension",
        )
    return text


HostText = Annotated[str, AfterValidator(_check_host), text_schema(longest=_LONGEST)]
DnsNameText = Annotated[str, AfterValidator(_check_dns_name), text_schema(longest=_LONGEST)]
AddressText = Annotated[str, AfterValidator(_check_address), text_schema(longest=_LONGEST)]
IpRange = Annotated[str, AfterValidator(_check_ip_range), text_schema(longest=64)]
DirectoryNameText = Annotated[
    str, AfterValidator(_check_directory_name), text_schema(longest=_LONGEST)
]
ObjectIdentifierText = Annotated[str, AfterValidator(_check_oid), text_schema(OID_PATTERN, 256)]
ExtensionName = Annotated[
    str, AfterValidator(_check_extension_name), text_schema(EXTENSION_PATTERN, 256)
]
SchemeText = Annotated[
    str,
    AfterValidator(
        matching(
            SCHEME_PATTERN,
            "the scheme of a URI",
            "policy.bad_scheme",
            "write it in lower case, without `:` - https, spiffe, urn",
        )
    ),
    text_schema(SCHEME_PATTERN, 64),
]
_AttributeType = Annotated[str, AfterValidator(_check_attribute_type)]
_AttributeValue = Annotated[str, Field(min_length=1, max_length=_LONGEST)]
SubjectRules = Annotated[
    dict[_AttributeType, tuple[_AttributeValue, ...]],
    Field(max_length=64),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": ATTRIBUTE_PATTERN},
            "additionalProperties": {
                "type": "array",
                "items": {"type": "string", "minLength": 1, "maxLength": _LONGEST},
                "maxItems": _MOST_VALUES,
            },
            "maxProperties": 64,
        }
    ),
]


def one_of(*names: str) -> ConfigDict:
    """Return the configuration of a model in which one of these fields stands, for editors."""
    condition: Any = {"oneOf": [{"required": [name]} for name in names]}
    return ConfigDict(json_schema_extra=condition)


def check_one_of(**given: object) -> None:
    """Raise `InvalidValueError` unless exactly one of the fields, named as in YAML, is given."""
    named = [name for name, value in given.items() if value not in (None, False)]
    if len(named) != 1:
        words = " or ".join(f"`{name}`" for name in given)
        raise InvalidValueError(
            f"{' and '.join(named)} are both given" if named else f"there is neither {words}",
            code="policy.one_of",
            help=f"give one of {words}",
        )


# --- Rules ---------------------------------------------------------------------------------------


class DnsRule(Spec):
    """DNS names that may be had."""

    model_config = one_of("suffix", "name")

    suffix: Maybe[HostText] = None
    """This name and every name below it, label by label: `example.com` is not a suffix of
    `badexample.com`."""

    name: Maybe[DnsNameText] = None
    """Just this name; `*.example.com` is that wildcard and nothing it stands for."""

    max_labels: Maybe[Annotated[Integer, Field(ge=1, le=127)]] = None
    """The most labels before the suffix. Left out: any number."""

    wildcard: Boolean = False
    """Wildcards below the suffix, too."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        check_one_of(suffix=self.suffix, name=self.name)
        if self.name is not None and (self.max_labels is not None or self.wildcard):
            raise FieldError(
                "a single name has neither `maxLabels` nor `wildcard`",
                field="wildcard" if self.wildcard else "maxLabels",
                code="policy.one_of",
                help="write the wildcard itself as `name`, or use `suffix`",
            )
        return self


class DnsTarget(Spec):
    """DNS names that must not be had."""

    model_config = one_of("suffix", "name")

    suffix: Maybe[HostText] = None
    """This name and every name below it, and every wildcard that stands for one of them."""

    name: Maybe[DnsNameText] = None
    """This name, and every wildcard that stands for it."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        check_one_of(suffix=self.suffix, name=self.name)
        return self


class EmailRule(Spec):
    """E-mail addresses."""

    model_config = one_of("domain", "address")

    domain: Maybe[HostText] = None
    """Every address at just this domain, not at those below it."""

    address: Maybe[AddressText] = None
    """Just this address."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        check_one_of(domain=self.domain, address=self.address)
        return self


def _check_path(text: str) -> str:
    if not text.startswith("/") or plain_segments(text) is None:
        raise InvalidValueError(
            f"{quoted(text)} is not a path that everybody reads alike",
            help="write it like /ns/payments: without `..`, query, and slash at the end",
            code="policy.bad_path",
        )
    return text


UriPath = Annotated[str, AfterValidator(_check_path), text_schema(r"^/", longest=_LONGEST)]


class UriRule(Spec):
    """URIs of one scheme, at a host; without `host` and `suffix` those that have none (`urn`)."""

    scheme: SchemeText
    """The scheme: `https`, `spiffe`, `urn`."""

    host: Maybe[HostText] = None
    """URIs at just this host, whatever the port and the path."""

    suffix: Maybe[HostText] = None
    """URIs at this host and every host below it."""

    path: Maybe[UriPath] = None
    """URIs with this path, and those below it, segment by segment: `/ns/payments` is not
    `/ns/payments-dev`. They have neither query nor fragment, and no `..`."""

    @model_validator(mode="after")
    def _names_one_place(self) -> Self:
        if self.host is not None and self.suffix is not None:
            check_one_of(host=self.host, suffix=self.suffix)
        if self.path is not None and self.host is None and self.suffix is None:
            raise FieldError(
                "a path is below a host, and none is named",
                field="path",
                code="policy.bad_path",
                help="add `host`, or `suffix`",
            )
        return self


class OtherNameRule(Spec):
    """Names of one type that has an object identifier."""

    model_config = one_of("value", "domain", "any")

    oid: ObjectIdentifierText
    """The type: `1.3.6.1.4.1.311.20.2.3` is a UPN."""

    value: Maybe[Annotated[str, Field(min_length=1, max_length=_LONGEST)]] = None
    """Just this value, as manifests write it: `UTF8:user@example.com`."""

    domain: Maybe[HostText] = None
    """Every text of the form `user@domain` with just this domain."""

    any: Boolean = False
    """Every value, readable or not."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        check_one_of(value=self.value, domain=self.domain, any=self.any)
        if self.value is not None:
            parse_other_name(f"{self.oid};{self.value}")
        return self
