"""Cases through protocols: what is scored, left out and reported."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.tiny_engine import TinySession

from volsweep import Plane
from volsweep.evaluate import Method, Options, Protocol, evaluate
from volsweep.evaluate.scores import click_auc

pytestmark = pytest.mark.cases


def test_jittered_prompts_are_repeatable_and_differ(hippocampus, monkeypatch):
    boxes = []

    class Told(TinySession):
        def add_box(self, **prompt) -> None:
            boxes.append(prompt["box_xyxy"])
            super().add_box(**prompt)

    monkeypatch.setattr("volsweep.evaluate.evaluation.Session", Told)
    for _ in range(2):
        evaluate([replace(hippocampus, labels=(1,))], options=Options(jitter=True, baselines=False))
    first, again = boxes[:2], boxes[2:]
    assert first == again
    ideal, strayed = first
    assert ideal != strayed


@pytest.mark.long
def test_the_table_and_the_json_hold_every_method(report):
    methods = {s.method for s in report.scores}
    assert {m.name for m in methods} >= {"volsweep-nano", "watershed", "ellipse, true range"}
    assert len([m for m in methods if m.name == "volsweep-nano"]) == 2 * len(Protocol)
    lines = report.to_markdown().strip().splitlines()
    assert len(lines) == 2 + len(methods)
    assert len({line.count(" | ") for line in lines}) == 1
    content = json.loads(report.to_json())
    assert len(content["scores"]) == len(methods)
    with_clicks = next(s for s in content["scores"] if s["protocol"] == "B")
    assert with_clicks["dice_auc"] == pytest.approx(click_auc(with_clicks["dice_rounds"]))
    assert len(with_clicks["dice_rounds"]) == len(with_clicks["nsd_rounds"]) == 6
    row = report.row("hippocampus MR", Method("volsweep-nano", "B"))
    assert row.slices_per_second > 0
    assert row.seconds_per_case > 0


def test_labels_too_small_are_left_out_and_named(hippocampus):
    report = evaluate([hippocampus], models=(), options=Options(min_voxels=1700))
    assert {s.label for s in report.scores} == {1}
    assert "hippocampus_383 label 2 (1643 voxels)" in report.to_markdown()
    assert report.skipped == ("hippocampus_383 label 2 (1643 voxels)",)


def test_another_plane_is_swept_along_its_own_axis(hippocampus):
    report = evaluate(
        [replace(hippocampus, labels=(1,))], options=Options(plane=Plane.CORONAL, baselines=False, pictures=False)
    )
    (score,) = report.scores
    assert score.slice_dice > 0.5
