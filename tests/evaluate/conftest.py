"""One small real case, and targets made of it."""

from __future__ import annotations

import pytest

from volsweep.evaluate import read_cases


@pytest.fixture(scope="session")
def hippocampus(cases):
    """A small MR case with two labels."""
    return next(c for c in read_cases(cases, "dev", ["hippocampus"]) if c.name == "hippocampus_383")
