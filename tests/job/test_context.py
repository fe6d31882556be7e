"""Objects that stay as they are: what is prompted beside them leaves them alone, what lies in one takes of it."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Extension
from support.dicom_files import write_ball

import volsweep
from volsweep.engine.sweep.plan import SweepOptions
from volsweep.errors import GeometryError, InputError
from volsweep.job.context import context_of
from volsweep.job.job import Job
from volsweep.job.run import run_job
from volsweep.prompts.kinds import Box, Point, PromptSet
from volsweep.volume import LabelVolume

BOX = Box(label=1, slice=4, box_xyxy=(14, 12, 25, 23))
TABLE = "<CaretExtension><VolumeInformation><LabelTable>{}</LabelTable></VolumeInformation></CaretExtension>"
NAMES = {5: "liver", 7: "spleen"}


@pytest.fixture(scope="module")
def ball(tmp_path_factory) -> Path:
    """A CT of a ball."""
    return write_ball(tmp_path_factory.mktemp("ball"))


@pytest.fixture(scope="module")
def organs(ball, tmp_path_factory) -> Path:
    """What TotalSegmentator writes, a NIfTI whose header names its labels: half of the ball is spleen, half liver."""
    grid = volsweep.read_volume(ball).grid
    array = np.full(grid.shape_zyx, 5, np.uint8)
    array[:, :, 20:] = 7
    path = tmp_path_factory.mktemp("organs") / "total.nii.gz"
    image = nib.Nifti1Image(array.T, np.diag([-1.0, -1, 1, 1]) @ grid.affine[:, [2, 1, 0, 3]])
    rows = "".join(
        f'<Label Key="{n}" Red="1" Green="0" Blue="0"><![CDATA[{name}]]></Label>' for n, name in NAMES.items()
    )
    image.header.extensions.append(Nifti1Extension(0, TABLE.format(rows).encode()))
    nib.save(image, path)
    return path


def job(ball: Path, tmp_path: Path, organs: Path, **options) -> Job:
    usual = {"source": ball, "output": tmp_path / "o.nii.gz", "sweep": SweepOptions(3, 5), "window": "400/80"}
    left = Point(label=1, slice=4, point_xy=(17, 17))
    return Job(**usual | {"prompts": PromptSet((BOX, left)), "context": organs} | options)


def test_nothing_is_drawn_over_it_and_it_is_not_written(ball, organs, tmp_path):
    made = run_job(job(ball, tmp_path, organs, report=tmp_path / "r.json"))
    found = nib.load(tmp_path / "o.nii.gz")
    array = np.asarray(found.dataobj).T
    assert array.dtype == np.uint8
    assert set(np.unique(array)) == {0, 1}
    assert (array[4, :, :20] == 1).sum() > 20  # the click lies in the liver, which is no context then
    assert not (array[:, :, 20:] == 1).any()
    told = json.loads((tmp_path / "r.json").read_text())
    assert [row["label"] for row in told["labels"]] == [1]
    assert [prompt["kind"] for prompt in told["prompts"]] == ["box", "point"]
    assert "prompts lie in liver, which is therefore no context" in told["notes"]
    assert "context of total.nii.gz, over which nothing was drawn: 1 objects" in told["notes"]
    assert made.labels.labels.keys() == {1}


def test_it_is_written_by_name_where_that_is_asked_for(ball, organs, tmp_path):
    made = run_job(job(ball, tmp_path, organs, keep_context=True))
    assert [label.name for label in made.labels.labels.values()] == ["object 1", "spleen"]
    again = volsweep.read_labels(tmp_path / "o.nii.gz")
    assert again.labels[2].name == "spleen"
    assert (again.array_zyx[:, :, 20:] == 2).all()


def test_overlapping_objects_are_kept_apart_from_it_too(ball, organs, tmp_path):
    both = PromptSet((BOX, Point(label=1, slice=4, point_xy=(17, 17)), BOX.model_copy(update={"label": 2})))
    made = run_job(job(ball, tmp_path, organs, prompts=both, overlap=("2",), keep_context=True))
    assert sorted(made.labels.labels) == [1, 2, 3]
    assert made.labels.labels[3].name == "spleen"
    assert not made.labels.mask_zyx(1)[:, :, 20:].any()


def test_what_is_no_context_is_refused(ball, organs, tmp_path):
    volume = volsweep.read_volume(ball)
    volsweep.write_labels(tmp_path / "none.nii.gz", LabelVolume(np.zeros(volume.shape_zyx, np.uint8), volume.grid))
    with pytest.raises(InputError, match="holds no object that could be context"):
        context_of(tmp_path / "none.nii.gz", volume, ())
    other = volsweep.Grid.axis_aligned((3, 4, 5))
    volsweep.write_labels(tmp_path / "other.nii.gz", LabelVolume(np.ones((3, 4, 5), np.uint8), other))
    with pytest.raises(GeometryError):
        context_of(tmp_path / "other.nii.gz", volume, ())
    with pytest.raises(volsweep.VolsweepError, match=r"total\.nii\.gz"):
        run_job(job(ball, tmp_path, organs, output=organs, overwrite=True))


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_what_holds_a_prompt_is_found_along_every_plane(ball, organs, plane):
    volume = volsweep.read_volume(ball)
    at = {"axial": (4, (30, 17)), "coronal": (17, (30, 4)), "sagittal": (30, (17, 4))}[plane]
    inside = Point(label=1, plane=plane, slice=at[0], point_xy=at[1])
    assert context_of(organs, volume, [inside]).around == ("spleen",)
    outside = inside.model_copy(update={"positive": False})
    assert context_of(organs, volume, [outside]).around == ()


def test_what_means_the_same_as_an_object_of_the_context_is_told(ball, organs, tmp_path):
    """Two objects of one meaning, of which the prompted one gets none of the other's voxels."""
    for name, told in (("Milz", True), ("kidney", False)):
        prompts = PromptSet((BOX, Point(label=1, slice=4, point_xy=(17, 17))), {1: volsweep.Label(name, "#d55e00")})
        made = run_job(job(ball, tmp_path, organs, prompts=prompts, overwrite=True))
        found = [note for note in made.report["notes"] if "means the same" in note]
        expected = (
            "object 1 Milz means the same as spleen of the context, and gets none of its voxels; leave that out of"
        )
        assert [note.startswith(expected) for note in found] == [True] * told
