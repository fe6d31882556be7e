"""One series from file to file: what a job takes, what it leaves behind, and what it does not do in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.dicom_files import AXIAL, along, write_ball, write_series

import volsweep
import volsweep.job.contact_sheet
from volsweep.engine.sweep.plan import Direction, SweepOptions
from volsweep.errors import InputError, ModelError, OutputError, PromptError
from volsweep.io.derived import reference
from volsweep.job.job import Job
from volsweep.job.run import run_job
from volsweep.prompts.extent import Extent
from volsweep.prompts.file import write_prompts
from volsweep.prompts.kinds import Box, Point, PromptSet
from volsweep.prompts.mask import Mask
from volsweep.session.file import SessionFile, ViewState, VolumeReference, write_session
from volsweep.volume import Label

BOX = Box(label=1, slice=4, box_xyxy=(14, 12, 25, 23))
SHORT = SweepOptions(3, 5)


@pytest.fixture(scope="module")
def ball(tmp_path_factory) -> Path:
    """A CT series of a bright ball, nine slices of 3 mm."""
    return write_ball(tmp_path_factory.mktemp("ball"))


def job(ball: Path, tmp_path: Path, **options) -> Job:
    return Job(**{"source": ball, "output": tmp_path / "o.nii.gz", "sweep": SHORT, "window": "400/80"} | options)


def test_typed_given_and_read_prompts_say_the_same(ball, tmp_path):
    write_prompts(tmp_path / "p.json", PromptSet((BOX,), {1: Label("of the file", "#ff0000")}))
    ways = {
        "given": {"prompts": PromptSet((BOX,))},
        "typed": {"typed": (("box", "1@4:14,12,25,23"),)},
        "file": {"sources": (tmp_path / "p.json",)},
    }
    found = {
        name: run_job(job(ball, tmp_path, output=tmp_path / f"{name}.nii.gz", **way)) for name, way in ways.items()
    }
    for name, outcome in found.items():
        assert outcome.report["prompts"] == [BOX.model_dump(mode="json")], name
        np.testing.assert_array_equal(outcome.labels.array_zyx, found["given"].labels.array_zyx)
    assert found["file"].labels.labels[1].name == "of the file"


def test_the_report_tells_how_it_was_swept(ball, tmp_path):
    sweep = SweepOptions(3, 6, Direction.FORWARD, 2, 7)
    report = tmp_path / "r.json"
    made = run_job(job(ball, tmp_path, prompts=PromptSet((BOX,)), sweep=sweep, report=report)).report
    told = {name: made["run"][name] for name in ("plane", "direction", "range", "stride", "patience")}
    assert told == {"plane": "axial", "direction": "forward", "range": (3, 6), "stride": 2, "patience": 7}
    assert json.loads(report.read_text())["run"]["patience"] == 7


def test_a_session_is_done_again(ball, tmp_path):
    volume = volsweep.read_volume(ball)
    session = volsweep.Session(volume, window="400/80")
    session.add(BOX)
    session.add_mask(label=2, slice=3, mask_yx=np.eye(36, 40, dtype=bool))
    list(session.propagate(labels=[1], slices=(3, 5), patience=0))
    saved = SessionFile(volume=VolumeReference.of(volume), actions=session.journal.effective)
    write_session(tmp_path / "s.json", saved)
    again = run_job(job(ball, tmp_path, sources=(tmp_path / "s.json",), sweep=SweepOptions(), window=None))
    np.testing.assert_array_equal(again.labels.array_zyx, session.labels.array_zyx)
    with pytest.raises(PromptError, match=r"s\.json is a session"):
        run_job(job(ball, tmp_path, sources=(tmp_path / "s.json",), prompts=PromptSet((BOX,)), overwrite=True))


@pytest.fixture
def swept(ball, tmp_path) -> Path:
    """A session that was swept over slices 3 to 5, and looked at along another plane in the end."""
    session = volsweep.Session(volsweep.read_volume(ball), window="400/80")
    session.add(BOX)
    list(session.propagate(slices=(3, 5), patience=0, direction="forward"))
    about, view = VolumeReference.of(session.volume), ViewState(plane="coronal")
    write_session(tmp_path / "s.json", SessionFile(volume=about, view=view, actions=session.journal.effective))
    return tmp_path / "s.json"


def test_the_report_of_a_session_tells_how_that_was_swept(swept, ball, tmp_path):
    """It told what the command says by default, and the plane that was looked at last."""
    run = run_job(job(ball, tmp_path, sources=(swept,), sweep=SweepOptions(), window=None)).report["run"]
    told = {name: run[name] for name in ("plane", "direction", "range", "stride", "patience")}
    assert told == {"plane": "axial", "direction": "forward", "range": (3, 5), "stride": 1, "patience": 0}


@pytest.mark.parametrize(
    "said",
    [
        {"sweep": SweepOptions(4, 4)},
        {"sweep": SweepOptions(stride=2)},
        {"sweep": SweepOptions(patience=7)},
        {"sweep": SweepOptions(direction=Direction.BACKWARD)},
        {"plane": volsweep.Plane.SAGITTAL},
        {"only": ("lesion",)},
        {"draw": "line"},
    ],
)
def test_what_a_session_says_itself_cannot_be_said_otherwise(swept, ball, tmp_path, said):
    """It was taken, and changed nothing, in silence."""
    said = {"sweep": SweepOptions(), "window": None} | said
    with pytest.raises(InputError, match=r"s\.json (is a session|holds prompts).*leave"):
        run_job(job(ball, tmp_path, sources=(swept,), **said))
    assert not (tmp_path / "o.nii.gz").exists()


def test_a_file_of_prompts_is_taken_whole_and_who_chooses_among_its_objects_is_told(ball, tmp_path):
    """Asked for one object of two, both were segmented."""
    write_prompts(tmp_path / "p.json", PromptSet((BOX, BOX.model_copy(update={"label": 2}))))
    with pytest.raises(InputError, match=r"only= is about.*p\.json holds prompts, which are all taken"):
        run_job(job(ball, tmp_path, sources=(tmp_path / "p.json",), only=("1",)))


@pytest.mark.parametrize("others", [{}, {"sources": ()}])
def test_nothing_to_segment_is_refused_before_anything_is_read(tmp_path, others):
    with pytest.raises(PromptError, match="nothing to segment"):
        run_job(job(tmp_path / "absent", tmp_path, **others))


def test_prompts_of_two_planes_and_of_another_plane_are_refused(ball, tmp_path):
    coronal = Point(label=1, plane="coronal", slice=17, point_xy=(19, 4))
    with pytest.raises(PromptError, match="about axial, coronal slices"):
        run_job(job(ball, tmp_path, prompts=PromptSet((BOX, coronal))))
    with pytest.raises(PromptError, match="about axial slices, and the plane to sweep is coronal"):
        run_job(job(ball, tmp_path, prompts=PromptSet((BOX,)), plane=volsweep.Plane.CORONAL))
    assert not (tmp_path / "o.nii.gz").exists()


def test_prompts_say_which_plane_is_swept(ball, tmp_path):
    coronal = Box(label=1, plane="coronal", slice=17, box_xyxy=(14, 2, 25, 6))
    made = run_job(job(ball, tmp_path, prompts=PromptSet((coronal,)), sweep=SweepOptions(16, 18)))
    assert made.report["run"]["plane"] == "coronal"


def test_a_preview_that_fails_leaves_labels_and_report(ball, tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(volsweep.job.contact_sheet, "draw", fail)
    report = tmp_path / "r.json"
    with pytest.raises(OSError, match="No space"):
        run_job(job(ball, tmp_path, prompts=PromptSet((BOX,)), report=report, preview=tmp_path / "p.png"))
    assert (tmp_path / "o.nii.gz").exists()
    assert not (tmp_path / "p.png").exists()
    assert json.loads(report.read_text())["receipt"]["voxels"]


def test_a_label_of_which_nothing_was_found_is_a_row(ball, tmp_path):
    nowhere = Mask.from_array(np.zeros((36, 40), dtype=bool), label=3, slice=4)
    rows = run_job(job(ball, tmp_path, prompts=PromptSet((BOX, nowhere), {3: Label("node", "#ff0000")}))).report[
        "labels"
    ]
    assert [(row["label"], row["voxels"] > 0) for row in rows] == [(1, True), (3, False)]
    assert (rows[1]["name"], rows[1]["volume_ml"], rows[1]["slices"], rows[1]["first_slice"]) == ("node", 0.0, 0, None)
    assert rows[1].keys() == rows[0].keys()


def test_names_that_no_picture_and_no_file_can_hold(ball, tmp_path):
    names = {1: Label("line\nfeed", "#ff0000"), 2: Label("half \ud800 a pair", "#00ff00")}
    other = BOX.model_copy(update={"label": 2})
    made = run_job(job(ball, tmp_path, prompts=PromptSet((BOX, other), names), preview=tmp_path / "p.png"))
    assert (tmp_path / "p.png").stat().st_size > 1000
    assert [row["name"] for row in made.report["labels"]] == ["line\nfeed", "half ? a pair"]


def test_a_colour_that_is_none_is_the_default_one(ball, tmp_path):
    run_job(job(ball, tmp_path, prompts=PromptSet((BOX,))))
    sidecar = tmp_path / "o.labels.json"
    sidecar.write_text(sidecar.read_text().replace("#e69f00", "red"))
    again = job(
        ball, tmp_path, sources=(tmp_path / "o.nii.gz",), output=tmp_path / "b.nii.gz", preview=tmp_path / "p.png"
    )
    assert run_job(again).labels.labels[1].color == "#e69f00"


@pytest.mark.parametrize("where", ["view", "action"])
def test_weights_that_a_session_names_are_loaded_when_someone_trusts_them(ball, tmp_path, where):
    volume = volsweep.read_volume(ball)
    weights = str(tmp_path / "theirs.pt")
    prompts = {"action": "add_prompts", "prompts": [BOX.model_dump(mode="json")]}
    if where == "action":
        prompts["seen"] = {"window": [40, 400], "model": weights}
    saved = {
        "schema": "volsweep-session",
        "volume": VolumeReference.of(volume).model_dump(mode="json"),
        "view": {"model": weights} if where == "view" else {},
        "actions": [prompts],
    }
    (tmp_path / "s.json").write_text(json.dumps(saved))
    asked = job(ball, tmp_path, sources=(tmp_path / "s.json",), window=None)
    with pytest.raises(ModelError, match=r"s\.json asks for weights .*trust_model=True"):
        run_job(asked)
    with pytest.raises(ModelError, match="there is no checkpoint"):  # trusted, it is looked for
        run_job(replace(asked, trust_model=True))
    assert run_job(replace(asked, model="volsweep-nano")).report["model"]["id"] == "volsweep-nano"


def test_ends_are_typed_given_and_read(ball, tmp_path):
    told = PromptSet((BOX,), extents=(Extent(label=1, first=3),))
    write_prompts(tmp_path / "p.json", told)
    ways = [
        {"prompts": told},
        {"typed": (("box", "1@4:14,12,25,23"), ("extent", "1@3:"))},
        {"sources": (tmp_path / "p.json",)},
    ]
    for way in ways:
        report = run_job(job(ball, tmp_path, overwrite=True, **way)).report
        (extent,) = report["extents"]
        assert extent == {"label": 1, "plane": "axial", "first": 3, "last": None, "drawn": None}
    with pytest.raises(PromptError, match="label 2 has an extent and no prompt"):
        run_job(job(ball, tmp_path, prompts=told, typed=(("extent", "2@3:"),), overwrite=True))
    with pytest.raises(PromptError, match="outside the volume"):
        run_job(job(ball, tmp_path, prompts=PromptSet((BOX,)), typed=(("extent", "1@:99"),), overwrite=True))


@pytest.mark.parametrize("suffix", [".seg.dcm", ".rtstruct.dcm"])
def test_what_no_dicom_object_can_refer_to_is_found_out_before_the_sweep(tmp_path, monkeypatch, suffix):
    """What the headers make is made for trial; here they are damaged between reading and the trial."""
    folder = tmp_path / "ct"
    write_series(folder, np.zeros((9, 36, 40), np.int16), along(AXIAL, 9, 3.0))

    def spoil(header):
        header.StudyTime = "120000"
        header["StudyTime"]._value = object()
        return []

    monkeypatch.setattr(reference, "tidy_study", spoil)
    monkeypatch.setattr(volsweep.Session, "steps", lambda *_, **__: pytest.fail("it was swept"))
    with pytest.raises(OutputError, match=r"write \.nii\.gz"):
        run_job(job(folder, tmp_path, output=tmp_path / f"o{suffix}", prompts=PromptSet((BOX,))))
    assert [p.name for p in tmp_path.iterdir()] == ["ct"]


@pytest.mark.parametrize("option", ["report", "preview"])
def test_no_picture_and_no_report_replaces_what_is_read(ball, tmp_path, monkeypatch, option):
    monkeypatch.setattr(volsweep.Session, "steps", lambda *_, **__: pytest.fail("it was swept"))
    prompts = tmp_path / "p.json"
    write_prompts(prompts, PromptSet((BOX,)))
    (tmp_path / "linked").symlink_to(ball)
    slice_file = next(ball.glob("*.dcm"))
    (tmp_path / "hard.png").hardlink_to(slice_file)
    before = slice_file.read_bytes(), prompts.read_bytes()
    for target in (slice_file, tmp_path / "linked" / slice_file.name, tmp_path / "hard.png", prompts):
        with pytest.raises(OutputError, match="and stays"):
            run_job(job(ball, tmp_path, sources=(prompts,), overwrite=True, **{option: target}))
    assert (slice_file.read_bytes(), prompts.read_bytes()) == before


def test_a_report_does_not_replace_the_names_of_the_labels_that_are_read(ball, tmp_path):
    volume = volsweep.read_volume(ball)
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[4, 12:24, 14:26] = 1
    drawn = volsweep.LabelVolume(array, volume.grid, {1: Label("GTV", "#ff0000")}, volume.source)
    volsweep.write_labels(tmp_path / "drawn.nii.gz", drawn)
    names = tmp_path / "drawn.labels.json"
    before = names.read_bytes()
    for option in ("sources", "context"):
        read = tmp_path / "drawn.nii.gz"
        options = {option: (read,) if option == "sources" else read, "typed": (("box", "2@4:1,1,9,9"),)}
        with pytest.raises(OutputError, match="and stays"):
            run_job(job(ball, tmp_path, **options, report=names, overwrite=True))
    assert names.read_bytes() == before
