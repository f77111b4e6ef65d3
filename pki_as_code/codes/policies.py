"""What policies say no to, and what keeps a policy from being one."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

_JUDGED = explanations(
    "policy",
    {
        "denied": "A Deny matches the certificate, or all that there is to object to is policies.",
        "limit_exceeded": "The certificate has something that a Limit does not allow.",
        "no_grant": (
            "No Grant is about this namespace, issuer and profile.",
            "As soon as there is one Policy, what no Grant allows is denied.",
            "Ask the owners of policies/ for a Grant.",
        ),
        "name_not_allowed": "No Grant allows this name.",
        "subject_not_allowed": (
            "No Grant allows this attribute of the subject.",
            "Every attribute of every RDN is judged, wherever it comes from: the manifest, its "
            "profile, or the project. The common name has to be an allowed name, or to be listed.",
            "Ask for another subject, or have the value listed under `allow.subject`.",
        ),
        "not_signed": (
            "A policy wants the request signed by an owner of the namespace, and none signed.",
            "`approvals.requireSignature` in the policy asks for it. A signature counts when it is "
            "on the last commit that changed the manifest or its CSR, by its author, or beside the "
            "manifest; and when its key was in allowed_signers at the commit reconciled last.",
            "Have an owner sign the commit, or sign for the file with `pkictl sign_manifest`.",
        ),
        "approvals_missing": (
            "Fewer owners of the namespace signed for the request than a policy wants.",
            "`approvals.minOwners` in the policy asks for more than one pair of eyes.",
            "Have more owners sign for the file with `pkictl sign_manifest`.",
        ),
        "revocation_not_allowed": (
            "A team revokes a certificate that it adopted, and that has names of others.",
            "To adopt a certificate takes a copy of it and nothing else. Who could revoke it, too, "
            "could take it from whoever uses it.",
            "Have an administrator revoke it, by a Revocation in revocations/.",
        ),
        "approval_incomplete": (
            "What owners signed does not say all that decides about the certificate.",
            "The issuer or the profile comes from _namespace.yaml. Whoever edits that, unsigned, "
            "would make something else of what was approved.",
            "Write the field into the manifest, and have that signed.",
        ),
        "rule_not_met": (
            "A rule of a policy does not hold for the certificate.",
            "A rule is an expression in CEL. Only a clean `true` is a yes: an error, too many "
            "iterations and no answer in time are a no, whatever the effect of the policy.",
            "Ask for something else; where the message says that the rule could not be evaluated, "
            "have its owners mend it. docs/policies.md has the variables.",
        ),
        "not_in_base": (
            "The trust base has no such profile or authority.",
            "What a change brings along is not there yet for those who have to agree to it.",
            "Have the profile or the authority merged first, and ask for certificates then.",
        ),
        "key_not_allowed": "No Grant allows a key of this type.",
        "validity_too_long": "The certificate would be valid for longer than a Grant allows.",
        "rules_not_evaluated": (
            "The evaluator of rules gave no answer.",
            "It took too long, or crashed: nobody knows what its rules say.",
            "Try again. If it fails again, simplify the rule that it fails for.",
        ),
        "purpose_not_allowed": (
            "The certificate is for a purpose that no policy allows.",
            "The extendedKeyUsage says what a key is believed for: to be a server, to sign code, "
            "to answer for an authority. One without it is believed for everything.",
            "Remove the purpose, use a profile without it, or have it named under "
            "`allow.extendedKeyUsage`.",
        ),
        "extension_not_allowed": (
            "The certificate has an extension that profile and authority do not give it.",
            "An extension decides what a certificate is good for. What administrators wrote into a "
            "profile or an authority is theirs; what a manifest adds or changes has to be named "
            "under `allow.extensions`.",
            "Remove the extension, use a profile that has it, or have it named.",
        ),
    },
    why="Policies say who may have which certificates. They are judged on the certificate as it "
    "would be signed, and what they do not know is not allowed.",
    remedy="Ask for something else, or ask the owners of the policy that is named.",
)
_OBSERVED = explanations(
    "policy",
    {
        "adopted_not_allowed": (
            "A certificate made elsewhere is one that no policy would allow.",
            "To adopt is to observe: nothing is signed, so that it is a warning. Its renewal is "
            "signed here, and would be denied.",
            "Have it granted before it is renewed, or ask for other names in its manifest.",
        ),
        "none_in_base": (
            "The trust base has no Policy, while the change brings some.",
            "The repository is just getting its first policies: those of the change alone decide.",
            "Have that change reviewed with care; from the next one on the base has its say.",
        ),
        "none": (
            "There is no Policy, so that everything valid is allowed.",
            "A first repository works at once. With more than one team, whoever can change a "
            "manifest can ask for any name.",
            "`pkictl new policy` writes a first one; docs/policies.md says how to begin.",
        ),
    },
    why="",
    remedy="",
)
_WRITTEN = explanations(
    "policy",
    {
        "wrong_terms": "The policy has not the terms that its effect needs.",
        "one_of": "A rule says two things, or nothing.",
        "bad_test": (
            "A file of requests to try cannot be read.",
            "A test that is not read proves nothing.",
            "Correct it; docs/policies.md says how they are written.",
        ),
        "bad_network": "This is not a network or an address.",
        "bad_path": "This is not a path of URIs, or one without a host.",
        "bad_scheme": "This is not the scheme of a URI.",
        "unknown_attribute": "There is no such type of attributes.",
        "unknown_extension": "There is no such extension.",
        "evadable": (
            "A Limit or a Deny selects by labels.",
            "Whoever writes a certificate writes its labels, and could leave one out.",
            "Select by namespaces, issuers or profiles.",
        ),
        "rules_unsupported": (
            "The policy has rules, and what evaluates them is not installed.",
            "The library that evaluates CEL is an extra. A rule that nobody looks at would be "
            "believed in force.",
            "Install it: pip install 'pki-as-code[cel]'. Or say it with `allow` or `match`.",
        ),
        "rule_invalid": (
            "This is not a rule: it does not parse, names what there is not, compares what cannot "
            "be compared, or gives something other than true or false.",
            "Types are checked before anything is judged, so that a misspelt variable is found "
            "when it is written.",
            "Correct the expression; docs/policies.md has the variables and their types.",
        ),
    },
    why="A policy that could be misread, or that does not load, must not leave a hole: the run "
    "stops, and nothing is issued.",
    remedy="Correct the policy; `pkictl explain Policy.spec` has every field.",
)

_BASE = explanations(
    "base",
    {"unreadable": "Something of the trust base cannot be read."},
    why="What was agreed on before a change is what the change is judged by. Where that is not "
    "known, nothing can be said about the change.",
    remedy="Mend the policies and settings there, or name another base.",
)

CODES: dict[str, Explanation] = {**_JUDGED, **_OBSERVED, **_WRITTEN, **_BASE}
