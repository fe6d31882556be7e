"""The prompt file: round trips in voxels and mm, and errors that name the entry."""

from __future__ import annotations

import json

import numpy as np
import pytest

from volsweep.errors import PromptError
from volsweep.geometry import Grid
from volsweep.prompts.file import read_prompts, write_prompts
from volsweep.prompts.kinds import Box, Line, Mask, Point, PromptSet
from volsweep.volume import Label

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
        ({"prompts": [{**BOX, "kind": "scribble"}]}, "prompt 1"),
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
