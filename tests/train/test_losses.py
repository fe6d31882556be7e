from __future__ import annotations

import numpy as np
import pytest
import torch

from volsweep.train.losses import (
    LossWeights,
    SweptVolume,
    Tally,
    add_bodies,
    add_slice,
    balanced_cross_entropy,
    dice_loss,
    dsc_of,
    focal_loss,
    iou_of,
)


@pytest.fixture
def pair(rng):
    logits = torch.from_numpy(rng.normal(0, 2, (3, 2, 8, 8)))
    truth = torch.from_numpy((rng.random((3, 2, 8, 8)) < 0.3).astype(np.float64))
    return logits, truth


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_dice_against_its_formula(pair):
    logits, truth = pair
    p, t = _sigmoid(logits.numpy()), truth.numpy()
    expected = 1 - (2 * (p * t).sum((2, 3)) + 1) / (p.sum((2, 3)) + t.sum((2, 3)) + 1)
    np.testing.assert_allclose(dice_loss(logits, truth).numpy(), expected)


def test_balanced_cross_entropy_against_its_formula(pair):
    logits, truth = pair
    p, t = _sigmoid(logits.numpy()), truth.numpy().astype(bool)
    expected = [
        [
            (-np.log(p[i, j][t[i, j]]).mean() - np.log(1 - p[i, j][~t[i, j]]).mean()) / 2
            for j in range(2)
        ]
        for i in range(3)
    ]  # fmt: skip
    np.testing.assert_allclose(balanced_cross_entropy(logits, truth).numpy(), expected)


def test_focal_against_its_formula(pair):
    logits, truth = pair
    p, t = _sigmoid(logits.numpy()), truth.numpy()
    right = np.where(t > 0, p, 1 - p)
    np.testing.assert_allclose(focal_loss(logits, truth).numpy(), (-((1 - right) ** 2) * np.log(right)).mean((2, 3)))


def test_overlaps_against_counting(pair):
    logits, truth = pair
    a, b = logits.numpy() > 0, truth.numpy() > 0.5
    np.testing.assert_allclose(iou_of(logits, truth).numpy(), (a & b).sum((2, 3)) / (a | b).sum((2, 3)), rtol=1e-6)
    np.testing.assert_allclose(
        dsc_of(logits, truth).numpy(), 2 * (a & b).sum((2, 3)) / (a.sum((2, 3)) + b.sum((2, 3))), rtol=1e-6
    )
    nothing = torch.zeros(1, 1, 4, 4)
    assert iou_of(nothing - 1, nothing).item() == dsc_of(nothing - 1, nothing).item() == 1


def test_only_the_best_mask_learns():
    truth = torch.zeros(1, 16, 16, dtype=torch.bool)
    truth[0, 4:12, 4:12] = True
    masks = torch.full((1, 3, 16, 16), -4.0)
    masks[0, 1] = torch.where(truth[0], 4.0, -4.0)
    masks.requires_grad_()
    tally = Tally(LossWeights())
    add_slice(tally, masks, torch.full((1, 3), 0.5), torch.zeros(1, 1), truth, scored=torch.ones(1, dtype=torch.bool))
    tally.total().backward()
    moved = masks.grad.abs().sum((0, 2, 3))
    assert moved[1] > 0
    assert moved[0] == moved[2] == 0


def test_absent_objects_teach_the_score_and_nothing_about_shape():
    truth = torch.zeros(2, 16, 16, dtype=torch.bool)
    truth[0, 4:12, 4:12] = True
    tally = Tally(LossWeights())
    scored = torch.ones(2, dtype=torch.bool)
    add_slice(tally, torch.zeros(2, 1, 16, 16), torch.zeros(2, 1), torch.tensor([[3.0], [3.0]]), truth, scored=scored)
    means = {name: float(value) for name, value in tally.means().items()}
    assert means["score_right_present"] == 1
    assert means["score_right_absent"] == 0
    assert tally.counts["dice"] == 1
    assert tally.counts["absent_mask"] == 1
    assert means["score_present"] == pytest.approx(np.log1p(np.exp(-3)), rel=1e-4)
    assert means["score_absent"] == pytest.approx(np.log1p(np.exp(3)), rel=1e-5)


def test_presence_that_is_not_known_is_not_learned():
    truth = torch.zeros(1, 16, 16, dtype=torch.bool)
    score = torch.zeros(1, 1, requires_grad=True)
    tally = Tally(LossWeights())
    add_slice(
        tally, torch.zeros(1, 1, 16, 16), torch.zeros(1, 1), score, truth, scored=torch.zeros(1, dtype=torch.bool)
    )
    tally.total().backward()
    assert score.grad.item() == 0


def _swept(logits, scores, truth, scored=None):
    tally, volume = Tally(LossWeights()), SweptVolume()
    for t in range(len(truth)):
        there = torch.ones(len(truth[t]), dtype=torch.bool) if scored is None else scored[t]
        volume.add(logits[t], scores[t], truth[t], there)
    volume.add_to(tally)
    return float(tally.means()["volume"])


def test_the_volume_loss_is_the_overlap_of_the_whole():
    truth = torch.zeros(3, 1, 64, 64, dtype=torch.bool)
    truth[0, 0, 8:48, 8:48] = True
    truth[1, 0, 20:28, 20:28] = True  # a twenty-fifth of it
    sure = torch.where(torch.nn.functional.avg_pool2d(truth[:, 0].float(), 4) > 0.5, 20.0, -20.0)[:, None]
    there = torch.tensor([[[20.0]], [[20.0]], [[-20.0]]])
    assert _swept(sure, there, truth) < 0.02
    # Missing the small slice costs little, missing the large one nearly all.
    assert _swept(sure, torch.tensor([[[20.0]], [[-20.0]], [[-20.0]]]), truth) == pytest.approx(0.02, abs=0.02)
    assert _swept(sure, torch.tensor([[[-20.0]], [[20.0]], [[-20.0]]]), truth) > 0.9
    # Masks where the object is said not to be do not count; where it is said to be, they do.
    full = sure.clone()
    full[2] = 20.0
    assert _swept(full, there, truth) < 0.02
    runs_on = torch.tensor([[[20.0]], [[20.0]], [[20.0]]])
    assert _swept(full, runs_on, truth) > 0.3
    # Unless nobody knows.
    known = torch.tensor([[True], [True], [False]])
    assert _swept(full, runs_on, truth, known) < 0.02


PROMPTED = 4


def _bodies(logits, truth, known=None):
    tally = Tally(LossWeights())
    add_bodies(tally, logits, truth, torch.ones_like(truth) if known is None else known, PROMPTED)
    return tally, {name: float(value.detach()) for name, value in tally.means().items()}


@pytest.fixture
def body():
    """A brick of 4 x 6 x 5 voxels in a block."""
    truth = torch.zeros(1, 12, 16, 16, dtype=torch.bool)
    truth[0, 3:7, 4:10, 5:10] = True
    return truth


def test_bodies_against_the_formula(rng):
    logits = torch.from_numpy(rng.normal(0, 2, (2, 6, 5, 4)))
    truth = torch.from_numpy(rng.random((2, 6, 5, 4)) < 0.3)
    _, found = _bodies(logits, truth)
    p, t = _sigmoid(logits.numpy()), truth.numpy()
    axes = (1, 2, 3)
    soft = 1 - (2 * (p * t).sum(axes) + 1) / (p.sum(axes) + t.sum(axes) + 1)
    assert found["body"] == pytest.approx(soft.mean(), rel=1e-5)
    entropy = -np.log(np.where(t, p, 1 - p)).sum(axes) / (t.sum(axes) + 50)
    assert found["body_entropy"] == pytest.approx(entropy.mean(), rel=1e-5)
    plane = 1 - (2 * (p * t)[:, PROMPTED].sum((1, 2)) + 1) / ((p + t)[:, PROMPTED].sum((1, 2)) + 1)
    assert found["body_prompted"] == pytest.approx(plane.mean(), rel=1e-5)
    hard = p > 0.5
    dsc = 2 * (hard & t).sum(axes) / (hard.sum(axes) + t.sum(axes))
    assert found["body_dsc"] == pytest.approx(dsc.mean(), abs=0.02)


def test_a_body_found_missed_or_not_there(body):
    _, found = _bodies(torch.where(body, 20.0, -20.0), body)
    assert found == pytest.approx({"body": 0, "body_prompted": 0, "body_entropy": 0, "body_dsc": 1}, abs=1e-4)
    _, missed = _bodies(torch.full(body.shape, -20.0), body)
    assert missed["body"] == pytest.approx(1 - 1 / 121, abs=1e-3)
    assert missed["body_dsc"] == pytest.approx(1 / 121)
    assert missed["body_entropy"] == pytest.approx(20 * 120 / 170, rel=1e-3)
    nothing = torch.zeros_like(body)
    _, absent = _bodies(torch.full(body.shape, -20.0), nothing)
    assert absent == pytest.approx({"body": 0, "body_prompted": 0, "body_entropy": 0, "body_dsc": 1}, abs=1e-3)


def test_bodies_where_the_truth_is_not_known_count_nowhere(body):
    known = torch.ones_like(body)
    known[:, 6:] = False  # a quarter of the brick, and all beyond it
    known[:, :, 12:] = False
    logits = torch.where(body, 2.0, -2.0)
    _, expected = _bodies(logits[:, :6, :12], body[:, :6, :12])
    wild = logits.clone()
    wild[~known] = 15.0
    wild.requires_grad_()
    tally, found = _bodies(wild, body, known)
    assert found == pytest.approx(expected)
    tally.total().backward()
    assert not wild.grad[~known].any()
    assert wild.grad[known].any()


def test_every_body_counts_alike(body):
    large = torch.ones_like(body)
    truth = torch.cat([body, large])
    logits = torch.cat([torch.full(body.shape, -20.0), torch.full(body.shape, 20.0)])
    _, found = _bodies(logits, truth)
    assert found["body"] == pytest.approx(0.5, abs=0.01)
