"""Lists as Postgres writes arrays. The driver would put them together element by element, most of the time of a settle.

The statement says of which type they are: `%s::bigint[]`.
"""

from collections.abc import Sequence


def numbers(values: Sequence[int | None]) -> str:
    """For `bigint[]` and `int[]`; None is NULL."""
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


def words(values: Sequence[str]) -> str:
    """For `text[]` (Postgres's manual, 8.15.6): each in quotes, a quote or backslash of its own behind a backslash."""
    if not values:
        return "{}"
    joined = "".join(values)
    if '"' in joined or "\\" in joined:
        values = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(values) + '"}'
