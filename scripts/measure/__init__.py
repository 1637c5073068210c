"""Measures brokers with loadgen and writes reports: behind scripts/bench, tune, memory and latency.

Only `charts` needs matplotlib; everything else is the standard library of Python 3.11.
"""
