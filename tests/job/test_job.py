"""Objects that may overlap, from the command's options to files that other programs read."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pytest
import SimpleITK
from support.dicom_files import write_ball
from support.programs import program

from volsweep.engine.sweep.plan import SweepOptions
from volsweep.errors import InputError, OutputError, PromptError
from volsweep.io import read_objects, read_volume, write_labels
from volsweep.job.job import Job
from volsweep.job.run import run_job

TYPED = (("box", "tumour=1@4:14,12,25,23"), ("box", "necrosis=2@4:17,15,28,26"))
NESTED = {"overlap": ("tumour",), "inside": ("necrosis:tumour",)}


@pytest.fixture(scope="module")
def ball(tmp_path_factory) -> Path:
    return write_ball(tmp_path_factory.mktemp("ball"))


@pytest.fixture(scope="module")
def sole(ball, tmp_path_factory) -> dict[int, np.ndarray]:
    """Each object as it is where it is segmented by itself."""
    folder = tmp_path_factory.mktemp("sole")
    alone = {}
    for value, typed in enumerate(TYPED, start=1):
        job = Job(ball, folder / f"{value}.nii.gz", typed=(typed,), sweep=SweepOptions(3, 5), window="400/80")
        alone[value] = run_job(job).labels.mask_zyx(value)
    return alone


def made(ball: Path, path: Path, **options):
    report = path.with_name("report.json")
    options = {"typed": TYPED, "sweep": SweepOptions(3, 5), "window": "400/80", "report": report, **options}
    return run_job(Job(ball, path, **options))


def test_both_are_whole_in_files_report_and_receipt(ball, sole, tmp_path):
    outcome = made(ball, tmp_path / "x.nii.gz", **NESTED, preview=tmp_path / "x.png")
    expected = {1: sole[1], 2: sole[2] & sole[1]}
    assert (expected[1] & expected[2]).any()
    assert (sole[2] & ~sole[1]).any()
    arrays = [np.asarray(nibabel.load(tmp_path / name).dataobj).T for name in ("x.nii.gz", "x.overlap-2.nii.gz")]
    for value, mask in expected.items():
        np.testing.assert_array_equal((arrays[0] == value) | (arrays[1] == value), mask)
        np.testing.assert_array_equal(outcome.labels.mask_zyx(value), mask)
    told = json.loads((tmp_path / "report.json").read_text())
    assert [row["voxels"] for row in told["labels"]] == [mask.sum() for mask in expected.values()]
    assert told["labels"][1]["inside"] == 1
    assert [Path(other["path"]).name for other in told["receipt"]["others"]] == ["x.overlap-2.nii.gz"]
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_without_the_options_one_voxel_has_one_object(ball, tmp_path):
    outcome = made(ball, tmp_path / "x.nii.gz")
    assert not (outcome.labels.mask_zyx(1) & outcome.labels.mask_zyx(2)).any()
    assert "others" not in outcome.report["receipt"]
    assert not any("overlaps" in row for row in outcome.report["labels"])
    assert not list(tmp_path.glob("*overlap*"))


@pytest.fixture(scope="module")
def segmented(ball, tmp_path_factory):
    """A SEG, and what it is to hold."""
    folder = tmp_path_factory.mktemp("segmented")
    return folder / "x.seg.dcm", made(ball, folder / "x.seg.dcm", **NESTED)


def test_seg_rtstruct_and_slicer_keep_them_for_other_readers(ball, segmented, tmp_path):
    path, outcome = segmented
    expected = {value: outcome.labels.mask_zyx(value) for value in (1, 2)}
    series = read_volume(ball)
    for name in ("x.rtstruct.dcm", "x.seg.nrrd"):
        write_labels(tmp_path / name, outcome.labels)
    for each in (path, tmp_path / "x.rtstruct.dcm", tmp_path / "x.seg.nrrd"):
        found = read_objects(each, source=series)
        for value, mask in expected.items():
            np.testing.assert_array_equal(found.mask_zyx(value), mask, each.name)
    segmentation = highdicom.seg.segread(path)
    uids = list(series.source.sop_instance_uids)
    frames = segmentation.get_pixels_by_source_instance(uids, assert_missing_frames_are_empty=True)
    for value, mask in expected.items():
        np.testing.assert_array_equal(frames[..., value - 1] > 0, mask)
    layers = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "x.seg.nrrd")))
    for value, mask in expected.items():
        np.testing.assert_array_equal((layers == value).any(axis=-1), mask)


@pytest.mark.integration
def test_dcmqi_finds_both_segments_whole(ball, segmented, tmp_path):
    tool = program("segimage2itkimage")
    path, outcome = segmented
    command = [tool, "--inputDICOM", str(path), "-t", "nrrd"]
    subprocess.run([*command, "--outputDirectory", str(tmp_path), "--prefix", "q"], check=True, capture_output=True)
    series = read_volume(ball)
    seen = {}
    told = json.loads((tmp_path / "q-meta.json").read_text())
    for path in sorted(tmp_path.glob("q-*.nrrd")):
        image = SimpleITK.ReadImage(str(path))
        array = SimpleITK.GetArrayFromImage(image)
        z, y, x = np.nonzero(array)
        mm = np.array([image.TransformIndexToPhysicalPoint(list(map(int, i))) for i in zip(x, y, z, strict=True)])
        there = np.linalg.inv(series.affine) @ np.c_[mm, np.ones(len(mm))].T
        mask = np.zeros(series.shape_zyx, bool)
        mask[tuple(np.rint(there[:3]).astype(int))] = True
        seen[len(seen) + 1] = mask
    names = [segment["SegmentLabel"] for group in told["segmentAttributes"] for segment in group]
    assert sorted(names) == ["necrosis", "tumour"]
    sizes = sorted(int(mask.sum()) for mask in seen.values())
    assert sizes == sorted(int(outcome.labels.mask_zyx(v).sum()) for v in (1, 2))
    for mask in seen.values():
        assert any(np.array_equal(mask, outcome.labels.mask_zyx(v)) for v in (1, 2))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"inside": ("necrosis",)}, "not of the form CHILD:PARENT"),
        ({"inside": ("1:2:3",)}, "not of the form CHILD:PARENT"),
        ({"overlap": ("liver",)}, "there is no label 'liver'; there are: 1 tumour, 2 necrosis"),
    ],
)
def test_what_names_nothing_is_refused_and_nothing_is_written(ball, tmp_path, options, words):
    with pytest.raises(PromptError, match=words):
        made(ball, tmp_path / "x.nii.gz", **options)
    assert not list(tmp_path.iterdir())


def test_a_file_that_would_be_in_the_way_is_told_before_the_work(ball, tmp_path):
    (tmp_path / "x.overlap-2.nii.gz").write_bytes(b"")
    said = []
    with pytest.raises(OutputError, match=r"x\.overlap-2\.nii\.gz exists already"):
        run_job(Job(ball, tmp_path / "x.nii.gz", typed=TYPED, overlap=("1",)), on_stage=said.append)
    assert said == []


def test_the_command_takes_them(ball, tmp_path, call):
    words = ["segment", ball, "-o", tmp_path / "x.4d.nii.gz", "--json"]
    words += ["--range", "3:5", "--outside", "2:1"]
    for kind, text in TYPED:
        words += [f"--{kind}", text]
    code, said, complaint = call(*words)
    assert code == 0, complaint
    assert json.loads(said)["labels"][1]["outside"] == [1]
    assert nibabel.load(tmp_path / "x.4d.nii.gz").shape[3:] in ((), (1,))
    code, _, complaint = call(*words, "--force", "--inside", "2")
    assert code == 2
    assert "CHILD:PARENT" in complaint


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"keep_context": True}, "keep_context= has nothing to work on; give context= too"),
        ({"second_window": "lung"}, "second_window= has nothing"),
        ({"register": "never"}, "register= has nothing to work on; give second= too"),
        ({"finder": "clip"}, "give text= too"),
        ({"only": ("GTV",)}, "only= has nothing to work on; give sources= too"),
        ({"draw": "mask"}, "draw= has nothing"),
    ],
)
def test_what_is_said_of_something_that_is_not_there_is_refused(ball, tmp_path, options, told):
    with pytest.raises(InputError, match=told):
        run_job(Job(ball, tmp_path / "x.nii.gz", typed=TYPED, **options))
