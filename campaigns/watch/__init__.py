"""Watching: what a supervisor, a graph and a person at night need to know of a running station."""
