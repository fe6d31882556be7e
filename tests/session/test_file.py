"""Session files: round trips, and refusals that say what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from support.dicom_files import write_echoes

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.errors import InputError, ModelError, PromptError, SessionError
from volsweep.geometry import Grid
from volsweep.models import checkpoint_path, find_model
from volsweep.prompts.kinds import Box
from volsweep.prompts.mask import Mask
from volsweep.prompts.source import is_session_file
from volsweep.session.actions import AddPrompts, Propagate
from volsweep.session.file import (
    SessionFile,
    ViewState,
    VolumeReference,
    open_session,
    read_session,
    read_trusted_session,
    write_session,
)
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


def _uneven(heights_mm) -> Grid:
    """A grid of 1 mm whose slices lie at these heights."""
    return Grid((6, 20, 30), Grid.axis_aligned((6, 20, 30)).affine, np.array([[0, 0, z] for z in heights_mm]))


@pytest.mark.parametrize(
    ("grid", "off_mm"),
    [
        (Grid.axis_aligned((6, 20, 30), (1, 1, 1), (0, 0, 40)), "40"),
        (Grid.axis_aligned((6, 20, 30), (3, 1, 1)), "10"),
        (Grid((6, 20, 30), np.array([[0, 0, -1, 29.0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])), "29"),
        (_uneven([z**2 for z in range(6)]), "20"),
        (_uneven([0, 1, 2.6, 3, 4, 5]), "0.6"),
    ],
    ids=["shifted", "re-spaced", "mirrored", "uneven", "uneven between the same ends"],
)
def test_the_same_voxels_elsewhere_in_the_patient_are_another_volume(saved, volume, grid, off_mm, tmp_path):
    write_session(tmp_path / "s.json", saved)
    copy = Volume(volume.array_zyx, grid, "CT")
    with pytest.raises(SessionError, match=f"the voxels are the same, but lie up to {off_mm} mm elsewhere"):
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


@pytest.fixture
def on_disk(volume, tmp_path):
    """Writes a session with a mask on a volume that lies on the disk."""
    truth = np.zeros(volume.shape_zyx[1:], bool)
    truth[4:9, 5:15] = True
    nib.save(nib.Nifti1Image(volume.array_zyx.T, np.eye(4)), tmp_path / "ct.nii.gz")

    def write(**view) -> Path:
        read = volsweep.read_volume(tmp_path / "ct.nii.gz", modality="CT")
        action = AddPrompts(prompts=(Mask.from_array(truth, label=3, slice=2),))
        saved = SessionFile(volume=VolumeReference.of(read), view=ViewState(**view), actions=(action,))
        write_session(tmp_path / "s.json", saved, overwrite=True)
        return tmp_path / "s.json"

    return write, truth


def test_a_session_is_opened_with_its_volume_as_it_was_looked_at(on_disk, tmp_path):
    write, truth = on_disk
    session = open_session(write(window=(40, 400.5)), device="cpu")
    assert (session.window.center, session.window.width) == (40, 400.5)
    assert session.volume.modality == "CT"
    np.testing.assert_array_equal(session.labels.mask_zyx(3)[2], truth)
    path = write()
    nib.save(nib.Nifti1Image(np.ones((30, 20, 6), np.int16), np.eye(4)), tmp_path / "ct.nii.gz")
    with pytest.raises(SessionError, match="another volume"):
        open_session(path)


def test_weights_of_its_own_are_loaded_only_where_that_is_said(on_disk):
    write, _ = on_disk
    own = str(checkpoint_path(find_model("volsweep-nano")))
    with pytest.raises(ModelError, match="trust"):
        open_session(write(model=own))
    assert read_trusted_session(write(model=own), trust_model=True).view.model == own


def test_a_session_of_no_file_says_what_to_do(saved, tmp_path):
    write_session(tmp_path / "s.json", saved)
    with pytest.raises(InputError, match="open it in the plugin and save it again"):
        open_session(tmp_path / "s.json")


def test_a_part_of_a_series_is_opened_again_as_that_part(tmp_path):
    """What was done to the second echo could not be opened any more: the series is no volume."""
    uid = write_echoes(tmp_path / "mr")
    second = volsweep.read_volume(tmp_path / "mr", series=f"{uid}/2")
    write_session(tmp_path / "s.json", SessionFile(volume=VolumeReference.of(second)))
    again = open_session(tmp_path / "s.json").volume
    assert np.array_equal(again.array_zyx, second.array_zyx)
    first = volsweep.read_volume(tmp_path / "mr", series=f"{uid}/1")
    with pytest.raises(SessionError, match="another volume"):
        read_session(tmp_path / "s.json").check(first)
