"""One small real case, and what every protocol makes of it on an engine of arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.tiny_engine import TinySession

from volsweep.evaluate import Options, Protocol, Report, evaluate, read_cases


@pytest.fixture(scope="session")
def hippocampus(cases):
    """A small MR case with two labels."""
    return next(c for c in read_cases(cases, "dev", ["hippocampus"]) if c.name == "hippocampus_383")


@pytest.fixture(scope="session")
def report(hippocampus) -> Report:
    """Every protocol and baseline on its first label, run once for all tests that read it; no network."""
    options = Options(protocols=tuple(Protocol), jitter=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("volsweep.evaluate.evaluation.Session", TinySession)
        return evaluate([replace(hippocampus, labels=(1,))], options=options)
