"""Only a DICOM SEG says who made it, and only somebody who is named: one rule, for whoever writes labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import volsweep
from volsweep.errors import OutputError
from volsweep.geometry import Grid
from volsweep.io.writing.signed import can_be_signed, signed_by
from volsweep.volume import LabelVolume

NAMES = {
    "x.seg.dcm": True,
    "x.dcm": True,
    "x.rtstruct.dcm": False,
    "x.nii.gz": False,
    "x.nrrd": False,
    "x.seg.nrrd": False,
}


@pytest.mark.parametrize(("name", "may"), NAMES.items())
def test_a_seg_alone_has_a_place_for_it(name, may):
    assert can_be_signed(Path(name)) is may
    with pytest.raises(OutputError, match="nobody is named to sign; give reader="):
        signed_by(Path(name), "")
    if may:
        assert signed_by(Path(name), "AB") == "AB"
        return
    with pytest.raises(OutputError, match=f"{name} has no place for who made it; only a DICOM SEG has"):
        signed_by(Path(name), "AB")


def test_what_is_said_to_be_a_seg_is_one_whatever_its_name():
    assert not can_be_signed(Path("x.dcm"), "rtstruct")
    assert can_be_signed(Path("x.rtstruct.dcm"), "seg")


def test_labels_are_not_written_where_the_rule_refuses(tmp_path):
    grid = Grid.axis_aligned((2, 3, 4), (1, 1, 1))
    with pytest.raises(OutputError, match="only a DICOM SEG has"):
        volsweep.write_labels(tmp_path / "x.nii.gz", LabelVolume(np.zeros(grid.shape_zyx, np.uint8), grid), creator="A")
    assert not list(tmp_path.iterdir())
