"""Reads an organiser's entry list: sniff, map, clean, stage, diff, apply.

`sniff`, `mapping`, `sources`, `clean`, `dates`, `races` and `entries` are pure: no Django, database or clock.
"""
