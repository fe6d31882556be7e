"""A batch follows what a reader accepted: measures by hand, files as they are on the disk."""

from __future__ import annotations

import csv
import json

import nibabel as nib
import numpy as np
import pytest

from volsweep.batch import Options, Places, Redo, read_record, run_batch
from volsweep.batch.record import outputs_are_whole
from volsweep.errors import BatchError
from volsweep.io import read_volume, write_labels
from volsweep.volume import Label, LabelVolume
from volsweep.worklist import Progress, Worklist, cases_of
from volsweep.worklist.corrected import follow, result_of

SHAPE = (10, 40, 40)
ML = 2 * 2 * 4 / 1000


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A batch of one series, and what it left."""
    base = tmp_path_factory.mktemp("batch")
    z, y, x = np.indices(SHAPE)
    ball = ((z - 5) / 4) ** 2 + ((y - 19.5) / 8) ** 2 + ((x - 19.5) / 8) ** 2 <= 1
    noise = np.random.default_rng(0).normal(0, 10, SHAPE)
    nib.save(nib.Nifti1Image((100 + 150 * ball + noise).astype(np.int16).T, np.diag([-2, -2, 4, 1])), base / "a.nii.gz")
    (base / "m.csv").write_text('series,prompts,range\na.nii.gz,"box ball=1@5:12,12,27,27",4:6\n')
    assert run_batch(Places(base / "m.csv"), Options(base / "out")).done == 1
    return base


@pytest.fixture
def accepted(run):
    """The case as a reader left it: two objects, one of them new."""
    cases, _ = cases_of(run / "out" / "series", run)
    progress = Progress(run / "list.json", Worklist(cases=tuple(cases)))
    working = progress.begin("a", "AB")
    array = np.zeros(SHAPE, np.uint8)
    array[3:7, 10:20, 10:30] = 1
    array[2, 30:35, 30:35] = 2
    names = {1: Label("ball", "#ff0000"), 2: Label("node", "#00ff00")}
    labels = working.labels_folder / "labels.nii.gz"
    write_labels(labels, LabelVolume(array, read_volume(run / "a.nii.gz").grid, names), overwrite=True)
    return progress, labels, working.end("accepted", labels=labels)


def test_table_page_report_and_record_follow_and_a_later_run_keeps_them(run, accepted):
    progress, labels, reading = accepted
    folder = result_of(progress, run, "a")
    before = (folder / "labels.nii.gz").read_bytes()
    assert follow(folder, labels, reading) == ""
    assert (folder / "labels.nii.gz").read_bytes() == before, "what the network found stays"
    found = np.asarray(nib.load(folder / "corrected.nii.gz").dataobj).T
    assert (int((found == 1).sum()), int((found == 2).sum())) == (800, 25)
    ball, node = csv.DictReader((run / "out" / "summary.csv").read_text().splitlines())
    assert (ball["label_name"], float(ball["volume_ml"])) == ("ball", pytest.approx(800 * ML))
    assert (node["label_name"], float(node["volume_ml"])) == ("node", pytest.approx(25 * ML))
    assert (ball["slices"], ball["first_slice"], ball["last_slice"], ball["doubtful_slices"]) == ("4", "3", "6", "")
    assert (ball["corrected_by"], ball["corrected_at"][:2]) == ("AB", "20")
    assert "accepted by AB, 20" in (run / "out" / "index.html").read_text()
    report = json.loads((folder / "report.json").read_text())
    assert [row["voxels"] for row in report["labels"]] == [800, 25]
    assert (report["corrected"]["by"], report["corrected"]["receipt"]["voxels"]) == ("AB", {"1": 800, "2": 25})
    record = read_record(folder)
    assert outputs_are_whole(folder, record)
    assert not record.to_check
    tally = run_batch(Places(run / "m.csv"), Options(run / "out", Redo.RESUME))
    assert (tally.kept, tally.done) == (1, 0)
    assert read_record(folder).corrected.by == "AB"
    (again,), _ = cases_of(run / "out" / "series", run)
    assert again.labels.endswith("corrected.nii.gz"), "who opens it next goes on from there"


def test_what_cannot_follow_is_told_and_two_blind_readers_change_nothing(run, accepted, tmp_path):
    progress, labels, reading = accepted
    folder = result_of(progress, run, "a")
    about = run / "out" / "batch.json"
    told = about.read_text()
    about.write_text(told.replace("m.csv", "moved.csv"))
    assert "its manifest is gone" in follow(folder, labels, reading)
    about.write_text(told)
    blind = Progress(run / "list.json", progress.worklist.model_copy(update={"readings": 2}))
    assert result_of(blind, run, "a") is None
    with pytest.raises(BatchError, match="holds no result"):
        follow(tmp_path, labels, reading)
