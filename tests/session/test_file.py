"""Session files and mask files: round trips, and refusals that say what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.errors import InputError, PromptError, SessionError
from volsweep.geometry import Grid, Plane
from volsweep.masks import LabelMasks, SliceMask
from volsweep.prompts.kinds import Box
from volsweep.prompts.source import is_session_file
from volsweep.session.actions import AddPrompts, Propagate
from volsweep.session.file import SessionFile, ViewState, VolumeReference, read_session, write_session
from volsweep.session.mask_file import read_masks, write_masks
from volsweep.volume import Source, Volume

BOX = Box(label=1, slice=3, box_xyxy=(2, 3, 9, 8))
SWEEP = Propagate(labels=(1,), plane="axial", direction="both", first=0, last=5, stride=1, patience=2)


@pytest.fixture
def volume(rng) -> Volume:
    return Volume(rng.integers(-100, 100, (6, 20, 30)).astype(np.int16), Grid.axis_aligned((6, 20, 30)), "CT")


@pytest.fixture
def saved(volume) -> SessionFile:
    view = ViewState(window=(40, 400), slice=3, label=2, hidden=(1,), accepted={1: (2, 4)}, center=(1, 2), zoom=3.5)
    return SessionFile(volume=VolumeReference.of(volume), view=view, actions=(AddPrompts(prompts=(BOX,)), SWEEP))


def test_what_was_written_is_read(saved, tmp_path):
    write_session(tmp_path / "s.json", saved)
    assert read_session(tmp_path / "s.json") == saved
    assert is_session_file(tmp_path / "s.json")


def test_a_session_names_no_patient(tmp_path):
    volume = volsweep.read_volume(sample().series)
    write_session(tmp_path / "s.json", SessionFile(volume=VolumeReference.of(volume)))
    content = json.loads((tmp_path / "s.json").read_text())
    assert set(content["volume"]) == {
        "path", "series_uid", "gaps", "modality", "shape_zyx", "sha256", "affine", "slice_origins_mm"
    }  # fmt: skip


def test_the_volume_is_known_by_its_voxels_wherever_they_came_from(saved, volume):
    big_endian = Volume(volume.array_zyx.astype(">i2"), volume.grid)
    saved.check(big_endian)
    turned = Volume(np.asfortranarray(volume.array_zyx), volume.grid)
    saved.check(turned)
    other = volume.array_zyx.copy()
    other[0, 0, 0] += 1
    with pytest.raises(SessionError, match="another volume: its voxels have sha256"):
        saved.check(Volume(other, volume.grid))
    with pytest.raises(SessionError, match=r"another volume \(CT, 6 slices of 30 × 20; this one: CT, 6 slices of 20"):
        saved.check(Volume(volume.array_zyx.swapaxes(1, 2), Grid.axis_aligned((6, 30, 20)), "CT"))


@pytest.mark.parametrize(
    "grid",
    [
        Grid.axis_aligned((6, 20, 30), (1, 1, 1), (0, 0, 40)),
        Grid.axis_aligned((6, 20, 30), (3, 1, 1)),
        Grid((6, 20, 30), np.array([[0, 0, -1, 29.0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])),
        Grid((6, 20, 30), Grid.axis_aligned((6, 20, 30)).affine, np.array([[0, 0, z**2] for z in range(6)])),
    ],
    ids=["shifted", "re-spaced", "mirrored", "uneven"],
)
def test_the_same_voxels_elsewhere_in_the_patient_are_another_volume(saved, volume, grid, tmp_path):
    write_session(tmp_path / "s.json", saved)
    copy = Volume(volume.array_zyx, grid, "CT")
    with pytest.raises(SessionError, match=r"the voxels are the same, but lie up to \d+\.\d mm elsewhere"):
        read_session(tmp_path / "s.json").check(copy)
    SessionFile(volume=VolumeReference.of(copy), actions=saved.actions).check(copy)
    before = saved.volume.model_copy(update={"affine": None, "slice_origins_mm": None})
    saved.model_copy(update={"volume": before}).check(copy)  # files of before know no better


def test_another_series_is_another_volume(saved, volume):
    def of(uid):
        return replace(volume, source=Source(Path("s"), "dicom", series_uid=uid))

    one = SessionFile(volume=VolumeReference.of(of("1.2.3")))
    one.check(of("1.2.3"))
    one.check(of(None))
    with pytest.raises(SessionError, match=r"on series 1\.2\.3, and this one is 1\.2\.4; open the series"):
        one.check(of("1.2.4"))


def test_a_prompt_outside_the_volume_is_refused(saved, volume):
    far = AddPrompts(prompts=(BOX.model_copy(update={"slice": 77}),))
    with pytest.raises(PromptError, match="slice 77 is outside"):
        saved.model_copy(update={"actions": (far,)}).check(volume)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not a session file"),
        ('{"schema": "volsweep-session", "version": 9, "volume": {"shape_zyx": [1, 1, 1]}}', "version"),
        ('{"schema": "volsweep-session", "version": 1}', "volume is missing"),
        (
            '{"schema": "volsweep-session", "volume": {"shape_zyx": [1, 1, 1]}, "actions": [{"action": "undo"}]}',
            "contradicts itself",
        ),
    ],
)
def test_what_is_no_session_is_refused_with_its_reason(tmp_path, text, why):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InputError, match=why):
        read_session(tmp_path / "s.json")


def test_masks_come_back_with_their_scores(tmp_path, rng):
    logits = rng.normal(size=(4, 6)).astype(np.float16)
    full = SliceMask(3, (20, 30), 5, 7, logits, 0.83, 2.5, prompted=True)
    met = SliceMask(4, (20, 30), 0, 0, logits[:2, :3], 0.5, -1.0, agreement=0.7, expected_dice=0.66)
    empty = SliceMask(9, (20, 30), 0, 0, np.zeros((0, 0), np.float16), 0.1, -9.0)
    masks = {
        1: LabelMasks(Plane.AXIAL, {3: full, 4: met, 9: empty}),
        70: LabelMasks(Plane.SAGITTAL, {}),
    }
    write_masks(tmp_path / "m.npz", masks)
    again = read_masks(tmp_path / "m.npz")
    assert list(again) == [1, 70]
    assert again[70] == LabelMasks(Plane.SAGITTAL, {})
    for index, mask in masks[1].by_slice.items():
        found = again[1].by_slice[index]
        np.testing.assert_array_equal(found.logits, mask.logits)
        assert {**found.__dict__, "logits": 0} == {**mask.__dict__, "logits": 0}


def test_masks_of_before_anything_was_expected_of_them_are_read(tmp_path):
    mask = SliceMask(3, (20, 30), 5, 7, np.ones((2, 3), np.float16), 0.83, 2.5, expected_dice=0.9)
    write_masks(tmp_path / "new.npz", {1: LabelMasks(Plane.AXIAL, {3: mask})})
    with np.load(tmp_path / "new.npz") as file:
        arrays = {name: file[name][:, :3] if name == "1_real" else file[name] for name in file.files}
    np.savez_compressed(tmp_path / "old.npz", **arrays)
    found = read_masks(tmp_path / "old.npz")[1].by_slice[3]
    assert (found.iou, found.object_score, found.agreement, found.expected_dice) == (0.83, 2.5, None, None)


def test_damaged_masks_are_an_input_error(tmp_path):
    (tmp_path / "m.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(InputError, match="cannot be read"):
        read_masks(tmp_path / "m.npz")
