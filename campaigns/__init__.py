"""The domain of Aid Station: who is written to, about what, when, and what became of it."""
