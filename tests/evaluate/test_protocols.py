"""The protocols on a real case: with the bundled network, but where drawn masks answer for themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.tiny_engine import TinySession

from volsweep import Plane, Session
from volsweep.evaluate import Method, Options, Protocol, evaluate
from volsweep.evaluate.metrics import dice, surface_dice
from volsweep.evaluate.protocols import Reader
from volsweep.evaluate.targets import Target
from volsweep.prompts.kinds import Box, Line, Point
from volsweep.prompts.mask import Mask
from volsweep.prompts.recist import Recist

pytestmark = pytest.mark.cases


def reader(case, kind=Session):
    volume, labels = case.load()
    target = Target.of(case.name, 1, labels.mask_zyx(1), Plane.AXIAL, labels.grid)
    return Reader(target, kind(volume, window=case.window))


@pytest.fixture(scope="module")
def boxed(hippocampus) -> Reader:
    """Protocol A read once; nothing is done to it."""
    one = reader(hippocampus)
    one.attempt = one.read(Protocol.A)
    return one


def test_protocol_a_is_one_box_and_one_sweep(hippocampus, boxed):
    one, attempt = boxed, boxed.attempt
    (prompt,) = one.session.prompts.prompts
    assert isinstance(prompt, Box)
    assert prompt.box_xyxy == one.target.box()
    assert prompt.slice == one.target.prompted_slice
    found = one.session.labels.array_zyx == 1
    assert np.array_equal(attempt.final_nyx, found)
    assert attempt.visited >= np.count_nonzero(found.any(axis=(1, 2))) - 1
    (score,) = evaluate([replace(hippocampus, labels=(1,))], options=Options(baselines=False, pictures=False)).scores
    assert score.method == Method("volsweep-nano")
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


def test_protocol_c2_draws_both_axes(hippocampus, boxed):
    one = reader(hippocampus)
    attempt = one.read(Protocol.C2)
    (prompt,) = one.session.prompts.prompts
    assert isinstance(prompt, Recist)
    assert prompt.axes_xyxy[:4] == one.target.line()
    assert (
        abs(dice(one.target.masks_nyx, attempt.final_nyx) - dice(one.target.masks_nyx, boxed.attempt.final_nyx)) < 0.1
    )


def test_protocol_d_gives_the_slices_of_five_errors(hippocampus):
    one = reader(hippocampus, TinySession)
    attempt = one.read(Protocol.D)
    drawn = [p for p in one.session.prompts.prompts if isinstance(p, Mask)]
    assert len(drawn) == 5
    for mask in drawn:
        assert np.array_equal(mask.to_array(), one.target.masks_nyx[mask.slice])
        assert np.array_equal(attempt.final_nyx[mask.slice], one.target.masks_nyx[mask.slice])
    dices = [dice(one.target.masks_nyx, mask) for mask in attempt.rounds_nyx]
    assert dices[5] > dices[0] + 0.05
