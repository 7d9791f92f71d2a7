"""The API for other programs, at /api/v1/: typed functions, each behind a token of one event."""
