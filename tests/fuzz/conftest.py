"""How many examples hypothesis makes at night: many, in batches, until the time is over.

``--hypothesis-profile=nightly`` runs every test again and again, `BATCH` examples at a time, until it has had
`NIGHTLY` of them or `--fuzz-minutes` have passed, and says at the end how many there were. In one run of ten thousand
hypothesis remembers each one, and grows slower with all of them.
"""

from __future__ import annotations

import functools
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

NIGHTLY, BATCH = 10_000, 250
_RAN = pytest.StashKey[dict[str, str]]()

settings.register_profile(
    "nightly",
    max_examples=BATCH,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


def pytest_addoption(parser) -> None:
    group = parser.getgroup("fuzz")
    group.addoption("--fuzz-minutes", type=float, default=30, help="of each test that hypothesis runs at night")


def pytest_configure(config) -> None:
    config.stash[_RAN] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem) -> bool | None:
    """Run a test of hypothesis in batches."""
    test = pyfuncitem.obj
    if not hasattr(test, "hypothesis") or pyfuncitem.config.getoption("hypothesis_profile", None) != "nightly":
        return None
    given = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    counted, began = Counted(test.hypothesis.inner_test), time.monotonic()
    whole, test.hypothesis.inner_test = test.hypothesis.inner_test, counted.test
    end = began + 60 * pyfuncitem.config.getoption("fuzz_minutes")
    try:
        while counted.number < NIGHTLY and time.monotonic() < end:
            before = counted.number
            test(**given)
            if counted.number - before < BATCH / 5:  # there are no others
                break
    finally:
        test.hypothesis.inner_test = whole
        seconds = time.monotonic() - began
        pyfuncitem.config.stash[_RAN][pyfuncitem.name] = f"{counted.number} examples in {seconds / 60:.1f} min"
    return True


class Counted:
    """A test, and how often it was run."""

    def __init__(self, test: Any) -> None:
        self.number = 0

        @functools.wraps(test)
        def run(*args: Any, **more: Any) -> None:
            self.number += 1
            test(*args, **more)

        self.test = run


def pytest_terminal_summary(terminalreporter, config) -> None:
    for name, ran in config.stash[_RAN].items():
        terminalreporter.write_line(f"{name}: {ran}")
