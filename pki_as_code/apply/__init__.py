"""
The write side: plans are carried out here and nowhere else.

`reconcile.py` runs the loop, `run.py` carries out one plan, `issuers.py` opens keys, `submit.py`
writes manifests for the imperative commands and then does the same as everybody else.
"""
