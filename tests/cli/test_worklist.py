"""A worklist from the command line: made, shown, marked, and held reader against reader."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from volsweep.cli import app
from volsweep.errors import VolsweepError
from volsweep.geometry import Grid
from volsweep.io import read_labels, write_labels
from volsweep.volume import Label, LabelVolume
from volsweep.worklist import read_worklist

GRID = Grid.axis_aligned((4, 20, 20), (3, 1, 1))


def run(*words, code: int = 0) -> str:
    found = CliRunner().invoke(app, [str(word) for word in words])
    assert found.exit_code == code, found.output
    return found.output


def draw(path, columns: slice, name: str = "tumour"):
    array = np.zeros(GRID.shape_zyx, np.uint8)
    array[1:3, 5:15, columns] = 1
    write_labels(path, LabelVolume(array, GRID, {1: Label(name, "#ff0000")}))
    return path


@pytest.fixture
def listed(tmp_path):
    for name in ("one", "two"):
        scan = draw(tmp_path / f"{name}.nii.gz", slice(0, 1))
        scan.with_name(f"{name}.labels.json").unlink()
    path = tmp_path / "list.json"
    words = ["--readings", 2, "--due", "2026-12-01", "--window", "lung", "--label", "1=tumour:#00ff00"]
    assert "2 cases" in run("worklist", "make", tmp_path, "-o", path, *words, "--measured", "tumour")
    return path


def test_what_it_is_made_with_is_in_the_list(listed):
    made = read_worklist(listed)
    assert [case.series for case in made.cases] == ["one.nii.gz", "two.nii.gz"]
    assert made.task.labels[1].color == "#00ff00"
    assert made.task.window == "lung"
    assert {case.due for case in made.cases} == {"2026-12-01"}


def test_a_day_with_two_readers(listed, tmp_path):
    drawn = {"AB": draw(tmp_path / "ab.nii.gz", slice(2, 12)), "CD": draw(tmp_path / "cd.nii.gz", slice(3, 13))}
    assert json.loads(run("worklist", "next", listed, "--reader", "AB", "--json"))["name"] == "one"
    for reader, labels in drawn.items():
        run("worklist", "mark", listed, "one", "accepted", "--labels", labels, "--reader", reader)
        run("worklist", "mark", listed, "two", "rejected", "--reason", "moved", "--reader", reader)
    assert run("worklist", "next", listed, "--reader", "AB", code=3).strip() == "note: no case waits"
    mine = json.loads(run("worklist", "show", listed, "--reader", "AB", "--json"))
    assert [[one["reader"] for one in row["readings"]] for row in mine] == [["AB"], ["AB"]]
    every = json.loads(run("worklist", "show", listed, "--all", "--search", "tw", "--json"))
    assert [[one["reader"] for one in row["readings"]] for row in every] == [["AB", "CD"]]
    assert "moved" in run("worklist", "show", listed, "--reader", "AB")
    told = json.loads(run("agreement", listed, "--csv", tmp_path / "a.csv", "--json"))
    assert told["rows"][0]["dsc"] == pytest.approx(0.9)
    assert told["kappa"] == [{"readers": ["AB", "CD"], "kappa": 1.0, "cases": 2}]
    assert (tmp_path / "a.csv").read_text().count("\n") == 2
    run("agreement", listed, "--page", tmp_path / "a.html")
    assert "<h1>Agreement: list</h1>" in (tmp_path / "a.html").read_text()
    run("agreement", listed, "--consensus", "majority", "-o", tmp_path / "both")
    assert read_labels(tmp_path / "both" / "one.nii.gz").mask_zyx(1).sum() == 2 * 10 * 9
    assert "kappa of accepting, AB and CD, 2 cases: 1.00" in run("agreement", listed)


@pytest.mark.parametrize(
    "words",
    [
        ["worklist", "make", ".", "-o", "x.json", "--label", "tumour"],
        ["worklist", "make", ".", "-o", "x.json", "--due", "soon"],
        ["worklist", "make", ".", "-o", "x.json", "--due", "2026-02-30"],
        ["worklist", "make", ".", "-o", "x.json", "--window", "blue"],
        ["agreement", "x.json", "--consensus", "staple"],
    ],
)
def test_a_bad_call_is_refused(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(*words, code=2)
    assert not list(tmp_path.iterdir())


def test_what_was_made_and_marked_as_json(listed, tmp_path):
    again = tmp_path / "again.json"
    told = json.loads(run("worklist", "make", tmp_path, "-o", again, "--json"))
    assert told == {"worklist": str(again), "cases": ["one", "two"], "notes": []}
    assert [case.name for case in read_worklist(again).cases] == told["cases"]
    drawn = draw(tmp_path / "ab.nii.gz", slice(2, 12))
    asked = ["worklist", "mark", listed, "one", "accepted", "--labels", drawn, "--reader", "AB", "--json"]
    told = json.loads(run(*asked))
    assert (told.pop("notes"), told["outcome"]) == ([], "accepted")
    (shown, *_) = json.loads(run("worklist", "show", listed, "--all", "--json"))
    assert shown["readings"] == [told]


def test_a_case_is_not_accepted_without_what_must_be_measured(listed, tmp_path):
    other = draw(tmp_path / "other.nii.gz", slice(2, 12), "node")
    found = CliRunner().invoke(app, ["worklist", "mark", str(listed), "one", "accepted", "--labels", str(other)])
    assert isinstance(found.exception, VolsweepError)
    assert "tumour must be drawn" in str(found.exception)
    assert json.loads(run("worklist", "show", listed, "--all", "--json"))[0]["readings"] == []


def test_agreement_says_what_its_table_does_not_hold(listed, tmp_path):
    assert "nothing to compare" in run("agreement", listed)
    drawn = draw(tmp_path / "ab.nii.gz", slice(2, 12))
    run("worklist", "mark", listed, "one", "accepted", "--labels", drawn, "--reader", "AB")
    path = tmp_path / "list.json"
    path.write_text(path.read_text().replace('"measured": [\n   "tumour"\n  ]', '"measured": []'))
    run("worklist", "mark", listed, "one", "accepted", "--reader", "CD")
    assert "one: CD accepted it without labels" in run("agreement", listed)


def test_what_was_decided_while_reading_is_told(tmp_path):
    path = draw(tmp_path / "x.nii.gz", slice(2, 12))
    sidecar = tmp_path / "x.labels.json"
    content = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**content, "groups": {"x.nii.gz": {}, "gone.nii.gz": {"2": "node"}}}))
    assert "gone.nii.gz is not beside x.nii.gz" in run("surface", path, "-o", tmp_path / "x.stl")
    scan = draw(tmp_path / "scans.nii.gz", slice(0, 1))
    scan.with_name("scans.labels.json").unlink()
    (tmp_path / "l.json").write_text(
        '{"schema": "volsweep-worklist", "version": 1, "cases": [{"name": "a", "series": "scans.nii.gz"}]}'
    )
    asked = ["worklist", "mark", tmp_path / "l.json", "a", "accepted", "--labels", path]
    found = CliRunner().invoke(app, [str(word) for word in [*asked, "--json"]])
    (note,) = json.loads(found.stdout)["notes"]
    assert "gone.nii.gz is not" in note
    assert note in found.stderr.replace("\n", " ")


def test_what_is_read_is_never_written_over(listed, tmp_path):
    before = listed.read_bytes()
    for option in ("--csv", "--page"):
        with pytest.raises(VolsweepError, match="source that is read"):
            CliRunner().invoke(app, ["agreement", str(listed), option, str(listed), "--force"], catch_exceptions=False)
    assert listed.read_bytes() == before
    manifest = tmp_path / "m.csv"
    manifest.write_text("series,prompts\none.nii.gz,one.nii.gz\n")
    words = ["worklist", "make", str(manifest), "-o", str(manifest), "--force"]
    with pytest.raises(VolsweepError, match="source that is read"):
        CliRunner().invoke(app, words, catch_exceptions=False)
