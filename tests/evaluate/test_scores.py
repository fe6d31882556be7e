"""Scores and how they are summarised."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from volsweep import Grid, Plane
from volsweep.evaluate.scores import Method, Score, click_auc, score, summary_rows
from volsweep.evaluate.targets import Target


def test_the_area_under_five_clicks_is_at_most_four():
    assert click_auc((0.2, 1, 1, 1, 1, 1)) == 4
    assert click_auc((0.9, 0, 1, 0, 1, 0)) == 2
    assert click_auc((0.5,)) is None


@pytest.fixture
def target() -> Target:
    mask = np.zeros((8, 20, 20), dtype=bool)
    mask[2:6, 5:15, 5:15] = True
    mask[3, 4:16, 5:15] = True
    return Target.of("one", 4, mask, Plane.AXIAL, Grid.axis_aligned(mask.shape, (2.0, 1.0, 1.0)))


def test_a_score_by_counting(target):
    truth = target.masks_nyx
    first = np.zeros_like(truth)
    first[3, 5:15, 5:15] = True
    last = truth.copy()
    last[6] = last[5]
    found = score(target, SimpleNamespace(group="ball CT", patient="P7"), Method("net", "B"), [first, last], (1.5, 12))
    overlap, sizes = np.count_nonzero(truth & last), truth.sum() + last.sum()
    assert found.dice_rounds[1] == found.dice == pytest.approx(2 * overlap / sizes)
    assert found.slice_dice == pytest.approx(2 * 100 / (100 + 120)), "of the first round, on the prompted slice"
    assert (found.first_error, found.last_error) == (0, 1)
    assert (found.case, found.label, found.seconds, found.visited) == ("one", 4, 1.5, 12)
    assert (found.group, found.patient) == ("ball CT", "P7")
    told = found.to_dict()
    assert (told["method"], told["protocol"], told["jittered"]) == ("net", "B", False)
    assert "name" not in told


NET = Method("m")


def made(case: str, dice: float, group: str = "g", method: Method = NET, **rest) -> Score:
    fields = {"first_error": 1, "last_error": -3} | rest
    return Score(group, case, 1, method, (dice,), (dice / 2,), 0.9, **fields)


def test_rows_are_means_over_labels_and_keep_their_order():
    other = Method("other")
    scores = [made("a", 0.5, seconds=2.0, visited=10), made("x", 0.1, "h"), made("a", 0.7, seconds=1.0, visited=20),
              made("b", 0.9, seconds=3.0, visited=30), made("a", 0.3, method=other)]  # fmt: skip
    rows = summary_rows(scores)
    assert [(r.group, r.method.name, r.cases, r.labels) for r in rows] == [
        ("g", "m", 2, 3), ("g", "other", 1, 1), ("h", "m", 1, 1)]  # fmt: skip
    first = rows[0]
    assert first.dice.mean == pytest.approx(0.7)
    assert first.nsd.mean == pytest.approx(0.35)
    assert first.end_error == 2
    assert first.seconds_per_case == pytest.approx(6 / 2)
    assert first.slices_per_second == pytest.approx(60 / 6)
    assert rows[1].seconds_per_case is None
    assert first.dice_auc is None
