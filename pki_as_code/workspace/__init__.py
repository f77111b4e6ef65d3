"""
The read side: manifests and store side by side. `apply` is where things change.

`view.py` holds both and plans, `opening.py` opens them, `validation.py` checks manifests alone,
`lookup.py` finds what people name, `status.py` tells how things stand.
"""

from __future__ import annotations

from pki_as_code.workspace.opening import load_repository, open_workspace
from pki_as_code.workspace.view import Workspace

__all__ = ["Workspace", "load_repository", "open_workspace"]
