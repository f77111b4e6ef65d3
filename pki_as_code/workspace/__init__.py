"""
The read side: manifests and store side by side. `apply` is where things change.

`view.py` holds both and plans, `opening.py` opens them, `validation.py` checks manifests alone,
`lookup.py` finds what people name, `status.py` tells how things stand.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pki_as_code.workspace.opening import load_repository, open_workspace
    from pki_as_code.workspace.view import Workspace

__all__ = ["Workspace", "load_repository", "open_workspace"]

_HOMES: Final = {
    "Workspace": "view",
    "load_repository": "opening",
    "open_workspace": "opening",
}
"""Imported when they are asked for: who looks at the store alone needs no manifests."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
