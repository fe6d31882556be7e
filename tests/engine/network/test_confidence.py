"""What a network's probabilities say of its mask."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.engine.network.build import build
from volsweep.engine.network.net import Calibration, soft_dice
from volsweep.errors import ModelError
from volsweep.models import find_model


def edge(width: float) -> np.ndarray:
    """A disk of radius 12 whose probability falls over `width` pixels around the outline."""
    y, x = np.mgrid[:48, :48] - 23.5
    return ((12 - np.hypot(y, x)) / width * 4).astype(np.float32)


def test_the_mean_overlap_with_masks_drawn_by_the_probabilities():
    """Borges et al.: with many pixels it is the expected overlap with a random truth of these probabilities."""
    logits = edge(6.0)
    chance = 1 / (1 + np.exp(-logits.astype(float)))
    rng = np.random.default_rng(0)
    mask = logits > 0
    drawn = rng.random((400, *mask.shape)) < chance
    overlaps = [2 * (mask & one).sum() / (mask.sum() + one.sum()) for one in drawn]
    assert soft_dice(logits) == pytest.approx(np.mean(overlaps), abs=0.01)


def test_hesitation_lowers_it_and_a_sharp_outline_is_sure():
    values = [soft_dice(edge(width)) for width in (0.5, 2, 8, 24)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.97
    assert soft_dice(np.full((9, 9), -20, np.float32)) == pytest.approx(1, abs=1e-3)  # surely nothing


def test_a_calibration_is_monotonous_and_bounded():
    calibration = Calibration(18, -15)
    expected = [calibration.expected_dice(edge(width)) for width in (0.5, 2, 8, 24)]
    assert expected == sorted(expected, reverse=True)
    assert 0 < expected[-1] < expected[0] < 1


def test_the_bundled_network_is_calibrated_and_sam2_is_not():
    assert build(find_model("volsweep-nano").config_path).calibration is not None
    assert Calibration.of(None) is None


@pytest.mark.parametrize("described", [{"slope": 1}, {"slope": "steep", "offset": 0}, 3, {"slope": None, "offset": 1}])
def test_anything_else_is_refused_with_its_value(described):
    with pytest.raises(ModelError, match="slope and an offset"):
        Calibration.of(described)


def test_masks_that_clicks_made_may_have_a_curve_of_their_own():
    described = {"slope": 18, "offset": -15, "corrected": {"slope": 8, "offset": -4}}
    assert Calibration.of(described) == Calibration(18, -15, Calibration(8, -4))
    with pytest.raises(ModelError, match="slope and an offset"):
        Calibration.of({**described, "corrected": {"slope": 8}})
