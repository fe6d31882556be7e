"""A patient's two studies."""

from __future__ import annotations

import pytest
from support.followed_patient import Patient, first_study, six_degrees, someone

from volsweep import LabelVolume, Volume
from volsweep.geometry import FloatArray


@pytest.fixture(scope="session")
def patient() -> Patient:
    return someone()


@pytest.fixture(scope="session")
def baseline(patient) -> tuple[Volume, LabelVolume]:
    return first_study(patient)


@pytest.fixture(scope="session")
def move() -> FloatArray:
    return six_degrees()
