"""
Planning what can have changed, and nothing else.

Every plan of a commit leaves a memo in the git directory: for each file, when something comes due
about it, what it declares and what it names (`rows.py`), and what was left to do. The next plan
looks at what the commits between, the ledger and the time since can have changed (`scope.py`); for
everything else the memo says that the plan of it is empty. The memo is a cache: without it, or
whenever it does not fit, everything is looked at, and once a day in any case.
"""

from __future__ import annotations
