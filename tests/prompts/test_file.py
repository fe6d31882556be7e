"""The prompt file: round trips in voxels and mm, and errors that name the entry."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from volsweep.errors import PromptError
from volsweep.geometry import Grid
from volsweep.prompts.extent import Extent
from volsweep.prompts.file import check_prompt_file, read_prompts, write_prompts
from volsweep.prompts.kinds import Box, Line, Point, PromptSet
from volsweep.prompts.mask import Mask
from volsweep.volume import Label, Source, Volume

OBLIQUE = np.array([[0.3, 0.1, 0.9, -50], [-0.5, 1.1, 0.1, 20], [4.0, 0.2, -0.1, 300], [0, 0, 0, 1.0]])
GRID = Grid((12, 40, 60), OBLIQUE)
DRAWN = PromptSet(
    (
        Box(label=1, slice=4, box_xyxy=(10, 8, 30.5, 22)),
        Point(label=1, slice=6, point_xy=(12, 13), positive=False),
        Line(label=2, slice=7, line_xyxy=(5, 6, 20, 30)),
        Point(label=2, plane="sagittal", slice=15, point_xy=(30, 7)),
    ),
    {1: Label("lesion", "#aa0011"), 2: Label("node", "#00bb22", locked=True)},
)


def test_voxel_file_returns_what_was_written(tmp_path):
    mask = Mask.from_array(np.eye(40, 60, dtype=bool), label=3, slice=1)
    drawn = PromptSet((*DRAWN.prompts, mask), DRAWN.labels)
    write_prompts(tmp_path / "p.json", drawn)
    assert read_prompts(tmp_path / "p.json", GRID) == drawn


def test_mm_file_fits_another_grid_of_the_same_patient(tmp_path):
    write_prompts(tmp_path / "p.json", DRAWN, lps_of=GRID)
    assert read_prompts(tmp_path / "p.json", GRID).labels == DRAWN.labels
    for was, now in zip(DRAWN.prompts, read_prompts(tmp_path / "p.json", GRID).prompts, strict=True):
        assert (now.kind, now.label, now.slice, now.plane) == (was.kind, was.label, was.slice, was.plane)
        np.testing.assert_allclose(now.extent_xyxy(), was.extent_xyxy(), atol=1e-4)
    # The same volume cut and stored upside down: slices counted from the other end, rows from 5.
    turned = OBLIQUE.copy()
    turned[:3, 3] = (OBLIQUE @ [11, 5, 0, 1])[:3]
    turned[:3, 0] *= -1
    box = read_prompts(tmp_path / "p.json", Grid((12, 35, 60), turned)).prompts[0]
    assert box.slice == 11 - 4
    np.testing.assert_allclose(box.box_xyxy, (10, 3, 30.5, 17), atol=1e-4)


def test_masks_cannot_be_written_in_mm(tmp_path):
    mask = Mask.from_array(np.eye(40, 60, dtype=bool), label=3, slice=1)
    with pytest.raises(PromptError, match="voxels"):
        write_prompts(tmp_path / "p.json", PromptSet((mask,)), lps_of=GRID)


BOX = {"kind": "box", "label": 1, "slice": 4, "box_xyxy": [1, 2, 3, 4]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "something"}, "not a prompt file"),
        ({"version": 2}, "not a prompt file of version 1.*version"),
        ({"coordinates": "pixels"}, "coordinates"),
        ({"prompts": [BOX, {**BOX, "slice": 99}]}, "prompt 2: slice 99 is outside"),
        ({"prompts": [{**BOX, "box_xyxy": [1, 2, 3]}]}, "prompt 1: .*box_xyxy"),
        ({"prompts": [{**BOX, "kind": "ring"}]}, "prompt 1"),
        ({"labels": {"1": {"name": "x", "color": "red"}}}, "color"),
        ({"coordinates": "lps_mm", "prompts": [{"kind": "point", "label": 1}]}, "prompt 1: points_lps_mm"),
    ],
)
def test_errors_name_the_entry(tmp_path, change, words):
    content = {"schema": "volsweep-prompts", "version": 1, "prompts": [BOX], **change}
    (tmp_path / "p.json").write_text(json.dumps(content))
    with pytest.raises(PromptError, match=words):
        read_prompts(tmp_path / "p.json", GRID)


def test_mm_prompt_across_slices_is_refused(tmp_path):
    ends = GRID.to_lps_mm([[4, 8, 10], [6, 22, 30]]).tolist()
    entry = {"kind": "line", "label": 1, "points_lps_mm": ends}
    content = {"schema": "volsweep-prompts", "version": 1, "coordinates": "lps_mm", "prompts": [entry]}
    (tmp_path / "p.json").write_text(json.dumps(content))
    with pytest.raises(PromptError, match="different axial slices"):
        read_prompts(tmp_path / "p.json", GRID)


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00", '{"prompts": 3}'])
def test_files_that_are_not_prompts(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(PromptError, match="not a prompt file"):
        read_prompts(tmp_path / "p.json", GRID)


def test_missing_file(tmp_path):
    with pytest.raises(PromptError, match="cannot be read"):
        read_prompts(tmp_path / "none.json", GRID)


def volume_on(grid: Grid, series: str | None = "1.2.3", frame: str | None = "1.9") -> Volume:
    source = Source(Path("series"), "dicom", series_uid=series, frame_of_reference_uid=frame)
    return Volume(np.zeros(grid.shape_zyx, dtype=np.uint8), grid, "CT", source=source)


def flipped(grid: Grid) -> Grid:
    """The same voxels, rows counted from the other end, as dcm2niix writes them."""
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_lps_mm([0, grid.shape_zyx[1] - 1, 0])
    affine[:3, 1] *= -1
    return Grid(grid.shape_zyx, affine)


def test_a_file_that_says_its_volume_is_placed_by_millimetres(tmp_path):
    mask = np.zeros((40, 60), dtype=bool)
    mask[3:9, 20:31] = True
    drawn = PromptSet((*DRAWN.prompts, Mask.from_array(mask, label=3, slice=2)), DRAWN.labels)
    write_prompts(tmp_path / "p.json", drawn, of=volume_on(GRID))
    same = read_prompts(tmp_path / "p.json", volume_on(GRID))
    assert same == drawn
    assert same.notes == ()
    there = flipped(GRID)
    found = read_prompts(tmp_path / "p.json", volume_on(there, None, None))
    assert "placed on this one by millimetres" in found.notes[0]
    assert found.prompts[0].box_xyxy == pytest.approx((10, 39 - 22, 30.5, 39 - 8))
    np.testing.assert_array_equal(found.prompts[-1].to_array(), mask[::-1])
    for was, now in zip(drawn.prompts[:-1], found.prompts[:-1], strict=True):
        corners = [
            np.sort(
                grid.to_lps_mm(np.insert(p.points_xy()[:, ::-1], grid.plane_axis(p.plane), p.slice, axis=1)), axis=0
            )
            for p, grid in ((was, GRID), (now, there))
        ]
        if was.kind != "box":  # a box's other two corners are named, where rows run the other way
            np.testing.assert_allclose(*corners, atol=1e-6)


def test_prompts_of_another_patient_are_refused_unless_anyway(tmp_path):
    write_prompts(tmp_path / "p.json", DRAWN, of=volume_on(GRID))
    for frame in ("1.8", None):
        other = volume_on(flipped(GRID), "1.2.4", frame)
        with pytest.raises(
            PromptError, match=r"another volume, series 1\.2\.3, and this one is series 1\.2\.4.*anyway=True"
        ):
            read_prompts(tmp_path / "p.json", other)
        found = read_prompts(tmp_path / "p.json", other, anyway=True)
        assert found == DRAWN
        assert "taken as they are" in found.notes[0]
    # Another series of the same examination shares the patient's position.
    assert read_prompts(tmp_path / "p.json", volume_on(GRID, "1.2.4")) == DRAWN


@pytest.mark.parametrize(
    ("moved_mm", "why"), [((500, 0, 0), "has no place in this one: "), ((0, 0, 0), "different axial")]
)
def test_prompts_with_no_place_on_another_grid_are_told_as_that(tmp_path, moved_mm, why):
    """Neither file has a UID: only the grids say that one is not the other's."""
    write_prompts(tmp_path / "p.json", PromptSet(DRAWN.prompts[:1], DRAWN.labels), of=GRID)
    affine = GRID.affine.copy()
    affine[:3, 3] += moved_mm
    if not any(moved_mm):  # a head that leans over
        affine[:3, :3] = np.array([[0.8, 0, -0.6], [0, 1, 0], [0.6, 0, 0.8]]) @ affine[:3, :3]
    other = Grid(GRID.shape_zyx, affine)
    size = " x ".join(map(str, GRID.shape_zyx))
    with pytest.raises(PromptError, match=rf"drawn on another volume \({size} voxels\).*{why}.*\(anyway=True\)"):
        read_prompts(tmp_path / "p.json", other)
    assert read_prompts(tmp_path / "p.json", other, anyway=True).prompts == DRAWN.prompts[:1]


def test_a_mask_between_the_voxels_of_another_grid_is_refused(tmp_path):
    write_prompts(
        tmp_path / "p.json", PromptSet((Mask.from_array(np.eye(40, 60, dtype=bool), label=1, slice=4),)), of=GRID
    )
    shifted = GRID.affine.copy()
    shifted[:3, 3] += 0.4 * shifted[:3, 1]
    with pytest.raises(PromptError, match=r"prompt 1: .*a mask prompt on axial slice 4 does not lie on the voxels"):
        read_prompts(tmp_path / "p.json", Grid(GRID.shape_zyx, shifted))


def test_a_file_that_does_not_say_its_volume_is_told(tmp_path):
    write_prompts(tmp_path / "p.json", DRAWN)
    assert "p.json does not say which volume" in read_prompts(tmp_path / "p.json", GRID).notes[0]


@pytest.mark.parametrize(
    "volume",
    [
        {"shape_zyx": [12, 40, 60], "affine": [[1, 0, 0, 0]] * 3},
        {"shape_zyx": [12, 40, 60], "affine": [[0, 0, 0, 0]] * 4},
        {"shape_zyx": [0, 40, 60], "affine": np.eye(4).tolist()},
        {"affine": np.eye(4).tolist()},
    ],
)
def test_a_volume_that_cannot_be_is_refused(tmp_path, volume):
    content = {"schema": "volsweep-prompts", "version": 1, "volume": volume, "prompts": [BOX]}
    (tmp_path / "p.json").write_text(json.dumps(content))
    with pytest.raises(PromptError):
        read_prompts(tmp_path / "p.json", GRID)


def test_hand_written_prompts_are_about_the_slices_as_they_are_stacked(tmp_path):
    coronal = Grid((12, 40, 60), np.array([[0, 0, 1, 0], [4.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]]))
    (tmp_path / "p.json").write_text(json.dumps({"schema": "volsweep-prompts", "version": 1, "prompts": [BOX]}))
    assert read_prompts(tmp_path / "p.json", coronal).prompts[0].plane == "coronal"


EXTENTS = (Extent(label=1, first=2, last=9), Extent(label=2, plane="sagittal", last=50), Extent(label=3, first=4))


def test_extents_are_written_only_where_there_are_some_and_read_again(tmp_path):
    write_prompts(tmp_path / "p.json", DRAWN)
    assert "extents" not in json.loads((tmp_path / "p.json").read_text())
    told = replace(DRAWN, extents=EXTENTS)
    write_prompts(tmp_path / "p.json", told)
    assert read_prompts(tmp_path / "p.json", GRID) == told
    check_prompt_file(tmp_path / "p.json")


@pytest.mark.parametrize("in_mm", [False, True])
def test_extents_find_their_slices_where_these_are_counted_from_the_other_end(tmp_path, in_mm):
    told = PromptSet(DRAWN.prompts[:1], extents=EXTENTS)
    write_prompts(tmp_path / "p.json", told, of=volume_on(GRID), lps_of=GRID if in_mm else None)
    affine = OBLIQUE.copy()
    affine[:3, 3] = (OBLIQUE @ [11, 0, 0, 1])[:3]
    affine[:3, 0] *= -1
    there = volume_on(Grid(GRID.shape_zyx, affine))
    found = read_prompts(tmp_path / "p.json", there).extents
    assert [extent.ends for extent in found] == [(11 - 9, 11 - 2), (None, 50), (None, 11 - 4)]
    cut = volume_on(Grid((6, 40, 60), OBLIQUE))
    with pytest.raises(PromptError, match=r"extent 1: .*the extent of label 1 ends beyond the axial slices"):
        read_prompts(tmp_path / "p.json", cut)


def test_a_wrong_extent_is_named(tmp_path):
    content = {"schema": "volsweep-prompts", "version": 1, "prompts": [BOX], "extents": [{"label": 1, "last": 99}]}
    (tmp_path / "p.json").write_text(json.dumps(content))
    with pytest.raises(PromptError, match="ends on slice 99"):
        read_prompts(tmp_path / "p.json", GRID)
    content["extents"] = [{"label": 0}]
    (tmp_path / "p.json").write_text(json.dumps(content))
    with pytest.raises(PromptError, match="extent 1: label"):
        check_prompt_file(tmp_path / "p.json")
