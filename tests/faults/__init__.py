"""Faults that tests bring about from outside: the product has no switch for any of them."""
