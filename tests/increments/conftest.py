from __future__ import annotations

from tests.apply.fixtures import *  # noqa: F403 (fixtures are found by their names)
