"""Fixtures shared by the whole suite: real cases where they are at hand, and a fixed seed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


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
