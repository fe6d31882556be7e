"""One small real case, and targets made of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from volsweep.evaluate import Options, Protocol, Report, evaluate, read_cases


@pytest.fixture(scope="session")
def hippocampus(cases):
    """A small MR case with two labels."""
    return next(c for c in read_cases(cases, "dev", ["hippocampus"]) if c.name == "hippocampus_383")


@pytest.fixture(scope="session")
def report(hippocampus) -> Report:
    """Every protocol and baseline on its first label, run once for all tests that read it."""
    options = Options(protocols=tuple(Protocol), jitter=True)
    return evaluate([replace(hippocampus, labels=(1,))], options=options)
