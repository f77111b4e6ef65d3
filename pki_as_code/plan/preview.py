"""
The certificate as it would be signed, before anything is reserved.

An authority that has no certificate yet is drafted from its manifest, with a stand-in for its
public key, so that a pull request which brings an authority and its first certificates is judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import RESPONDER, CertificateRequest, Finding, Severity
from pki_as_code.pkix.algorithms import KeySpec
from pki_as_code.pkix.certificate import load_draft
from pki_as_code.pkix.drafts import certificate_findings, make_draft
from pki_as_code.pkix.judged import digest_of_judged
from pki_as_code.pkix.key_checks import key_findings
from pki_as_code.plan.authorities import Authority, chain_of, find_authority, resolve_authority
from pki_as_code.plan.linting import Linting, waived_by

PREVIEW_SERIAL_NUMBER = (1 << 158) + 1
"""As long as a real one, so that sizes are right; never signed."""


@dataclass(frozen=True)
class Preview:
    """Drafts certificates of one set of manifests; `issued` holds the authorities that exist."""

    manifests: ManifestSet
    issued: Mapping[str, x509.Certificate]
    now: datetime
    linting: Linting
    _drafts: dict[str, x509.Certificate] = field(default_factory=dict, repr=False)
    _chains: dict[str, list[x509.Certificate]] = field(default_factory=dict, repr=False)

    def draft(self, request: CertificateRequest) -> tuple[x509.Certificate, list[Finding]]:
        """
        Return the certificate that `request` would become, and what there is to object to.

        Raises:
            InvalidValueError: it cannot be made at all.
        """
        chain = self._chain_above(request)
        certificate = self._draft(request, chain)
        findings = self.linting.judged(
            certificate,
            certificate_findings(certificate, chain),
            waived_by(self.manifests, request.object_id, self.now),
            has_key=bool(request.public_key_der),
        )
        return certificate, findings

    def findings(self, request: CertificateRequest) -> list[Finding]:
        """Return what there is to object to in the certificate `request` asks for."""
        return self.examine(request)[1]

    def examine(self, request: CertificateRequest) -> tuple[x509.Certificate | None, list[Finding]]:
        """Return the same with the certificate; None for one that cannot be made."""
        try:
            return self.draft(request)
        except InvalidValueError as error:
            return None, [error.finding()]

    def judge(
        self, request: CertificateRequest
    ) -> tuple[x509.Certificate | None, list[Finding], bytes | None]:
        """
        Return the same of what is about to be issued, with the mark of a draft without errors.

        The one check of the key that takes milliseconds (is the modulus a prime) is among them: it
        is for what will be signed, not for every manifest there is.
        """
        try:
            certificate, findings = self.draft(request)
        except InvalidValueError as error:
            return None, [error.finding()], None
        if request.public_key_der:
            waived = waived_by(self.manifests, request.object_id, self.now)
            found = key_findings(certificate.public_key())
            findings += self.linting.counted(found, waived)
        if any(finding.severity is Severity.ERROR for finding in findings):
            return certificate, findings, None
        chain = self._chain_above(request)
        return certificate, findings, digest_of_judged(certificate.tbs_certificate_bytes, chain)

    def _chain_above(self, request: CertificateRequest) -> list[x509.Certificate]:
        issuer = find_authority(self.manifests, request.issuer)
        if issuer is None or issuer.object_id == request.object_id:
            return []
        return self.chain(issuer)

    def chain(self, authority: Authority) -> list[x509.Certificate]:
        """Return the certificates from `authority` up to its root, drafted where not yet issued."""
        name = authority.object_id.name
        if name not in self._chains:
            self._chains[name] = self._make_chain(authority)
        return self._chains[name]

    def _make_chain(self, authority: Authority) -> list[x509.Certificate]:
        links = list(chain_of(authority, self.manifests))
        certificates: list[x509.Certificate] = []
        for link in reversed(links):
            certificates.insert(0, self._certificate(link, certificates))
        return certificates

    def _certificate(self, authority: Authority, chain: list[x509.Certificate]) -> x509.Certificate:
        name = authority.object_id.name
        if name in self.issued:
            return self.issued[name]
        if name not in self._drafts:
            request = resolve_authority(authority, self.manifests)
            self._drafts[name] = self._draft(request, chain)
        return self._drafts[name]

    def _draft(
        self, request: CertificateRequest, chain: list[x509.Certificate]
    ) -> x509.Certificate:
        authority = find_authority(self.manifests, request.object_id.name)
        if not request.public_key_der and authority is not None:
            spec = authority.manifest.spec
            is_responder = request.object_id.kind == RESPONDER
            key = spec.ocsp.responder.key.key_spec if is_responder else spec.key_spec
            stand_in = stand_in_public_key(key)
            request = replace(request, public_key_der=stand_in)
        tbs = make_draft(request, chain, serial_number=PREVIEW_SERIAL_NUMBER, now=self.now)
        return load_draft(tbs)


def stand_in_public_key(spec: KeySpec) -> bytes:
    """
    Return a SubjectPublicKeyInfo of that type and size which nobody has the private key of.

    An RSA key is only its numbers (making a real one takes seconds); it passes no key check and is
    never signed.
    """
    public: CertificatePublicKeyTypes
    match spec.type:
        case "RSA":
            public = rsa.RSAPublicNumbers(65537, (1 << ((spec.size or 2048) - 1)) + 1).public_key()
        case "EC":
            curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
            public = ec.generate_private_key(curves[spec.curve or "P-256"]).public_key()
        case "Ed25519":
            public = ed25519.Ed25519PrivateKey.generate().public_key()
        case "Ed448":
            public = ed448.Ed448PrivateKey.generate().public_key()
        case "ML-DSA-44":
            public = mldsa.MLDSA44PrivateKey.generate().public_key()
        case "ML-DSA-65":
            public = mldsa.MLDSA65PrivateKey.generate().public_key()
        case "ML-DSA-87":
            public = mldsa.MLDSA87PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
