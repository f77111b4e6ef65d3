"""
Pure decisions: from manifests, what the store observed, and a time, to a plan.

No clock, no disk, no key: what is needed comes in as an argument.
"""
