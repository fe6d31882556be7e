"""What readers drew, as it is read from a report or a presentation state; what becomes of it is tests/prompts'."""

from __future__ import annotations

import numpy as np
import pytest
from support.annotation_files import (
    graphic,
    group,
    headers_of,
    measured,
    region,
    region_3d,
    write_presentation,
    write_report,
)
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.errors import InputError
from volsweep.io.derived.annotations import read_annotations


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    return headers_of(write_series(folder, pattern(4, 40, 50), along(AXIAL, 4, 3.0)))


def test_a_report_is_read_with_its_groups_and_images(images, tmp_path):
    outline = group("node", region(images[1], "POLYLINE", [[4.5, 4.5], [9.5, 4.5], [9.5, 9.5], [4.5, 4.5]]))
    axes = group("mass", None, measured(images[2], {"long": [[5, 5], [25, 5]], "short": [[9, 2], [9, 8]]}), images[2])
    found = read_annotations(write_report(tmp_path / "sr.dcm", images, [outline, axes]))
    node, long, short = found.found
    assert (node.name, node.shape) == ("node", "outline")
    assert node.points.tolist() == [[4, 4], [9, 4], [9, 9]]  # half a pixel off, and closed by itself
    assert node.images == ((images[1].SOPInstanceUID, None),)
    assert [(a.name, a.shape) for a in (long, short)] == [("mass", "line")] * 2
    assert long.group == short.group != node.group


def test_millimetres_keep_their_frame_of_reference(images, tmp_path):
    square = np.array([[0, 0, 3], [9, 0, 3], [9, 9, 3], [0, 9, 3], [0, 0, 3.0]])
    path = write_report(tmp_path / "sr.dcm", images, [group("x", region_3d("1.2.3", "POLYGON", square))])
    (found,) = read_annotations(path).found
    assert found.points.shape[1] == 3
    assert found.frame_of_reference_uid == "1.2.3"
    assert found.images == ()


def test_what_is_on_the_display_is_left_out_and_counted(images, tmp_path):
    drawn = [graphic("POINT", [[7.5, 9.5]]), graphic("POINT", [[0.5, 0.5]], units="DISPLAY")]
    found = read_annotations(write_presentation(tmp_path / "pr.dcm", images, [(0, drawn)]))
    assert [a.points.tolist() for a in found.found] == [[[7, 9]]]
    assert found.left_out == ("1 graphics placed on the display (DISPLAY)",)


def test_other_objects_are_none_of_its_business(images, tmp_path):
    images[0].save_as(tmp_path / "ct.dcm", enforce_file_format=True)
    assert read_annotations(tmp_path / "ct.dcm") is None
    alone = [graphic("POINT", [[0.5, 0.5]], units="DISPLAY")]
    with pytest.raises(InputError, match=r"without a point, line or outline.*on the display"):
        read_annotations(write_presentation(tmp_path / "pr.dcm", images, [(0, alone)]))
