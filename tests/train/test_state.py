"""The state of a run, saved and read."""

from __future__ import annotations

import pytest
import torch

from volsweep.errors import ModelError
from volsweep.train.loop import train
from volsweep.train.state import CHECKPOINT


def test_a_checkpoint_of_another_network_is_refused(tiny):
    tiny.output.mkdir()
    torch.save({"model": {}}, tiny.output / CHECKPOINT)
    with pytest.raises(ModelError, match="another output"):
        train(tiny)
