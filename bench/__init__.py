"""Measurements: run one with `python -m bench.NAME`; its figures are in docs/performance.md."""
