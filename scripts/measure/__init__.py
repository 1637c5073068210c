"""Measures brokers with loadgen and writes reports: behind scripts/bench and scripts/tune.

Only `charts` needs matplotlib; everything else is the standard library of Python 3.11.
"""
