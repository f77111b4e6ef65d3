"""Read the manifests of a directory and verify their CSRs, and no more: a limit for `validate`."""

from __future__ import annotations

import sys
from pathlib import Path

import yaml
from cryptography import x509


def main() -> None:
    directory = Path(sys.argv[1])
    for path in directory.glob("*.yaml"):
        manifest = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        csr = x509.load_pem_x509_csr((directory / manifest["spec"]["csrFile"]).read_bytes())
        assert csr.is_signature_valid


if __name__ == "__main__":
    main()
