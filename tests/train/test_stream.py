"""What each step is shown: clips, blocks, or both, and always the same."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from volsweep.cases.manifest import read_cases
from volsweep.errors import InputError
from volsweep.train import stream as stream_module
from volsweep.train.config import TrainConfig
from volsweep.train.data.case import find_targets, load_case
from volsweep.train.stream import StepStream


@pytest.fixture
def cases(tiny):
    return [load_case(entry) for entry in read_cases(tiny.data)]


def changed(config, **fields):
    return TrainConfig(**{**config.model_dump(), **fields})


@pytest.mark.parametrize(("batch", "blocks"), [(2, 0), (0, 3), (1, 2)])
def test_a_step_shows_as_much_as_is_asked_for(tiny, cases, batch, blocks):
    data = StepStream(changed(tiny, batch=batch, blocks=blocks, single_slices=0.0), cases, 64)[1]
    assert (data.clips is None) == (batch == 0)
    assert (data.blocks is None) == (blocks == 0)
    if batch:
        assert data.clips.grey.shape[1] >= 1
    if blocks:
        assert len(data.blocks.grey) == len(data.blocks.maps) == len(data.blocks.truth) == blocks
    moved = data.to(torch.device("cpu"))
    assert (moved.clips is None, moved.blocks is None) == (data.clips is None, data.blocks is None)


def test_clips_are_the_same_with_and_without_blocks(tiny, cases):
    both, alone = (StepStream(changed(tiny, blocks=n), cases, 64)[2] for n in (2, 0))
    torch.testing.assert_close(both.clips.grey, alone.clips.grey, rtol=0, atol=0)


def test_blocks_come_from_real_cases_real_ones_with_a_lesion_and_made_ones(tiny, cases, monkeypatch):
    seen, block = [], StepStream(changed(tiny, batch=0, blocks=1), cases, 64)[0].blocks
    # What is asked is of what it is drawn: one block does for all.
    monkeypatch.setattr(stream_module, "draw_block", lambda _, source: seen.append(source.case) or block)
    steps = StepStream(changed(tiny, batch=0, blocks=1, made=0.4, lesions=0.3, steps=60), cases, 64)
    for i in range(60):
        steps[i]
    real = sum(any(case is known for known in cases) for case in seen)
    lesions = sum(case.family == "lesion" for case in seen)
    assert 0.15 < real / len(seen) < 0.5
    assert lesions + real < len(seen)


def test_blocks_come_from_what_stands_out_in_real_cases(tiny, cases, monkeypatch):
    seen = []
    draw = stream_module.draw_block
    monkeypatch.setattr(stream_module, "draw_block", lambda rng, source: seen.append(source.case) or draw(rng, source))
    unlabelled = []
    for case in cases:
        labels = np.zeros_like(case.labels_zyx)
        labels[:6, :8, :8] = 1
        unlabelled.append(case.with_content(case.image_zyx, labels, find_targets(labels, [1]), ""))
    steps = StepStream(changed(tiny, batch=0, blocks=1, made=0.0, lesions=0.0, regions=1.0), unlabelled, 64)
    for i in range(4):
        steps[i]
    assert {case.family for case in seen} == {"region"}
    # The balls, which nobody labelled here.
    assert all(case.image_zyx[case.labels_zyx > 0].mean() > 100 for case in seen)


def test_a_copy_in_another_process_draws_the_same_and_as_fast(tiny, cases, monkeypatch):
    """Workers may be started by pickling: what was cut out of the cases beforehand must still be theirs."""
    stream = StepStream(changed(tiny, batch=0, blocks=2, made=0.0, lesions=0.0, regions=0.0), cases, 64)
    other = pickle.loads(pickle.dumps(stream))
    cut = []
    of = stream_module.BlockSource.of
    monkeypatch.setattr(stream_module.BlockSource, "of", staticmethod(lambda *args: cut.append(1) or of(*args)))
    torch.testing.assert_close(other[1].blocks.grey, stream[1].blocks.grey, rtol=0, atol=0)
    assert not cut


def test_objects_too_small_for_blocks_are_no_endless_search(tiny, cases):
    labels = np.zeros_like(cases[0].labels_zyx)
    labels[5, 5, 5:8] = 1
    small = cases[0].with_content(cases[0].image_zyx, labels, find_targets(labels, [1]), "")
    with pytest.raises(InputError, match="blocks"):
        StepStream(changed(tiny, batch=0, blocks=1, made=0.0, lesions=0.0, regions=0.0), [small], 64)[0]


def test_planes_come_alone_and_beside_the_same_blocks(tiny, cases):
    both = StepStream(changed(tiny, batch=0, blocks=1, planes=2), cases, 64)[3]
    alone = StepStream(changed(tiny, batch=0, blocks=0, planes=2), cases, 64)[3]
    assert both.planes.grey.shape == (2, 32, 96, 96)
    torch.testing.assert_close(both.planes.grey, alone.planes.grey, rtol=0, atol=0)
    assert alone.blocks is None
    assert alone.to(torch.device("cpu")).planes.maps.shape == (2, 10, 32, 48, 48)


def test_made_bodies_may_be_pressed_and_real_ones_stay_as_they_are(tiny, cases, monkeypatch):
    seen, block = [], StepStream(changed(tiny, batch=0, blocks=0, planes=1), cases, 64)[0].planes

    def watched(_, source, *, made):
        seen.append((any(source.case is known for known in cases), made))
        return block

    monkeypatch.setattr(stream_module, "draw_planes", watched)
    config = changed(tiny, batch=0, blocks=0, planes=1, made=0.4, lesions=0.2, regions=0, steps=30)
    steps = StepStream(config, cases, 64)
    for i in range(20):
        steps[i]
    assert {real for real, _ in seen} == {True, False}
    assert all(real != made for real, made in seen)
