"""`responder.*`, `serve.*`, `ocsp.*`: who answers for an authority, and what it is asked."""

from __future__ import annotations

from pki_as_code.codes.base import Explanation, explanations

CODES: dict[str, Explanation] = {
    **explanations(
        "responder",
        {
            "no_key_uri": (
                "Nothing says where the key of an OCSP responder is.",
                "Beside a key in a file there is room for another file; of any other place of an "
                "authority's key it cannot be told where the responder's should be.",
                "Name a place under `spec.ocsp.responder.key.uri` of the authority, or leave "
                "`ocsp` out of its `usages`.",
            ),
            "revoked": (
                "The certificate of an OCSP responder is revoked.",
                "Whoever revoked it does not trust its key any more, so that no other certificate "
                "is made for the same key.",
                "Move the key file away; the next `pkictl reconcile` makes another key.",
            ),
            "none": (
                "An authority has no OCSP responder whose certificate is valid.",
                "Responses are signed by a responder of the authority, never with the authority's "
                "own key.",
                "`pkictl reconcile` issues its certificate, and renews it every few days.",
            ),
            "unfit": (
                "The certificate of an OCSP responder is not one that relying parties accept.",
                "It must be issued by the authority itself and be for OCSPSigning (RFC 6960 "
                "section 4.2.2.2).",
                "`pkictl store verify` says whether something is wrong with the store.",
            ),
            "signature_invalid": (
                "The key of an OCSP responder gave a signature that does not verify.",
                "Each response is verified before anybody sees it; this one was thrown away.",
                "Check where the key is kept.",
            ),
        },
        why="OCSP responses are signed by a responder with a certificate and a key of its own.",
        remedy="See `docs/ocsp.md`.",
    ),
    **explanations(
        "serve",
        {
            "cannot_listen": (
                "The address or port to listen on is not to be had.",
                "Another program uses it, it is not one of this machine, or it needs more rights.",
                "Choose another with --host or --port.",
            ),
            "no_extra": (
                "What `pkictl serve` runs on is not installed.",
                "A web server is an extra: most runs need none.",
                "Install the extra: pip install 'pki-as-code[web]'.",
            ),
        },
        why="",
        remedy="",
    ),
    **explanations(
        "ocsp",
        {
            "malformed_request": (
                "An OCSP request cannot be read.",
                "It is not DER as RFC 6960 section 4.1.1 has it, is too large, asks for too many "
                "certificates, has a critical extension that is not known, or a nonce that is not "
                "of 1 to 128 octets (RFC 9654).",
                "Ask with a current client.",
            ),
        },
        why="What cannot be read is not answered.",
        remedy="Ask with a current client.",
    ),
}
