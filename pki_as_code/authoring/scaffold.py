"""A repository that works at once: what `pkictl init` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pki_as_code.authoring.manifests import make_manifest, manifest_bytes
from pki_as_code.manifests.schema import all_schemas
from pki_as_code.model import AUTHORITY, JsonValue

GITIGNORE = """\
# Private keys never belong in git. pkictl refuses to make one where git would take it.
/keys/
*.key
*.p12
*.pfx

# Where `--store sqlite:///issued.db` records what was issued.
*.db
*.db-shm
*.db-wal
"""

README = """\
# {name}

This repository is a PKI. What is merged here is issued by `pkictl` (Python package `pki-as-code`).

    pkictl new certificate web --csr web.csr    # write a manifest from a CSR
    pkictl validate                             # check it
    git add -A && git commit -m "Request web"
    pkictl plan                                 # what would be issued
    pkictl reconcile                            # issue it
    pkictl dump_cert web -b chain.pem           # the certificate and its chain

| place | what it holds |
|--|--|
| `pki.yaml` | settings of the project |
| `authorities/` | certification authorities |
| `profiles/` | kinds of certificates, beside client, server, webserver, enduser, ocsp |
| `certificates/<team>/` | certificates, one manifest and one CSR each |
| `revocations/` | what was revoked |
| `schemas/` | for editors: completion and checks as you type |

The authorities' private keys are in `keys/`, which git ignores. Back them up, apart from this
repository. What was issued is recorded on the branch `pki-issued`; `pkictl store verify` checks it.
"""


@dataclass(frozen=True, slots=True)
class AuthorityKeys:
    """What keys the two authorities get: type, and bits or curve where the type has them."""

    type: str = "EC"
    size: int | None = None
    curve: str | None = None

    def manifest(self, name: str) -> dict[str, JsonValue]:
        fields = {"type": self.type, "size": self.size, "curve": self.curve}
        given = {field: value for field, value in fields.items() if value is not None}
        return {"uri": f"file:keys/{name}.pem", **given}


def scaffold(
    name: str, keys: AuthorityKeys, base_url: str | None, more_readme: str = ""
) -> dict[str, bytes]:
    """Return the files of a new repository, path -> content; `more_readme` ends its README."""
    files = {
        ".gitignore": GITIGNORE.encode(),
        "README.md": (README.format(name=name) + more_readme).encode(),
        "certificates/.gitkeep": b"",
    }
    project = {
        "baseUrl": base_url,
        "defaults": {"issuer": "issuing", "profile": "webserver", "validity": "90d"},
    }
    for path, manifest in (
        ("pki.yaml", make_manifest("Project", name, project)),
        ("authorities/root.yaml", _authority(f"CN={_escaped(name)} Root CA", keys, "root")),
        (
            "authorities/issuing.yaml",
            _authority(f"CN={_escaped(name)} Issuing CA", keys, "issuing"),
        ),
        ("profiles/internal-server.yaml", make_manifest("Profile", "internal-server", PROFILE)),
    ):
        files[path] = manifest_bytes(manifest, path)
    files |= {f"schemas/v1/{path}": text.encode() for path, text in all_schemas().items()}
    return files


PROFILE: Mapping[str, JsonValue] = {
    "description": "TLS servers inside the company, with keys that last",
    "validity": {"default": "90d", "max": "398d"},
    "keys": {"allowed": ["RSA-3072+", "P-256", "P-384", "Ed25519"]},
    "extensions": {
        "keyUsage": {"critical": True, "value": ["digitalSignature", "keyEncipherment"]},
        "extendedKeyUsage": {"value": ["serverAuth"]},
    },
}


def _authority(subject: str, keys: AuthorityKeys, name: str) -> dict[str, JsonValue]:
    spec: dict[str, JsonValue] = {"subject": subject, "key": keys.manifest(name)}
    if name == "root":
        spec |= {"validity": "7300d", "pathLength": 1}
    else:
        spec |= {"parent": "root", "validity": "3650d", "pathLength": 0}
    return make_manifest(AUTHORITY, name, spec)


def _escaped(text: str) -> str:
    """Keep a name from being read as more of the subject."""
    return "".join(c if c.isalnum() or c in " -_." else " " for c in text).strip() or "Example"
