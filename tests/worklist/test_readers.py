"""How readers agree: numbers worked out by hand."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from support.dicom_files import AXIAL, along, pattern, write_series

from volsweep.geometry import Grid
from volsweep.io import read_volume, write_labels
from volsweep.volume import Label, LabelVolume
from volsweep.worklist.listing import Case, Worklist
from volsweep.worklist.progress import Progress
from volsweep.worklist.readers import agreement, drawn_by, kappa, left_out, to_csv

GRID = Grid.axis_aligned((4, 20, 20), (10, 1, 1))


def draw(path: Path, columns: slice) -> Path:
    array = np.zeros(GRID.shape_zyx, np.uint8)
    array[1:3, 5:15, columns] = 4
    write_labels(path, LabelVolume(array, GRID, {4: Label("=tumour", "#ff0000")}))
    return path


@pytest.fixture
def read(tmp_path) -> Progress:
    it = Progress(tmp_path / "l.json", Worklist(readings=3, cases=tuple(Case(name=n, series=n) for n in "abcd")))
    drawn = {"AB": slice(0, 10), "CD": slice(5, 15), "EF": slice(0, 10)}
    for reader, columns in drawn.items():
        working = it.begin("a", reader)
        path = draw(working.labels_folder / "labels.nii.gz", columns)
        working.end("accepted", labels=path.relative_to(working.folder))
    for case, (first, second) in {"b": ("accepted", "rejected"), "c": ("rejected", "rejected")}.items():
        it.begin(case, "AB").end(first, reason="x")
        it.begin(case, "CD").end(second, reason="x")
    it.begin("d", "AB").end("skipped", reason="x")
    return it


def test_every_pair_of_readers_case_and_object(read, tmp_path):
    rows = {(row.first, row.second): row for row in agreement(read, tmp_path)}
    assert set(rows) == {("AB", "CD"), ("AB", "EF"), ("CD", "EF")}
    half = rows["AB", "CD"]
    assert half.dsc == pytest.approx(0.5)
    assert (half.first_ml, half.second_ml) == (pytest.approx(2.0), pytest.approx(2.0))
    assert 0 < half.nsd < 1
    assert rows["AB", "EF"].dsc == rows["AB", "EF"].nsd == 1
    assert half.case == "a"
    assert drawn_by(read, tmp_path, "b") == {}


def test_kappa_of_accepting(read):
    # AB: accepted, accepted, rejected; CD: accepted, rejected, rejected. Agreed 2/3, by chance 4/9.
    found = kappa(read)
    assert found["AB", "CD"] == (pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9)), 3)
    assert found["AB", "EF"] == (None, 1)


def test_the_table_is_no_formula(read, tmp_path):
    rows = list(csv.DictReader(io.StringIO(to_csv(agreement(read, tmp_path)))))
    assert len(rows) == 3
    assert rows[0]["object"] == "'=tumour"
    assert float(rows[0]["dsc"]) == 0.5


def test_of_several_series_under_a_path_the_cases_own_is_taken(tmp_path):
    """Labels that name no series were held against the largest one, and the case could not be compared."""
    write_series(tmp_path / "s" / "large", pattern(9, 20, 20), along(AXIAL, 9, 3.0))
    write_series(tmp_path / "s" / "small", pattern(4, 20, 20), along(AXIAL, 4, 5.0, (3.0, 4.0, 5.0)))
    small = read_volume(tmp_path / "s" / "small")
    case = Case(name="a", series="s", uid=small.source.series_uid)
    it = Progress(tmp_path / "l.json", Worklist(readings=2, cases=(case,)))
    drawn = np.zeros(small.shape_zyx, np.uint8)
    drawn[1:3, 5:15, 4:9] = 1
    for reader in ("AB", "CD"):
        working = it.begin("a", reader)
        path = working.labels_folder / "labels.nii.gz"
        write_labels(path, LabelVolume(drawn, small.grid))
        working.end("accepted", labels=path.relative_to(working.folder))
    found = drawn_by(it, tmp_path, "a")
    assert {one.grid.shape_zyx for one in found.values()} == {small.shape_zyx}
    assert [row.dsc for row in agreement(it, tmp_path)] == [1]


def test_labels_that_are_others_than_were_accepted_are_told(tmp_path):
    """Of what was read elsewhere only the path is kept: written over, the table held what nobody had accepted."""
    it = Progress(tmp_path / "l.json", Worklist(readings=2, cases=(Case(name="a", series="a"),)))
    drawn = {reader: draw(tmp_path / f"{reader}.nii.gz", slice(0, 10)) for reader in ("AB", "CD")}
    for reader, path in drawn.items():
        it.begin("a", reader).end("accepted", labels=path)
    assert left_out(it) == []
    drawn["CD"].unlink()
    (tmp_path / "CD.labels.json").unlink()
    draw(drawn["CD"], slice(5, 15))
    (note,) = left_out(it)
    assert "a: the labels that CD accepted are others now" in note
    assert agreement(it, tmp_path)[0].dsc == pytest.approx(0.5), "and what is there is held against the other's"
