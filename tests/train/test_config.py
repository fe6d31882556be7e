"""Configurations of a run."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from volsweep.train.config import TrainConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"made": 0.7, "lesions": 0.6},
        {"steps": 0},
        {"lr": -1},
        {"batch": 0, "blocks": 0, "planes": 0},
        {"body_lr": 0},
    ],
)
def test_configurations_that_cannot_work(tmp_path, wrong):
    with pytest.raises(ValidationError):
        TrainConfig(output=tmp_path, **wrong)
