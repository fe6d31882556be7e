"""Rows that follow an earlier series: what they need, what their key hangs on, and a run from files to page."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from support.followed_patient import first_study, grid_around, imaged, saved, six_degrees, someone

from volsweep import read_labels, write_labels
from volsweep.batch import Options, Places, in_process, problems_of, run_batch
from volsweep.batch.followed import digest
from volsweep.batch.manifest import Row, read_manifest
from volsweep.batch.record import read_record


@pytest.fixture
def patient(tmp_path):
    """Two studies and what was drawn on the first: two objects, of which the second stands for nothing."""
    someone_ = someone()
    volume, labels = first_study(someone_)
    later, truth = imaged(someone_, grid_around(), six_degrees(), tuple(0.8 * r for r in someone_.radii))
    saved(tmp_path / "march.nii.gz", volume)
    saved(tmp_path / "june.nii.gz", later)
    array = labels.array_zyx.copy()
    array[2, 30:33, 30:33] = 5
    write_labels(tmp_path / "drawn.nii.gz", labels.with_array(array))
    return truth


def manifest(tmp_path, **cells):
    row = {"series": "june.nii.gz", "prompts": "drawn.nii.gz", "baseline": "march.nii.gz", **cells}
    path = tmp_path / "manifest.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(row))
        writer.writeheader()
        writer.writerow(row)
    return path


def problems(path, deep=False):
    (entry,) = read_manifest(path)
    return problems_of(entry, Places(path), deep)


def test_a_row_is_followed_from_files_to_table_and_page(tmp_path, patient):
    path = manifest(tmp_path, label="GTV")
    assert problems(path, deep=True) == []
    tally = run_batch(Places(path), Options(tmp_path / "out", device="cpu"), in_process)
    assert (tally.done, tally.failed) == (1, 0)
    folder = tmp_path / "out" / "series" / "june"
    found = read_labels(folder / "labels.nii.gz")
    assert found.values() == [3]  # the other one was not asked for
    mask = found.mask_zyx(3)
    assert 2 * (mask & patient).sum() / (mask.sum() + patient.sum()) > 0.8
    record = read_record(folder)
    assert {"labels.nii.gz", "changes.csv", "report.json", "preview.png"} <= set(record.outputs)
    (change,) = record.changes
    assert change.fate == "found"
    assert change.volume_change_percent < -20
    (line,) = csv.DictReader((tmp_path / "out" / "summary.csv").read_text().splitlines())
    assert line["fate"] == "found"
    assert float(line["volume_change_percent"]) == change.volume_change_percent
    page = (tmp_path / "out" / "index.html").read_text()
    assert f"{change.volume_change_percent:+.0f} %" in page
    assert "not a diagnosis" in page


def test_the_digest_hangs_on_objects_and_both_of_their_files(tmp_path, patient):
    row = Row(series="june.nii.gz", prompts="drawn.nii.gz", baseline="march.nii.gz")
    here = (tmp_path / "march.nii.gz", None)
    before = digest(row, tmp_path, here)
    assert digest(row, tmp_path, here) == before
    assert digest(row, tmp_path, (tmp_path / "june.nii.gz", None)) != before
    labels = read_labels(tmp_path / "drawn.nii.gz")
    write_labels(tmp_path / "drawn.nii.gz", labels.with_array(np.roll(labels.array_zyx, 1, 2)), overwrite=True)
    assert digest(row, tmp_path, here) != before


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"baseline": "april.nii.gz"}, "baseline 'april.nii.gz' does not exist"),
        ({"prompts": "box 1@5:1,1,9,9"}, "they are the file that was drawn on it"),
        ({"range": "4:6", "patience": "9"}, "leave out range, patience"),
    ],
)
def test_what_is_wrong_is_found_before_the_work(tmp_path, patient, cells, said):
    (problem,) = problems(manifest(tmp_path, **cells))
    assert said in problem


def test_prompts_are_no_drawing(tmp_path, patient):
    (tmp_path / "p.json").write_text('{"format": "volsweep prompts", "version": 1, "prompts": []}')
    (problem,) = problems(manifest(tmp_path, prompts="p.json"))
    assert "follows what was drawn on it" in problem


def test_a_label_that_is_not_there_is_found_by_the_deep_check(tmp_path, patient):
    path = manifest(tmp_path, label="node")
    assert problems(path) == []
    (problem,) = problems(path, deep=True)
    assert "there is no label 'node'" in problem
