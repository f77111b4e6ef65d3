"""
Rules in CEL: what policies may say in one expression of their own.

The library is an extra, and never in this process: `evaluator` asks `cel_child`, by way of
`children`. What it says is believed only where it is a clean `true`.
"""
