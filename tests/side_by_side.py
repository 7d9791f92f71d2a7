"""Which tests of a parallel run stay together: a file, and all that start processes, which would slow each other.

xdist's own groups hang on an attribute of tests that pytest 9.2 no longer has.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


def group_of(test: str) -> str:
    """The group of a test by its address, such as `tests/e2e/test_kills.py::test_x`."""
    file = test.partition("::")[0]
    return "e2e" if "e2e" in file.split("/") else file


class ByGroup(LoadScopeScheduling):
    """One process after the other takes the next whole group."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
