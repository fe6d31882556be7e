"""Prompts from labels: the largest slice of each, as a box, a line or a mask."""

from __future__ import annotations

import numpy as np
import pytest

from volsweep.errors import PromptError
from volsweep.geometry import Grid
from volsweep.prompts.kinds import Box, Line
from volsweep.prompts.labels import prompts_from_labels
from volsweep.prompts.mask import Mask
from volsweep.volume import Label, LabelVolume


@pytest.fixture
def labels() -> LabelVolume:
    array = np.zeros((9, 30, 40), dtype=np.uint8)
    array[2:6, 10:14, 20:30] = 3
    array[4, 9:15, 19:31] = 3  # the largest axial slice
    array[7, 2:5, 2:4] = 8
    return LabelVolume(array, Grid.axis_aligned(array.shape, (3.0, 0.5, 0.5)), {8: Label("Lesion", "#ff0000")})


def test_the_largest_slice_becomes_a_box(labels):
    found = prompts_from_labels(labels)
    assert found.prompts == (
        Box(label=3, slice=4, box_xyxy=(19, 9, 30, 14)),
        Box(label=8, slice=7, box_xyxy=(2, 2, 3, 4)),
    )
    assert found.labels[8] == Label("Lesion", "#ff0000")


def test_other_planes_labels_and_slices(labels):
    sagittal = prompts_from_labels(labels, plane="sagittal", only=[3]).prompts[0]
    assert (sagittal.plane, sagittal.slice, sagittal.box_xyxy) == ("sagittal", 20, (9, 2, 14, 5))
    assert [p.label for p in prompts_from_labels(labels, only=["lesion"]).prompts] == [8]
    assert prompts_from_labels(labels, only=["3"], slices=(0, 3)).prompts[0].slice == 2
    with pytest.raises(PromptError, match=r"8 \(Lesion\) has no voxels on slices \(0, 3\)"):
        prompts_from_labels(labels, slices=(0, 3))
    with pytest.raises(PromptError, match="no label 'liver'; there are: 3 object 3, 8 Lesion"):
        prompts_from_labels(labels, only=["liver"])
    with pytest.raises(PromptError, match="nothing to prompt"):
        prompts_from_labels(labels.with_array(np.zeros_like(labels.array_zyx)))


def test_masks_and_lines(labels):
    mask = prompts_from_labels(labels, kind="mask", only=[3]).prompts[0]
    assert isinstance(mask, Mask)
    assert np.array_equal(mask.to_array(), labels.array_zyx[4] == 3)
    line = prompts_from_labels(labels, kind="line", only=[3]).prompts[0]
    assert isinstance(line, Line)
    x0, y0, x1, y1 = line.line_xyxy
    assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(np.hypot(12, 6), abs=1.0)
