"""What a result says of itself: modality nobody told, windows that hide, labels with nothing in them."""

from __future__ import annotations

import json
import re

import nibabel as nib
import numpy as np
import pytest

from volsweep.defaults import Defaults
from volsweep.engine.sweep.plan import SweepOptions
from volsweep.errors import InputError
from volsweep.geometry import Grid, Plane
from volsweep.intensity import default_window, looks_like_hounsfield, resolve_window
from volsweep.io import read_volume
from volsweep.job.job import Job
from volsweep.job.run import _window_of_names, run_job
from volsweep.prompts.kinds import Box, Point, PromptSet
from volsweep.prompts.text import parse_prompts
from volsweep.volume import Volume

SHAPE = (9, 36, 40)


@pytest.fixture(scope="module")
def hounsfield() -> np.ndarray:
    """Air, and in it soft tissue with a bright ball."""
    z, y, x = np.indices(SHAPE)
    body = (y - 17.5) ** 2 / 15**2 + (x - 19.5) ** 2 / 17**2 <= 1
    ball = ((z - 4) * 3) ** 2 + (y - 17.5) ** 2 + (x - 19.5) ** 2 <= 6**2
    noise = np.random.default_rng(0).normal(0, 8, SHAPE)
    return (np.where(body, 30 + 100 * ball, -1000) + noise).round().astype(np.int16)


@pytest.fixture
def nifti(hounsfield, tmp_path):
    path = tmp_path / "image.nii.gz"
    nib.save(nib.Nifti1Image(hounsfield.transpose(2, 1, 0), np.diag([-1.0, -1, 3, 1])), path)
    return path


def run(nifti, tmp_path, *prompts, **options):
    job = {"source": nifti, "output": tmp_path / "o.nii.gz", "sweep": SweepOptions(3, 5), "overwrite": True} | options
    return run_job(Job(prompts=PromptSet(prompts), **job)).report


INSIDE = Box(label=1, slice=4, box_xyxy=(14, 12, 25, 23))


def test_values_in_hounsfield_units_get_the_window_of_ct_and_say_so(nifti, tmp_path):
    report = run(nifti, tmp_path, INSIDE)
    assert report["run"]["window"] == {"width": 400, "level": 50, "name": "soft tissue"}
    assert [note for note in report["source"]["warnings"] if "Hounsfield units" in note]
    assert any("Hounsfield units" in told for told in read_volume(nifti).warnings), "in Python and the window, too"
    told = run(nifti, tmp_path, INSIDE, modality="MR")
    assert told["run"]["window"]["name"] == "percentile"
    assert told["source"]["modality"] == "MR"
    assert not told["notes"]
    assert not told["source"]["warnings"]


@pytest.mark.parametrize("said", ["CT", " ct "])
def test_the_json_beside_a_nifti_says_its_modality(nifti, said):
    nifti.with_name("image.json").write_text(json.dumps({"Modality": said}))
    assert read_volume(nifti).modality == "CT"
    assert read_volume(nifti, modality="pet").modality == "PT"


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"Modality": "BANANA"}', '{"Modality": 3}', '{"Modality": "no modality"}', "\x00"]
)
def test_other_json_beside_it_says_nothing(nifti, content):
    nifti.with_name("image.json").write_text(content)
    assert read_volume(nifti).modality == ""


def test_a_modality_that_is_none_is_refused(nifti):
    for typed, meant in (("C-T", "did you mean CT?"), ("MRT", "did you mean MR?"), ("banana", "give CT, MR")):
        with pytest.raises(InputError, match=f"modality {typed!r} is no image's code in DICOM; {re.escape(meant)}"):
            read_volume(nifti, modality=typed)
    assert read_volume(nifti, modality="spect").modality == "NM"


def test_what_is_no_hounsfield_unit(hounsfield):
    grid = Grid.axis_aligned(SHAPE)
    assert looks_like_hounsfield(Volume(hounsfield, grid))
    assert looks_like_hounsfield(Volume(hounsfield.astype(np.float32), grid))
    for other in (
        hounsfield + 1024,  # as stored, before the rescale intercept
        hounsfield / 500,  # normalised
        np.abs(hounsfield),
        np.full(SHAPE, -1000, dtype=np.int16),
    ):
        assert not looks_like_hounsfield(Volume(other, grid))
        assert default_window(Volume(other, grid)).name != "soft tissue"


def test_a_window_that_hides_what_is_prompted_is_told_with_the_values(nifti, tmp_path):
    hidden = run(nifti, tmp_path, INSIDE, window="40/400")["notes"]
    assert any("window 40/400 shows 100% of what is prompted of object 1 on axial slice 4 black" in n for n in hidden)
    assert any("from 380 to 420" in note for note in hidden)
    white = run(nifti, tmp_path, INSIDE, window="40/-300")["notes"]
    assert any(" white: its values go from " in note for note in white)
    air = run(nifti, tmp_path, Point(label=1, slice=4, point_xy=(1, 1)), window="400/40")["notes"]
    assert any(" black: its values go from -1" in note for note in air)
    assert not run(nifti, tmp_path, INSIDE, window="400/40")["notes"]


def test_nothing_found_is_a_row_and_a_note(nifti, tmp_path):
    report = run(nifti, tmp_path, Point(label=1, slice=4, point_xy=(19, 17), positive=False), window="400/40")
    assert [(row["label"], row["volume_ml"], row["voxels"]) for row in report["labels"]] == [(1, 0.0, 0)]
    assert report["notes"] == ["nothing was found of object 1: 0 mL; it has negative points only"]


def test_an_object_that_others_lie_over_is_told_why_it_is_empty(nifti, tmp_path):
    report = run(nifti, tmp_path, INSIDE, INSIDE.model_copy(update={"label": 2}), window="400/40")
    assert [row["voxels"] > 0 for row in report["labels"]] == [True, False]
    (note,) = (note for note in report["notes"] if note.startswith("nothing was found of object 2"))
    assert "other objects have all of its voxels" in note
    assert "(overlap=)" in note


def test_a_box_of_one_pixel_is_told(nifti, tmp_path):
    report = run(nifti, tmp_path, Box(label=1, slice=4, box_xyxy=(19, 17, 19, 17)), window="400/40")
    assert any("smaller than two voxels" in note for note in report["notes"])


def test_the_decimal_comma_is_read_and_what_may_be_either_is_not(hounsfield):
    volume = Volume(hounsfield, Grid.axis_aligned(SHAPE), "CT")
    window = resolve_window(volume, "40,5/-0,25")
    assert (window.width, window.center) == (40.5, -0.25)
    with pytest.raises(InputError, match=r"may mean 1200 or 1\.200"):
        resolve_window(volume, "1,200/40")
    with pytest.raises(InputError, match="is unknown"):
        resolve_window(volume, "1.200,5/40")


@pytest.mark.parametrize(
    ("names", "modality", "window"),
    [
        (["left lung"], "CT", "lung"),
        (["lung nodule", "Lunge"], "CT", "lung"),
        (["lung nodule", "Lunge"], "", "lung"),  # its values say that it is CT
        (["lung", "GTV"], "CT", None),  # one window does not show both
        (["liver", "lung"], "CT", None),
        (["lung"], "MR", None),
        (["GTV"], "CT", None),
    ],
)
def test_names_choose_a_window_where_one_shows_all(hounsfield, names, modality, window):
    typed = [("box", f"{name}={value}@4:14,12,25,23") for value, name in enumerate(names, start=1)]
    volume = Volume(hounsfield, Grid.axis_aligned(SHAPE, (3, 1, 1)), modality)
    assert _window_of_names(parse_prompts(typed, Plane.AXIAL), volume) == window


@pytest.mark.parametrize(
    ("options", "window"),
    [
        ({}, "lung"),
        ({"window": "bone"}, "bone"),  # what someone chose comes first
        ({"defaults": Defaults(window={"CT": "abdomen"})}, "abdomen"),
    ],
)
def test_a_window_by_names_is_told_and_gives_way(nifti, tmp_path, options, window):
    report = run(nifti, tmp_path, typed=(("box", "lung=1@4:14,12,25,23"),), sweep=SweepOptions(4, 4), **options)
    assert report["run"]["window"]["name"] == window
    assert any("window lung, by the names of the objects" in note for note in report["notes"]) == (window == "lung")
