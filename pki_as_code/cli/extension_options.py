"""
The options for the extensions of a certificate, and what they come to in a manifest.

An extension that is not named on the command line is left to the manifest, then the profile, then
the authority.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pki_as_code.cli.option_values import OrderedOptions, order_of, reading, several, usage_time
from pki_as_code.cli.options import option

if TYPE_CHECKING:
    from pki_as_code.model import JsonValue

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["OrderedOptions", "extension_options", "extensions_of"]

ANY_POLICY = "2.5.29.32.0"
LONGEST_NOTICE = 200
"""RFC 5280 section 4.2.1.4: explicitText has at most 200 characters."""

_POLICY = "policy_identifier"
_CPS = "certification_practice_statement"
_NOTICE = "user_notice"

_KEY_USAGES = (
    "digitalSignature", "nonRepudiation", "contentCommitment", "keyEncipherment",
    "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly",
)  # fmt: skip

_OPTIONS = (
    option("--subject-alternative-name-critical", is_flag=True,
           help="Mark the names (subjectAltName) critical."),
    option("--key-usage", metavar="USAGE...", multiple=True,
           help="What the key is for: digitalSignature, keyAgreement, ... Several may follow."),
    option("--key-usage-non-critical", is_flag=True, help="Mark keyUsage not critical."),
    option("--extended-key-usage", metavar="PURPOSE...", multiple=True,
           help="Purposes of the key: serverAuth, clientAuth, ..., or an OID. Several may follow."),
    option("--extended-key-usage-critical", is_flag=True, help="Mark extendedKeyUsage critical."),
    option("--ocsp-responder", metavar="URI", multiple=True,
           help="Where OCSP is answered; {OCSP_PATH} and other variables are filled in. "
           "May be repeated."),
    option("--ca-issuer", metavar="URI", multiple=True,
           help="Where the certificate of the authority is: {CA_ISSUER_PATH}. May be repeated."),
    option("--crl-full-name", metavar="URI", multiple=True,
           help="Where the CRL is: {CRL_PATH}. Repeated, all are names of one distribution point."),
    option("--crl-distribution-points-critical", is_flag=True,
           help="Mark crlDistributionPoints critical."),
    option("--policy-identifier", metavar="OID", multiple=True,
           help="A policy the certificate is issued under. May be repeated."),
    option("--certification-practice-statement", metavar="URI", multiple=True,
           help="Where the practices behind the policy before it are written down."),
    option("--user-notice", metavar="TEXT", multiple=True,
           help="What is to be shown about the policy before it; at most 200 characters."),
    option("--certificate-policies-critical", is_flag=True,
           help="Mark certificatePolicies critical."),
    option("--issuer-alternative-name", metavar="NAME", multiple=True,
           help="Another name of the authority. May be repeated."),
    option("--ocsp-no-check", is_flag=True,
           help="The certificate of this OCSP responder is itself not to be checked."),
    option("--ocsp-no-check-critical", is_flag=True, help="Mark ocspNoCheck critical."),
    option("--private-key-usage-period-not-before", metavar="TIME",
           help="When the key begins to sign: 2027-01-31T00:00:00Z."),
    option("--private-key-usage-period-not-after", metavar="TIME",
           help="When the key ceases to sign."),
    option("--tls-feature", metavar="FEATURE...", multiple=True,
           help="status_request (OCSPMustStaple), status_request_v2. Several may follow."),
    option("--tls-feature-critical", is_flag=True, help="Mark tlsFeature critical."),
)  # fmt: skip


def extension_options(function: F) -> F:
    """Add the options for extensions; the command's class must be an `OrderedOptions`."""
    for add in reversed(_OPTIONS):
        function = add(function)
    return function


def extensions_of(context: click.Context, given: Mapping[str, Any]) -> dict[str, JsonValue]:
    """
    Return the extensions asked for, as a manifest has them: `{"tlsFeature": {"value": [...]}}`.

    Values are as they were typed, variables in URIs included.

    Raises:
        UsageError: a value is none, or a switch has nothing to act on.
    """
    made = {
        "subjectAltName": {"critical": True}
        if given["subject_alternative_name_critical"]
        else None,
        "keyUsage": _key_usage(given),
        "extendedKeyUsage": _listed(given, "extended_key_usage"),
        "authorityInfoAccess": _access(given),
        "crlDistributionPoints": _distribution_points(given),
        "certificatePolicies": _policies(given, order_of(context)),
        "issuerAltName": _with_value(list(given["issuer_alternative_name"])),
        "ocspNoCheck": _ocsp_no_check(given),
        "privateKeyUsagePeriod": _period(given),
        "tlsFeature": _listed(given, "tls_feature"),
    }
    found = {name: value for name, value in made.items() if value is not None}
    for name, value in found.items():
        _check(name, value)
    return found


def _check(name: str, value: JsonValue) -> None:
    """Have the extension itself judge the value, and name the option that it came from."""
    from pki_as_code.pkix.extensions.check import check_extension

    with reading(_SPELLED.get(name, name)):
        check_extension(name, value)


_SPELLED = {
    "keyUsage": "--key-usage",
    "extendedKeyUsage": "--extended-key-usage",
    "authorityInfoAccess": "--ocsp-responder, --ca-issuer",
    "crlDistributionPoints": "--crl-full-name",
    "certificatePolicies": "--policy-identifier",
    "issuerAltName": "--issuer-alternative-name",
    "privateKeyUsagePeriod": "--private-key-usage-period",
    "tlsFeature": "--tls-feature",
}


def _with_value(value: JsonValue, *, critical: bool | None = None) -> dict[str, JsonValue] | None:
    if not value:
        return None
    return {"value": value} if critical is None else {"critical": critical, "value": value}


def _flag(given: Mapping[str, Any], switch: str, needs: str, *, present: bool) -> bool:
    """Return a switch for criticality; it is an error where nothing is there to be marked."""
    if given[switch] and not present:
        from pki_as_code.errors import UsageError

        raise UsageError(
            f"{_dashed(switch)} does nothing without {_dashed(needs)}",
            help=f"give {_dashed(needs)}, too, or leave {_dashed(switch)} out",
        )
    return bool(given[switch])


def _dashed(name: str) -> str:
    return "--" + name.replace("_", "-")


def _key_usage(given: Mapping[str, Any]) -> JsonValue:
    from pki_as_code.errors import UsageError

    usages = several(given["key_usage"])
    non_critical = _flag(given, "key_usage_non_critical", "key_usage", present=bool(usages))
    known = {usage.lower(): usage for usage in _KEY_USAGES}
    for usage in usages:
        if usage.lower() not in known:
            raise UsageError(
                f"--key-usage: {usage[:80]!r} is not a usage of keys",
                help=f"usages are {', '.join(_KEY_USAGES)}",
            )
    value = [known[usage.lower()] for usage in usages]
    return _with_value(value, critical=False if non_critical else None)


def _listed(given: Mapping[str, Any], name: str) -> JsonValue:
    """Return extendedKeyUsage or tlsFeature: a list, and a switch that makes it critical."""
    values = several(given[name])
    critical = _flag(given, f"{name}_critical", name, present=bool(values))
    return _with_value(values, critical=True if critical else None)


def _access(given: Mapping[str, Any]) -> JsonValue:
    methods = {"ocsp": _uris(given, "ocsp_responder"), "caIssuers": _uris(given, "ca_issuer")}
    return _with_value({method: uris for method, uris in methods.items() if uris})


def _distribution_points(given: Mapping[str, Any]) -> JsonValue:
    names = _uris(given, "crl_full_name")
    switch = "crl_distribution_points_critical"
    critical = _flag(given, switch, "crl_full_name", present=bool(names))
    value = [{"fullName": names}] if names else []
    return _with_value(value, critical=True if critical else None)


def _uris(given: Mapping[str, Any], name: str) -> list[str]:
    """Return locations; a general name of another type is where software fetches nothing."""
    from pki_as_code.errors import UsageError
    from pki_as_code.pkix.extensions.check import check_location

    for text in given[name]:
        with reading(_dashed(name)):
            checked = check_location(text)
        if not checked.startswith(("URI:", "dirName:")):
            raise UsageError(
                f"{_dashed(name)}: {text[:200]!r} is not a URI",
                help="write it like http://pki.example.com/path",
                code="extension.not_a_uri",
            )
    return list(given[name])


def _ocsp_no_check(given: Mapping[str, Any]) -> JsonValue:
    wanted = given["ocsp_no_check"]
    critical = _flag(given, "ocsp_no_check_critical", "ocsp_no_check", present=wanted)
    return ({"critical": True} if critical else {}) if wanted else None


def _period(given: Mapping[str, Any]) -> JsonValue:
    period = {}
    for name, field in (("not_before", "notBefore"), ("not_after", "notAfter")):
        option_name = f"private_key_usage_period_{name}"
        if given[option_name] is not None:
            period[field] = usage_time(_dashed(option_name), given[option_name])
    return _with_value(period)


def _policies(given: Mapping[str, Any], order: Sequence[str]) -> JsonValue:
    """Return certificatePolicies: each qualifier belongs to the policy that was named before it."""
    from pki_as_code.errors import UsageError

    policies: list[dict[str, Any]] = []
    for name, text in _in_order(given, order):
        if name == _POLICY:
            policies.append({"policyIdentifier": _policy(text)})
        elif not policies:
            raise UsageError(
                f"{_dashed(name)} must come after the --policy-identifier it is about",
                help=f"write --policy-identifier OID {_dashed(name)} ...",
            )
        else:
            policies[-1].setdefault("policyQualifiers", []).append(_qualifier(name, text))
    switch = "certificate_policies_critical"
    critical = _flag(given, switch, _POLICY, present=bool(policies))
    return _with_value(policies, critical=True if critical else None)


def _in_order(given: Mapping[str, Any], order: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield policies and qualifiers as typed; last those of the environment, which has no order."""
    waiting = {name: list(given[name]) for name in (_POLICY, _CPS, _NOTICE)}
    for name in order:
        if waiting.get(name):
            yield name, waiting[name].pop(0)
    for name, texts in waiting.items():
        for text in texts:
            yield name, text


def _policy(text: str) -> str:
    from pki_as_code.errors import UsageError

    if text in {ANY_POLICY, "anyPolicy"}:
        raise UsageError(
            "--policy-identifier: anyPolicy is for certificates of authorities",
            help="name the policy that the certificate is issued under",
        )
    return text


def _qualifier(name: str, text: str) -> dict[str, JsonValue]:
    from pki_as_code.errors import UsageError

    if name == _CPS:
        return {"cps": text}
    if len(text) > LONGEST_NOTICE:
        raise UsageError(
            f"--user-notice: the text has {len(text)} characters, {LONGEST_NOTICE} are the most",
            help="shorten it; the whole of it can be where --certification-practice-statement "
            "leads to",
        )
    return {"userNotice": {"explicitText": text}}
