"""A GitOps issuer of X.509 certificates: a git repository is the whole PKI."""

__version__ = "0.1.0"
