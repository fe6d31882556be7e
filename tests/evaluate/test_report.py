"""Table, JSON and choice of pictures, from scores made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from volsweep.evaluate import report as module
from volsweep.evaluate.report import Report, Scored
from volsweep.evaluate.scores import Method, Score

NET, CLICKED = Method("net"), Method("net", "B", jittered=True)


def scored(case: str, dice: float, method: Method = NET, rounds: int = 1) -> Scored:
    one = Score("ball CT", case, 1, method, (dice,) * rounds, (dice,) * rounds, dice, 0, 2, 2.0, 40)
    return Scored(one, np.zeros((4, 6, 3), dtype=np.uint8))


@pytest.fixture
def made() -> Report:
    values = {"a": 0.7, "b": 0.9, "c": 0.2, "d": 0.8}
    return Report((*(scored(c, v) for c, v in values.items()), scored("a", 0.5, CLICKED, 6)), ("e label 1 (3 voxels)",))


def test_the_table(made):
    head, rule, first, second, _, left_out = made.to_markdown().splitlines()
    names = [cell.strip() for cell in head.strip("|").split("|")]
    assert len({line.count("|") for line in (head, rule, first, second)}) == 1
    assert set(rule) == set("| -")
    cells = dict(zip(names, (cell.strip() for cell in first.strip("|").split("|")), strict=True))
    assert (cells["family"], cells["method"], cells["protocol"], cells["labels (cases)"]) == (
        "ball CT", "net", "A", "4 (4)")  # fmt: skip
    assert cells["DSC mean"].startswith("0.650 [")
    assert cells["DSC median"].startswith("0.750 [")
    assert (cells["end error"], cells["DSC_AUC"], cells["s/case"], cells["slices/s"]) == ("1", "", "2.0", "20")
    clicked = dict(zip(names, (cell.strip() for cell in second.strip("|").split("|")), strict=True))
    assert (clicked["protocol"], clicked["DSC_AUC"]) == ("B, jittered", "2.000")
    assert left_out == "Left out: e label 1 (3 voxels)."


def test_a_row_is_found_by_group_and_method(made):
    assert made.row("ball CT", CLICKED).labels == 1
    assert made.row("ball MR", NET) is None


def test_sheets_show_the_best_the_median_and_the_worst(made, monkeypatch):
    shown = {}
    monkeypatch.setattr(module, "contact_sheet", lambda title, strips: shown.update({title: strips}) or b"png")
    names = [name for name, _ in made.sheets()]
    assert names == ["ball-ct-net-a", "ball-ct-net-b-jittered"]
    captions = [caption for caption, _ in shown["ball CT, net, protocol A"]]
    assert [c.split(",")[0] for c in captions] == ["best: b label 1", "median: a label 1", "worst: c label 1"]
    assert all("begins +0, ends +2 slices" in c for c in captions)
    assert len(shown["ball CT, net, protocol B, jittered"]) == 1


def test_what_is_written_is_what_is_told(made, tmp_path):
    files = made.write(tmp_path / "out")
    assert {f.name for f in files} == {
        "accuracy.md",
        "accuracy.json",
        "ball-ct-net-a.png",
        "ball-ct-net-b-jittered.png",
    }
    assert (tmp_path / "out" / "accuracy.md").read_text() == made.to_markdown()
    content = json.loads((tmp_path / "out" / "accuracy.json").read_text())
    assert [s["dice"] for s in content["scores"]] == [0.7, 0.9, 0.2, 0.8, 0.5]
    assert content["skipped"] == list(made.skipped)
