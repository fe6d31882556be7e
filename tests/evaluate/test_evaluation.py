"""The protocols with the bundled network on a real case, and what is reported of them."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from volsweep import Plane, Session
from volsweep.evaluate import Method, Options, Protocol, evaluate
from volsweep.evaluate.metrics import dice, surface_dice
from volsweep.evaluate.protocols import Reader
from volsweep.evaluate.scores import click_auc
from volsweep.evaluate.sheets import RESULT_COLOR, TRUTH_COLOR
from volsweep.evaluate.targets import Target
from volsweep.prompts.kinds import Box, Line, Mask, Point

pytestmark = pytest.mark.cases


@pytest.fixture(scope="module")
def report(hippocampus):
    options = Options(protocols=tuple(Protocol), jitter=True)
    return evaluate([replace(hippocampus, labels=(1,))], options=options)


def reader(case, value=1):
    volume, labels = case.load()
    target = Target.of(case.name, value, labels.mask_zyx(value), Plane.AXIAL, labels.grid)
    return Reader(target, Session(volume, window=case.window))


def test_protocol_a_is_one_box_and_one_sweep(hippocampus, report):
    one = reader(hippocampus)
    attempt = one.read(Protocol.A)
    (prompt,) = one.session.prompts.prompts
    assert isinstance(prompt, Box)
    assert prompt.box_xyxy == one.target.box()
    assert prompt.slice == one.target.prompted_slice
    found = one.session.labels.array_zyx == 1
    assert np.array_equal(attempt.final_nyx, found)
    assert attempt.visited >= np.count_nonzero(found.any(axis=(1, 2))) - 1
    score = next(s for s in report.scores if s.method == Method("volsweep-nano"))
    truth = one.target.masks_nyx
    assert score.dice == pytest.approx(dice(truth, found))
    assert score.nsd == pytest.approx(surface_dice(truth, found, (1, 1, 1)))
    preview = one.session.preview(label=1, slice=prompt.slice)
    assert score.slice_dice == pytest.approx(dice(truth[prompt.slice], preview))


def test_protocol_b_adds_five_clicks_that_mend_the_mask(hippocampus):
    one = reader(hippocampus)
    attempt = one.read(Protocol.B)
    assert len(attempt.rounds_nyx) == 6
    points = [p for p in one.session.prompts.prompts if isinstance(p, Point)]
    assert len(points) == 5
    for point in points:
        at = (point.slice, round(point.point_xy[1]), round(point.point_xy[0]))
        assert one.target.masks_nyx[at] == point.positive
    dices = [dice(one.target.masks_nyx, mask) for mask in attempt.rounds_nyx]
    assert max(dices[1:]) > dices[0]


def test_protocol_c_draws_the_longest_diameter(hippocampus):
    one = reader(hippocampus)
    one.read(Protocol.C)
    (prompt,) = one.session.prompts.prompts
    assert isinstance(prompt, Line)
    assert prompt.line_xyxy == one.target.line()


def test_protocol_d_gives_the_slices_of_five_errors(hippocampus):
    one = reader(hippocampus)
    attempt = one.read(Protocol.D)
    drawn = [p for p in one.session.prompts.prompts if isinstance(p, Mask)]
    assert len(drawn) == 5
    for mask in drawn:
        assert np.array_equal(mask.to_array(), one.target.masks_nyx[mask.slice])
        assert np.array_equal(attempt.final_nyx[mask.slice], one.target.masks_nyx[mask.slice])
    dices = [dice(one.target.masks_nyx, mask) for mask in attempt.rounds_nyx]
    assert dices[5] > dices[0] + 0.05


def test_jittered_prompts_are_repeatable_and_differ(hippocampus, report):
    again = evaluate([replace(hippocampus, labels=(1,))], options=Options(jitter=True, baselines=False))
    for jittered in (False, True):
        method = Method("volsweep-nano", "A", jittered)
        first, second = (next(s for s in r.scores if s.method == method) for r in (report, again))
        assert first.dice == second.dice
    ideal, strayed = (
        next(s for s in report.scores if s.method == Method("volsweep-nano", "A", jittered))
        for jittered in (False, True)
    )
    assert ideal.dice != strayed.dice


def test_the_table_and_the_json_hold_every_method(report):
    methods = {s.method for s in report.scores}
    assert {m.name for m in methods} >= {"volsweep-nano", "watershed", "ellipse, true range"}
    assert len([m for m in methods if m.name == "volsweep-nano"]) == 8
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


def test_sheets_show_truth_and_result(report, tmp_path):
    files = report.write(tmp_path / "out")
    sheets = [f for f in files if f.suffix == ".png"]
    assert len(sheets) == 8
    image = np.array(Image.open(BytesIO(sheets[0].read_bytes())).convert("RGB"))
    for color in (TRUTH_COLOR, RESULT_COLOR):
        assert (image == color).all(axis=-1).sum() > 200


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


def test_the_area_under_five_clicks_is_at_most_four():
    assert click_auc((0.2, 1, 1, 1, 1, 1)) == 4
    assert click_auc((0.9, 0, 1, 0, 1, 0)) == 2
    assert click_auc((0.5,)) is None
