"""Where an issued certificate comes from: the CSR that asked for its key."""

from __future__ import annotations

import hashlib

from pki_as_code.errors import PkiAsCodeError
from pki_as_code.gitplumbing import RevisionTree
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import load_manifests
from pki_as_code.model import CertificateRecord
from pki_as_code.pkix.csr import Csr, parse_csr
from pki_as_code.workspace.view import Workspace


def csr_of(workspace: Workspace, record: CertificateRecord) -> bytes | None:
    """
    Return the CSR (DER) that a certificate has its key from.

    That of its manifest as it is now, else as it was when the certificate was asked for; None when
    neither has that key (an adopted certificate, history that was cut off).
    """
    loaded = workspace.loaded.manifests.of(Certificate).get(record.object_id)
    if loaded is not None and (csr := _with_key(loaded.csr, record)):
        return csr.der
    if not record.commit or not record.path:
        return None
    try:
        tree = RevisionTree(workspace.repository, record.commit)
        before = load_manifests(tree, paths={record.path}).manifests
    except PkiAsCodeError:
        return None
    loaded = before.of(Certificate).get(record.object_id)
    csr = _with_key(loaded.csr, record) if loaded else None
    return csr.der if csr else None


def _with_key(data: bytes | None, record: CertificateRecord) -> Csr | None:
    """Return the CSR in `data` when it is for the key of that certificate."""
    if data is None:
        return None
    try:
        csr = parse_csr(data)
    except PkiAsCodeError:
        return None
    same = hashlib.sha256(csr.public_key_der).hexdigest() == record.public_key_sha256
    return csr if same else None
