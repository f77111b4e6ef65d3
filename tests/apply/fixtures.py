"""The fixtures of `site.py`, for the conftest of each directory whose tests act on sites."""

from __future__ import annotations

from tests.apply.site import bare_site, bare_template, directory, git_identity, site, template

__all__ = ["bare_site", "bare_template", "directory", "git_identity", "site", "template"]
