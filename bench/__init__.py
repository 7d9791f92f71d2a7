"""Measurements: `aidstation bench NAME`, and `python -m bench.rendering` and `bench.smtp_engine` for two parts alone.

Their figures are in docs/performance.md. They measure `campaigns` from outside, which never imports them.
"""
