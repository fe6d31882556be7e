"""A job with a second series: what is read, fused, told, done again and refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from support.dicom_files import AXIAL, along, pattern, write_ball, write_series

import volsweep
from volsweep.engine.sweep.plan import SweepOptions
from volsweep.errors import GeometryError, InputError, OutputError, SessionError
from volsweep.geometry import Grid
from volsweep.job.job import Job
from volsweep.job.run import run_job
from volsweep.prompts.kinds import Box, PromptSet
from volsweep.session.file import SessionFile, VolumeReference, open_session, seconds_of, write_session
from volsweep.volume import Volume

BOX = Box(label=1, slice=4, box_xyxy=(14, 12, 25, 23))


@pytest.fixture(scope="module")
def ball(tmp_path_factory) -> Path:
    """A CT of a ball."""
    return write_ball(tmp_path_factory.mktemp("ball"))


@pytest.fixture(scope="module")
def pet(ball, tmp_path_factory) -> Path:
    """Its PET, of 2 mm: hot in the right half of the ball, from the third slice on."""
    grid = volsweep.read_volume(ball).grid
    affine = grid.affine.copy()
    affine[:3, 1:3] *= 2
    affine[:3, 3] = grid.to_lps_mm([2, 0.5, 0.5])
    theirs = Grid((7, 18, 20), affine)
    z, y, x = (n * i + b for i, n, b in zip(np.indices(theirs.shape_zyx), (1, 2, 2), (2, 0.5, 0.5), strict=True))
    hot = (((z - 4) * 3) ** 2 + (y - 17.5) ** 2 + (x - 19.5) ** 2 <= 36) & (x > 19)
    values = np.where(hot, 8.0, 1.0) + np.random.default_rng(0).normal(0, 0.05, hot.shape)
    path = tmp_path_factory.mktemp("pet") / "pet.nii.gz"
    ras = np.diag([-1.0, -1, 1, 1]) @ affine[:, [2, 1, 0, 3]]
    nib.save(nib.Nifti1Image(values.astype(np.float32).T, ras), path)
    return path


def job(ball: Path, tmp_path: Path, **options) -> Job:
    usual = {"source": ball, "output": tmp_path / "o.nii.gz", "sweep": SweepOptions(3, 5), "window": "400/80"}
    return Job(**usual | {"prompts": PromptSet((BOX,))} | options)


def test_labels_lie_on_the_first_and_hold_what_both_show(ball, pet, tmp_path):
    fused = run_job(job(ball, tmp_path, second=pet, report=tmp_path / "r.json")).labels.array_zyx > 0
    volume = volsweep.read_volume(ball)
    beside = volsweep.SecondSeries.beside(volume, volsweep.read_volume(pet))
    first, second = (found(each, window) for each, window in ((volume, "400/80"), (beside.volume, beside.window)))
    assert not np.array_equal(first, second)
    assert not np.array_equal(fused, first)
    assert fused[first & second].all()
    assert not fused[~(first | second)].any()
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["second"]["path"] == str(pet)
    assert (told["second"]["placed"], told["second"]["window"]["name"]) == ("as they lie", "percentile")
    assert any("looked at two series" in note for note in told["notes"])
    assert any("shows 78% of the first" in note for note in told["notes"])


def found(volume: Volume, window) -> np.ndarray:
    """What one series shows by itself."""
    session = volsweep.Session(volume, window=window)
    session.add(BOX)
    session.sweep(slices=(3, 5))
    return session.labels.array_zyx > 0


def test_what_was_drawn_on_the_second_is_placed_by_millimetres(ball, pet, tmp_path):
    theirs = volsweep.read_volume(pet)
    drawn = np.zeros(theirs.shape_zyx, np.uint8)
    drawn[2, 6:12, 7:13] = 1  # of 2 mm, from the first's third slice on
    mask = tmp_path / "mask.nii.gz"
    volsweep.write_labels(mask, volsweep.LabelVolume(drawn, theirs.grid))
    made = run_job(job(ball, tmp_path, prompts=PromptSet(()), sources=(mask,), second=pet))
    (prompt,) = made.report["prompts"]
    assert prompt["slice"] == 4
    np.testing.assert_allclose(prompt["box_xyxy"], [14, 12, 25, 23], atol=0.6)
    assert any("drawn on the second series" in note for note in made.report["notes"])
    with pytest.raises(GeometryError):
        run_job(job(ball, tmp_path, prompts=PromptSet(()), sources=(mask,), overwrite=True))


def test_a_session_file_names_both_and_leads_to_the_same_voxels_or_is_refused(ball, pet, tmp_path):
    volume = volsweep.read_volume(ball)
    second = volsweep.SecondSeries.beside(volume, volsweep.read_volume(pet))
    session = volsweep.Session(volume, window="400/80", second=second)
    session.add(BOX)
    session.sweep(slices=(3, 5))
    saved = SessionFile(
        volume=VolumeReference.of(volume), seconds=seconds_of(session), actions=session.journal.effective
    )
    write_session(tmp_path / "s.json", saved)
    again = open_session(tmp_path / "s.json", device="cpu")
    np.testing.assert_array_equal(again.labels.array_zyx, session.labels.array_zyx)
    made = run_job(job(ball, tmp_path, prompts=PromptSet(()), sources=(tmp_path / "s.json",), window=None))
    np.testing.assert_array_equal(made.labels.array_zyx, session.labels.array_zyx)
    # What a session saw in two series is not made again with one, nor with another one in the place of the second.
    write_session(tmp_path / "one.json", with_seconds(saved))
    with pytest.raises(SessionError, match="second series that is not the one given here"):
        open_session(tmp_path / "one.json", device="cpu")
    (second,) = saved.seconds
    gone = second.model_copy(update={"volume": second.volume.model_copy(update={"path": "/no/pet.nii"})})
    write_session(tmp_path / "gone.json", with_seconds(saved, gone))
    with pytest.raises(InputError, match="second series of the session is not at /no/pet"):
        open_session(tmp_path / "gone.json", device="cpu")
    other = second.model_copy(update={"volume": second.volume.model_copy(update={"sha256": "0" * 64})})
    write_session(tmp_path / "other.json", with_seconds(saved, other))
    with pytest.raises(SessionError, match="made on another volume: its voxels"):
        open_session(tmp_path / "other.json", device="cpu")


def with_seconds(saved: SessionFile, *seconds) -> SessionFile:
    return saved.model_copy(update={"seconds": seconds})


def test_the_first_itself_is_no_second_and_is_not_written_over(ball, pet, tmp_path):
    with pytest.raises(InputError, match="second series is the one that is segmented"):
        run_job(job(ball, tmp_path, second=ball))
    volume = volsweep.read_volume(ball)
    with pytest.raises(InputError, match="is the one that is segmented"):
        volsweep.SecondSeries.beside(volume, replace(volume, modality="PT"))
    with pytest.raises(volsweep.VolsweepError, match=r"pet\.nii\.gz"):
        run_job(job(ball, tmp_path, second=pet, output=pet, overwrite=True))
    assert isinstance(volsweep.read_volume(pet), Volume)


def test_a_slice_of_the_second_is_not_written_over(tmp_path):
    """It was, with --force: only the folder itself had been looked at."""
    first = write_series(tmp_path / "mr", pattern(6), along(AXIAL, 6, 2.0), modality="MR")
    kept = {path: path.read_bytes() for path in write_series(tmp_path / "t2", pattern(6)[::-1], along(AXIAL, 6, 2.0))}
    onto = next(iter(kept))
    box = PromptSet((Box(label=1, slice=2, box_xyxy=(1, 1, 6, 6)),))
    with pytest.raises(OutputError, match="is the source that is read, or a slice of it"):
        run_job(Job(first[0].parent, onto, prompts=box, second=tmp_path / "t2", register="never", overwrite=True))
    assert {path: path.read_bytes() for path in kept} == kept
