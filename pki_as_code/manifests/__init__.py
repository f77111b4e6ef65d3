"""
Manifests: what people write, as frozen models.

To add a kind: write its class in a module named after it, then list it in `kinds.KINDS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pki_as_code.manifests.base import API_VERSION, Manifest
    from pki_as_code.manifests.kinds import KIND_BY_NAME, KINDS

__all__ = ["API_VERSION", "KINDS", "KIND_BY_NAME", "Manifest"]

_HOMES: Final = {
    "API_VERSION": "base",
    "KINDS": "kinds",
    "KIND_BY_NAME": "kinds",
    "Manifest": "base",
}
"""Imported when they are asked for: the models take longer to make than a list to print."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
