"""
"No changes", at once: what a run found nothing to do for is noted, and holds until something moves.

Nothing here imports more than git needs: it is what starts before everything else.
"""

from __future__ import annotations
