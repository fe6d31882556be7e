"""`volsweep info`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pydicom
import pytest
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.cli.info import info
from volsweep.cli.terminal.console import Terminal

PHANTOM = Path(__file__).resolve().parents[2] / "sample_data" / "ct_phantom"


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_info_as_json():
    (series,) = json.loads(call("info", PHANTOM, "--json"))
    assert (series["modality"], series["shape_zyx"], series["loadable"]) == ("CT", [40, 256, 256], True)


def test_where_it_is_piped_a_series_is_a_line_with_tabs():
    lines = call("info", PHANTOM.parent).splitlines()
    rows = [line.split("\t") for line in lines]
    assert [row[:3] for row in rows] == [
        ["1", "Synthetic head, T1 after contrast, metastasis", "MR"],
        ["1", "Synthetic abdomen, liver lesion", "CT"],
    ]
    assert rows[1][3:6] == ["40 × 256 × 256", "4.5 × 1.4 × 1.4", "SPL"]
    assert rows[1][7] == str(pydicom.dcmread(next(PHANTOM.iterdir())).SeriesInstanceUID)


def test_on_a_terminal_a_series_is_one_line_whatever_its_width(monkeypatch, capsys):
    narrow = Terminal(force_terminal=True, width=40, color_system=None)
    monkeypatch.setattr("volsweep.cli.info.console", narrow)
    info(PHANTOM.parent)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["no.", "description", "modality"]
    assert len(rows) == 2
    starts = [row.index("2.25.") for row in rows]
    assert starts == [head.index("series")] * 2, "columns stand below their headings"
    assert all(re.fullmatch(r"2\.25\.\d{30,}", row[at:]) for row, at in zip(rows, starts, strict=True))


def test_dates_and_numbers_of_the_examination(tmp_path):
    for path in sorted(PHANTOM.iterdir())[:3]:
        slice_ = pydicom.dcmread(path)
        slice_.StudyDate, slice_.AccessionNumber, slice_.SeriesDescription = "20261128", "A-77", "T1\n\tax"
        slice_.save_as(tmp_path / path.name)
    (row,) = call("info", tmp_path).splitlines()
    assert row.split("\t")[6] == "2026-11-28"
    (told,) = json.loads(call("info", tmp_path, "--json"))
    assert (told["path"], told["study_date"], told["accession"]) == (str(tmp_path), "20261128", "A-77")
    assert told["study_uid"] == str(slice_.StudyInstanceUID)


def test_in_a_tree_what_has_a_number_of_others_is_named_by_its_folder(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        slice_ = pydicom.dcmread(next(PHANTOM.iterdir()))
        slice_.Modality, slice_.SeriesInstanceUID = "KO", f"1.2.{ord(name)}"
        slice_.save_as(tmp_path / name / "1.dcm")
    shown = CliRunner().invoke(app, ["info", str(tmp_path)]).output
    assert f"series 1 in {tmp_path / 'a' / '1.dcm'}: " in shown
    assert f"series 1 in {tmp_path / 'b' / '1.dcm'}: " in shown


@pytest.mark.cases
def test_info_says_why_a_series_cannot_be_loaded(cases):
    shown = call("info", cases / "dicom" / "missing_slice_mr")
    assert "cannot be loaded" in shown
    assert "--gaps keep loads the slices" in shown
    assert "gaps=" not in shown
