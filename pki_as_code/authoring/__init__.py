"""
Manifests that commands and forms write: where a file goes, what stands in it.

Pure: content in, content out. `apply.submit` checks and writes it.
"""
