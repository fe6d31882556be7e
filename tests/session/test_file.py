"""Session files: round trips, and refusals that say what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.errors import InputError, PromptError, SessionError
from volsweep.geometry import Grid
from volsweep.prompts.kinds import Box
from volsweep.prompts.source import is_session_file
from volsweep.session.actions import AddPrompts, Propagate
from volsweep.session.file import SessionFile, ViewState, VolumeReference, read_session, write_session
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
    with pytest.raises(SessionError, match=r"the voxels are the same, but lie up to [\d.]+ mm elsewhere"):
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
