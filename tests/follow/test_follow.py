"""From study to study with the bundled network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.followed_patient import grid_around, imaged

from volsweep import LabelVolume
from volsweep.errors import GeometryError, InputError
from volsweep.follow import Fate, follow


@pytest.fixture(scope="module")
def grown(patient, baseline, move):
    later, truth = imaged(patient, grid_around(), move, tuple(1.25 * r for r in patient.radii))
    return follow(*baseline, later), truth, later


def test_the_object_is_found_where_and_as_large_as_it_is(grown, baseline):
    found, truth, _ = grown
    mask = found.labels.mask_zyx(3)
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.85
    (change,) = found.changes
    assert change.fate is Fate.FOUND
    assert change.row()["volume_change_percent"] == pytest.approx((1.25**3 - 1) * 100, abs=25)


def test_identity_stays(grown, baseline):
    found, _, later = grown
    assert found.labels.labels[3] == baseline[1].labels[3]
    assert found.labels.grid is later.grid
    assert set(found.labels.values()) == {3}
    assert [prompt.label for prompt in found.prompts.prompts] == [3]


def test_as_json(grown):
    content = grown[0].to_dict()
    assert content["objects"][0]["fate"] == "found"
    assert content["response"]["category"] == "PD"
    assert "not a diagnosis" in content["response"]["remark"]


def test_what_was_taken_out_is_gone_and_not_drawn(patient, baseline, move):
    later, _ = imaged(patient, grid_around(), move, None)
    found = follow(*baseline, later)
    assert found.changes[0].fate is Fate.GONE
    assert not found.labels.array_zyx.any()
    assert found.response.category == "CR"
    assert found.changes[0].note


def test_empty_labels_and_labels_of_another_grid_are_refused(baseline):
    volume, labels = baseline
    with pytest.raises(InputError, match="nothing to follow"):
        follow(volume, replace(labels, array_zyx=np.zeros_like(labels.array_zyx)), volume)
    other = LabelVolume(labels.array_zyx[1:], grid_around().block((slice(1, 26), slice(0, 72), slice(0, 80))))
    with pytest.raises(GeometryError, match="do not lie on the baseline's voxels"):
        follow(volume, other, volume)
