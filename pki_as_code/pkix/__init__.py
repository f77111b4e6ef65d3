"""X.509 as RFC 5280 profiles it. Knows nothing of YAML, files or private keys at rest."""
