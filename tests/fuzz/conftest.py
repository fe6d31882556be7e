"""How many examples hypothesis makes: few in the suite, many at night (``--hypothesis-profile=nightly``)."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_COMMON = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}

settings.register_profile("suite", max_examples=20, derandomize=True, **_COMMON)
settings.register_profile("nightly", max_examples=10_000, **_COMMON)


def pytest_configure(config) -> None:
    if not config.getoption("hypothesis_profile", None):
        settings.load_profile("suite")
