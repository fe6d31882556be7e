"""The report of a job: numbers that another program finds in the labels, and what was done, without a network."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from support.tiny_engine import SHAPE, TinySession, box, tiny

from volsweep.engine.sweep.plan import Direction, SweepOptions
from volsweep.geometry import Grid, Plane
from volsweep.io import write_labels
from volsweep.job.report import Made, Stopwatch, doubts_of_name, label_rows, report_of
from volsweep.models import checkpoint_path, find_model, sha256_of
from volsweep.volume import Volume


@pytest.fixture
def session() -> TinySession:
    session = tiny()
    box(session, 1, 4)
    session.name_label(1, "lesion")
    list(session.propagate())
    session.add_mask(label=3, slice=2, mask_yx=np.zeros(SHAPE[1:], bool))
    return session


@pytest.fixture
def made(session, tmp_path) -> Made:
    labels = session.labels
    receipt = write_labels(tmp_path / "o.nii.gz", labels)
    sweep = SweepOptions(1, 7, Direction.FORWARD, 2, 5)
    seconds = {"read": 0.5, "sweep": 2.0}
    return Made(Path("ct.nii.gz"), session, Plane.AXIAL, sweep, labels, receipt, {1: {5, 3}}, seconds, ("it was dark",))


def test_what_is_told_of_labels_is_what_simpleitk_measures(made, tmp_path):
    saved = sitk.ReadImage(str(tmp_path / "o.nii.gz"))
    measured = sitk.LabelShapeStatisticsImageFilter()
    measured.Execute(saved)
    lesion, nothing = label_rows(made)
    assert lesion["voxels"] == measured.GetNumberOfPixels(1) > 0
    assert lesion["volume_ml"] == pytest.approx(measured.GetPhysicalSize(1) / 1000)
    assert lesion["slices"] == measured.GetBoundingBox(1)[5]
    assert lesion["name"] == "lesion"
    assert lesion["doubtful_slices"] == [3, 5]
    prompted = {prompt.slice for prompt in made.session.state.prompts if prompt.label == 1}
    assert lesion["suggested_slice"] not in {None, *prompted}
    assert (nothing["label"], nothing["voxels"], nothing["volume_ml"], nothing["slices"]) == (3, 0, 0, 0)
    assert nothing.keys() == lesion.keys()
    assert nothing["doubtful_slices"] == []
    assert nothing["suggested_slice"] is None


def test_the_report_says_what_was_done_with_what(made, session):
    told = json.loads(json.dumps(report_of(made)))
    assert (told["schema"], told["version"]) == ("volsweep-report", 1)
    model = find_model("volsweep-nano")
    assert told["model"] == {"id": model.id, "sha256": sha256_of(checkpoint_path(model)), "licence": model.licence}
    run = told["run"]
    assert (run["plane"], run["direction"], run["range"], run["stride"]) == ("axial", "forward", [1, 7], 2)
    assert run["patience"] == 5
    assert run["window"] == {"width": 400, "level": 40, "name": session.window.name}
    assert run["device"] == "an abacus"
    assert [(p["kind"], p["slice"]) for p in told["prompts"]] == [("box", 4), ("mask", 2)]
    assert told["source"]["path"] == "ct.nii.gz"
    assert (told["source"]["kind"], told["source"]["series_uid"]) == ("memory", None)
    assert told["source"]["shape_zyx"] == list(SHAPE)
    assert told["source"]["spacing_zyx_mm"] == [3, 1, 1]
    assert told["notes"][0] == "it was dark"
    assert told["seconds"] == {"read": 0.5, "sweep": 2.0, "total": 2.5}
    assert told["slices_visited"] == session.engine.visited > 0
    assert told["slices_per_second"] == pytest.approx(session.engine.visited / 2, abs=0.05)
    assert told["receipt"]["voxels"] == {"1": told["labels"][0]["voxels"]}


def test_a_told_end_is_in_it(made, session):
    session.set_extent(label=1, first=3)
    (told,) = report_of(made)["extents"]
    assert (told["label"], told["plane"], told["first"], told["last"]) == (1, "axial", 3, None)


def test_stages_are_named_as_they_begin_and_measured_when_they_end(monkeypatch):
    told, clock = [], [100.0]
    monkeypatch.setattr("volsweep.job.report.time.perf_counter", lambda: clock[0])
    watch = Stopwatch(told.append)
    with watch.stage("read"):
        assert told == ["read"], "before it is over"
        clock[0] += 2
    with suppress(ValueError), watch.stage("sweep"):
        clock[0] += 0.5
        raise ValueError("damaged")
    assert told == ["read", "sweep"]
    assert watch.seconds == {"read": 2, "sweep": 0.5}


@pytest.mark.parametrize(
    ("name", "modality", "told"),
    [
        ("FLAIR lesion", "CT", True),
        ("lesion_suv41", "CT", False),
        ("GTV SUV 41", "MR", True),
        ("FLAIR lesion", "MR", False),
        ("FLAIR lesion", "", False),
        ("T1 vertebra", "CT", False),
    ],
)
def test_a_name_of_another_modality_is_told(made, session, name, modality, told):
    session.name_label(1, name)
    labels = replace(made.labels, labels={**made.labels.labels, 1: replace(made.labels.labels[1], name=name)})
    session.volume = replace(session.volume, modality=modality)
    notes = report_of(replace(made, labels=labels))["notes"]
    assert any("is named after" in note and f"this image is {modality}" in note for note in notes) is told


@pytest.mark.parametrize(
    ("name", "modality", "body_part", "told"),
    [
        ("left parotid", "CT", "CHEST", "is not expected where the series says that it was taken, CHEST"),
        ("Tumor der Leber", "CT", "HEAD_NECK", "is not expected where the series says that it was taken, HEAD_NECK"),
        ("left parotid", "CT", "HEADNECK", ""),
        ("Prostata", "CT", "CHEST_TO_PELVIS", ""),
        ("brain stem", "PT", "WHOLEBODY", "is hardly seen in an image of modality PT"),
        ("brain stem", "", "", ""),
        ("liver", "CT", "ROOM 4", ""),  # what is not understood says nothing
        ("GTV", "CT", "HEAD", ""),
        ("lymph node", "CT", "KNEE", ""),
    ],
)
def test_a_name_that_does_not_fit_is_told(name, modality, body_part, told):
    volume = Volume(np.zeros((2, 3, 4), np.int16), Grid.axis_aligned((2, 3, 4)), modality, body_part=body_part)
    notes = list(doubts_of_name(name, 1, volume))
    assert len(notes) == bool(told)
    assert told in "".join(notes)


def test_the_report_names_the_reader_where_there_is_one(made):
    assert "reader" not in report_of(made)
    made.session.reader = "AB"
    assert report_of(made)["reader"] == "AB"
