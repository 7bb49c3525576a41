"""Scenarios: each a class with prepare() (nothing is armed yet), run() (until it was killed), again() and check()."""
