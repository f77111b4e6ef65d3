"""The options of authorities: of their own certificates, and of what they put into others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pki_as_code.cli.extension_options import ANY_POLICY, extensions_of
from pki_as_code.cli.option_values import order_of, reading
from pki_as_code.cli.options import option

if TYPE_CHECKING:
    from pki_as_code.authoring.authorities import SigningWishes
    from pki_as_code.model import JsonValue

F = TypeVar("F", bound=Callable[..., Any])

_MOST_SKIPPED = 255

_OWN = (
    option("--alt", "--name", "--subject-alternative-name", "alt", metavar="NAME", multiple=True,
           help="Another name of the authority: email:pki@example.com, URI:... May be repeated."),
    option("--subject-alternative-name-critical", is_flag=True,
           help="Mark these names (subjectAltName) critical."),
    option("--key-usage", metavar="USAGE...", multiple=True,
           help="What its key is for (default: keyCertSign cRLSign). Several may follow."),
    option("--key-usage-non-critical", is_flag=True, help="Mark keyUsage not critical."),
    option("--extended-key-usage", metavar="PURPOSE...", multiple=True,
           help="Purposes that what it signs may have: serverAuth, ..., or an OID. Several may "
           "follow."),
    option("--extended-key-usage-critical", is_flag=True, help="Mark extendedKeyUsage critical."),
    option("--ocsp-responder", metavar="URI", multiple=True,
           help="Where its parent answers OCSP (default: what the parent says). May be repeated."),
    option("--ca-issuer", metavar="URI", multiple=True,
           help="Where the certificate of its parent is (default: what the parent says). "
           "May be repeated."),
    option("--crl-full-name", metavar="URI", multiple=True,
           help="Where the CRL of its parent is (default: what the parent says). Repeated, all are "
           "names of one distribution point."),
    option("--crl-distribution-points-critical", is_flag=True,
           help="Mark crlDistributionPoints critical."),
    option("--policy-identifier", metavar="OID", multiple=True,
           help="A policy it is allowed to issue under; anyPolicy for all. May be repeated."),
    option("--certification-practice-statement", metavar="URI", multiple=True,
           help="Where the practices behind the policy before it are written down."),
    option("--user-notice", metavar="TEXT", multiple=True,
           help="What is to be shown about the policy before it; at most 200 characters."),
    option("--certificate-policies-critical", is_flag=True,
           help="Mark certificatePolicies critical."),
    option("--inhibit-any-policy", metavar="N", type=click.IntRange(0, _MOST_SKIPPED),
           help="After how many authorities below it anyPolicy no longer counts."),
    option("--inhibit-policy-mapping", metavar="N", type=click.IntRange(0, _MOST_SKIPPED),
           help="After how many authorities below it policies may not be mapped."),
    option("--require-explicit-policy", metavar="N", type=click.IntRange(0, _MOST_SKIPPED),
           help="After how many authorities below it a policy is required."),
    option("--issuer-alternative-name", metavar="NAME", multiple=True,
           help="Another name of its parent. May be repeated."),
    option("--tls-feature", metavar="FEATURE...", multiple=True,
           help="TLS features that servers below it must support: status_request "
           "(OCSPMustStaple), status_request_v2. Several may follow."),
    option("--tls-feature-critical", is_flag=True, help="Mark tlsFeature critical."),
)  # fmt: skip

_SIGNING = (
    option("--sign-ocsp-responder", metavar="URI", multiple=True,
           help="Where it answers OCSP, for what it signs (default: below baseUrl of pki.yaml). "
           "May be repeated."),
    option("--sign-ca-issuer", metavar="URI", multiple=True,
           help="Where its own certificate is, for what it signs (default: below baseUrl). "
           "May be repeated."),
    option("--sign-crl-full-name", metavar="URI", multiple=True,
           help="Where its CRL is, for what it signs (default: below baseUrl). Repeated, all are "
           "names of one distribution point."),
    option("--sign-crl-distribution-points-critical", is_flag=True,
           help="Mark crlDistributionPoints critical in what it signs."),
    option("--sign-policy-identifier", metavar="OID", multiple=True,
           help="A policy of what it signs. May be repeated."),
    option("--sign-certification-practice-statement", metavar="URI", multiple=True,
           help="Where the practices behind the policy before it are written down."),
    option("--sign-user-notice", metavar="TEXT", multiple=True,
           help="What is to be shown about the policy before it; at most 200 characters."),
    option("--sign-certificate-policies-critical", is_flag=True,
           help="Mark certificatePolicies critical in what it signs."),
    option("--sign-issuer-alternative-name", metavar="NAME", multiple=True,
           help="Another name of it, for what it signs. May be repeated."),
    option("--ocsp-response-validity", metavar="DURATION",
           help="How long its OCSP responses are valid: seconds, or 24h (default 2d)."),
)  # fmt: skip

_ROOT_HAS_NO = {
    "ocsp_responder": "OCSP responder",
    "ca_issuer": "issuer above it",
    "crl_full_name": "CRL that could revoke it",
}

_NOT_FOR_AUTHORITIES = {
    "ocsp_no_check": False,
    "ocsp_no_check_critical": False,
    "private_key_usage_period_not_before": None,
    "private_key_usage_period_not_after": None,
}


def own_extension_options(function: F) -> F:
    """Add the options for an authority's own certificate; the class is an `OrderedOptions`."""
    for add in reversed(_OWN):
        function = add(function)
    return function


def signing_options(function: F) -> F:
    """Add the options for what an authority signs; the class is an `OrderedOptions`."""
    for add in reversed(_SIGNING):
        function = add(function)
    return function


def own_extensions(context: click.Context, given: Mapping[str, Any]) -> dict[str, JsonValue]:
    """
    Return the extensions of an authority's own certificate, as a manifest has them.

    Raises:
        UsageError: a value is none, a switch has nothing to act on, or a root cannot have it.
    """
    if given["parent"] is None:
        _check_root(given)
    without_policies = dict.fromkeys(_policy_options(""), ())
    found = extensions_of(
        context,
        {
            **given,
            **_NOT_FOR_AUTHORITIES,
            **without_policies,
            "certificate_policies_critical": False,
        },
    )
    if "subjectAltName" in found and not given["alt"]:
        raise _idle("--subject-alternative-name-critical", "--alt")
    policies = _policies(context, given, "")
    if policies:
        found["certificatePolicies"] = policies
    if given["inhibit_any_policy"] is not None:
        found["inhibitAnyPolicy"] = {"value": given["inhibit_any_policy"]}
    skips = {
        "requireExplicitPolicy": given["require_explicit_policy"],
        "inhibitPolicyMapping": given["inhibit_policy_mapping"],
    }
    skips = {name: skip for name, skip in skips.items() if skip is not None}
    if skips:
        found["policyConstraints"] = {"value": skips}
    return found


def signing_wishes(context: click.Context, given: Mapping[str, Any]) -> SigningWishes:
    """Return what an authority is to put into what it signs. Raises `UsageError`."""
    from pki_as_code.authoring.authorities import SigningWishes
    from pki_as_code.pkix.extensions.check import check_extension

    for name in ("sign_ocsp_responder", "sign_ca_issuer", "sign_crl_full_name"):
        for text in given[name]:
            _check_location(_dashed(name), text)
    crl_critical = given["sign_crl_distribution_points_critical"]
    if crl_critical and not given["sign_crl_full_name"]:
        raise _idle("--sign-crl-distribution-points-critical", "--sign-crl-full-name")
    extensions: dict[str, JsonValue] = {}
    policies = _policies(context, given, "sign_")
    if policies:
        extensions["certificatePolicies"] = policies
    if given["sign_issuer_alternative_name"]:
        extensions["issuerAltName"] = {"value": list(given["sign_issuer_alternative_name"])}
        with reading("--sign-issuer-alternative-name"):
            check_extension("issuerAltName", extensions["issuerAltName"])
    return SigningWishes(
        ocsp=given["sign_ocsp_responder"],
        ca_issuers=given["sign_ca_issuer"],
        crl=given["sign_crl_full_name"],
        crl_critical=crl_critical,
        ocsp_validity=_seconds("--ocsp-response-validity", given["ocsp_response_validity"]),
        extensions=extensions,
    )


def _check_location(name: str, text: str) -> None:
    from pki_as_code.errors import UsageError
    from pki_as_code.pkix.extensions.check import check_location

    with reading(name):
        checked = check_location(text)
    if not checked.startswith(("URI:", "dirName:")):
        raise UsageError(
            f"{name}: {text[:200]!r} is not a URI",
            help="write it like http://pki.example.com/path",
            code="extension.not_a_uri",
        )


def _check_root(given: Mapping[str, Any]) -> None:
    """Nobody stands above a root: nobody revokes it or says where its issuer is."""
    from pki_as_code.errors import UsageError

    for name, what in _ROOT_HAS_NO.items():
        if given[name]:
            raise UsageError(
                f"{_dashed(name)} says where the parent of an authority is asked, and a root has "
                f"no {what}",
                help=f"for the certificates it signs, give {_dashed(f'sign_{name}')}; for an "
                "intermediate authority, name its --parent",
                code="authority.root_has_no_parent",
            )


def _policies(context: click.Context, given: Mapping[str, Any], prefix: str) -> JsonValue:
    """Return certificatePolicies: each qualifier belongs to the policy that was named before it."""
    from pki_as_code.errors import UsageError
    from pki_as_code.pkix.extensions.check import check_extension

    identifier, statement, _ = _policy_options(prefix)
    policies: list[dict[str, Any]] = []
    for name, text in _in_order(given, order_of(context), _policy_options(prefix)):
        if name == identifier:
            policies.append({"policyIdentifier": _policy(text, prefix)})
            continue
        if not policies:
            raise UsageError(
                f"{_dashed(name)} must come after the {_dashed(identifier)} it is about",
                help=f"write {_dashed(identifier)} OID {_dashed(name)} ...",
            )
        qualifier = {"cps": text} if name == statement else {"userNotice": {"explicitText": text}}
        policies[-1].setdefault("policyQualifiers", []).append(qualifier)
    critical = given[f"{prefix}certificate_policies_critical"]
    if not policies:
        if critical:
            raise _idle(_dashed(f"{prefix}certificate_policies_critical"), _dashed(identifier))
        return None
    value: JsonValue = {**({"critical": True} if critical else {}), "value": policies}
    with reading(f"{_dashed(identifier)} and what belongs to it"):
        check_extension("certificatePolicies", value)
    return value


def _policy_options(prefix: str) -> tuple[str, str, str]:
    return (
        f"{prefix}policy_identifier",
        f"{prefix}certification_practice_statement",
        f"{prefix}user_notice",
    )


def _in_order(
    given: Mapping[str, Any], order: Sequence[str], names: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield values as typed; those of the environment, which has no order, come last."""
    waiting = {name: list(given[name]) for name in names}
    for name in [name for name in order if name in waiting]:
        if waiting[name]:
            yield name, waiting[name].pop(0)
    for name, texts in waiting.items():
        yield from ((name, text) for text in texts)


def _policy(text: str, prefix: str) -> str:
    from pki_as_code.errors import UsageError

    if text not in {ANY_POLICY, "anyPolicy"}:
        return text
    if prefix:
        raise UsageError(
            f"{_dashed(f'{prefix}policy_identifier')}: anyPolicy is for certificates of "
            "authorities",
            help="name the policy that certificates are issued under",
        )
    return ANY_POLICY


def _seconds(name: str, text: str | None) -> str | None:
    """Return a duration as a manifest has it; a bare number is seconds."""
    from pki_as_code.manifests.durations import parse_duration

    if text is None:
        return None
    duration = f"{int(text)}s" if text.isascii() and text.isdigit() and len(text) < 10 else text  # noqa: PLR2004
    with reading(name):
        parse_duration(duration)
    return duration


def _idle(switch: str, needs: str) -> Exception:
    from pki_as_code.errors import UsageError

    return UsageError(
        f"{switch} does nothing without {needs}",
        help=f"give {needs}, too, or leave {switch} out",
    )


def _dashed(name: str) -> str:
    return "--" + name.replace("_", "-")
