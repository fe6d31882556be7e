"""Fixtures shared by the whole suite: real cases where they are at hand, and a fixed seed."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

# Here and in the processes that tests start: on busy cores a network's threads wait for each other, and waste both.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Nor does a developer's own file of defaults decide what tests find.
os.environ["VOLSWEEP_DEFAULTS"] = str(Path(__file__).with_name("no-defaults.json"))

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parents[1]

# One profile for every room's tests, alone or in the whole suite. Nothing is asserted of time: neither how long an
# example takes, nor how long one is looked for on a busy machine.
settings.register_profile(
    "suite", max_examples=20, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
settings.load_profile("suite")


def pytest_collection_finish() -> None:
    """Leave what was imported out of every later search for garbage: napari makes one for each layer it removes."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def garbage_is_looked_for():
    """A window of another room's tests has it looked for in its own thread alone, when that rests: it may not here."""
    limits = zip(gc.get_count(), gc.get_threshold(), strict=True)
    due = [generation for generation, (count, limit) in enumerate(limits) if 0 < limit < count]
    if due and not gc.isenabled():
        gc.collect(due[-1])


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of real volumes and DICOM series; the test skips where it is not at hand."""
    folder = Path(os.environ.get("VOLSWEEP_CASES", REPOSITORY.parent / "shared" / "cases"))
    if not (folder / "cases.json").is_file():
        pytest.skip(f"needs real cases: none in {folder} (set VOLSWEEP_CASES)")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers that are the same in every run."""
    return np.random.default_rng(20261121)


@pytest.fixture
def call(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Run the command as the shell would: exit code, standard output, standard error."""
    from volsweep.cli import main

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["volsweep", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            main()
        out, err = capsys.readouterr()
        return leaving.value.code, out, err

    return run


@pytest.fixture
def on_arithmetic():
    """Jobs run on an engine of arithmetic, where a test is about what is around them."""
    from support.tiny_engine import TinySession

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("volsweep.job.run.Session", TinySession)
        yield


@pytest.fixture
def server(tmp_path):
    """A server on loopback whose sessions run on arithmetic; `loaded` is what each of its engines was made of."""
    from support.live_server import options_of, serving, tiny_load

    loaded = []

    def load(*given):
        loaded.append(given)
        return tiny_load(*given)

    with serving(options_of(tmp_path), tmp_path / "served", load=load) as found:
        found.loaded = loaded
        yield found
