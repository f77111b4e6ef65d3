from __future__ import annotations

from tests.apply.site import (
    bare_site,
    bare_template,
    directory,
    git_identity,
    memory_directory,
    site,
    template,
)

__all__ = [
    "bare_site",
    "bare_template",
    "directory",
    "git_identity",
    "memory_directory",
    "site",
    "template",
]
