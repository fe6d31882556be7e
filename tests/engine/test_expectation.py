"""What the decoder starts from, and who sees it."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine.conftest import blob_volume, view_of

import volsweep.engine.passes as passes_module
import volsweep.engine.sweep as sweep_module
from volsweep.crop import mask_box_xyxy
from volsweep.engine import expectation, heads
from volsweep.engine.appearance import describe
from volsweep.engine.expectation import Expectation, Wider, showing
from volsweep.engine.network import load_network
from volsweep.engine.spheroid import ELONGATION, Outline, shrunk_further
from volsweep.engine.sweep import Sweeper, SweepOptions
from volsweep.models import checkpoint_path, find_model
from volsweep.prompts import Box, Mask, Point


def disc(radius, size=64, centre=(31.5, 30.0)):
    y, x = np.mgrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


def radius_of(logits):
    return float(np.sqrt((np.asarray(logits) > 0).sum() / np.pi))


@pytest.fixture(scope="module")
def expecting(tmp_path_factory):
    """The bundled network, starting from expectations."""
    spec = find_model("volsweep-nano")
    text = spec.config_path.read_text()
    config = tmp_path_factory.mktemp("yaml") / "nano.yaml"
    config.write_text(text if "expects: true" in text else "expects: true\n" + text)
    return load_network(config, checkpoint_path(spec), "cpu")


def test_masks_and_scores_are_added_to_what_is_shown(expecting):
    volume, truth = blob_volume(200, 8)
    view = view_of(expecting, volume, 2.2)
    (features,) = view.features([(4, view.crop_around(mask_box_xyxy(truth[4])))])
    section = Outline.of(disc(8, 32)).section(1.0)[None, None]
    with expecting.running():
        conditioned = heads.unconditioned(expecting, features)
        alone = heads.decode(expecting, features, conditioned, prior_logits=section)
        with showing(section):
            both = heads.decode(expecting, features, conditioned, prior_logits=section)
    assert alone.object_score > 0
    torch.testing.assert_close(both.object_score - alone.object_score, section.max()[None])
    torch.testing.assert_close(both.logits - alone.logits, section, rtol=1e-4, atol=1e-4)


def test_a_sweep_shows_sections_by_distance_in_mm(expecting, monkeypatch):
    """Slices 3 mm apart and pixels of 1 mm: the section shrinks with the distance in the unit of the outline."""
    volume, truth = blob_volume(200, 14)
    prompt = Box(label=1, slice=7, box_xyxy=mask_box_xyxy(truth[7]))
    shown = []

    def listening(sections):
        shown.append(sections)
        return showing(sections)

    monkeypatch.setattr(sweep_module, "showing", listening)
    monkeypatch.setattr(expectation.Appearance, "of", lambda *_: None)
    view = view_of(expecting, volume, 2.2)
    sweeper = Sweeper(view)
    found = list(sweeper.sweep({1: {7: (prompt,)}}, SweepOptions(5, 9, patience=0)))
    start = found[0].mask.mask_yx()
    pixel_mm = view.crop_around(mask_box_xyxy(truth[7])).width / 32
    radius_mm = np.sqrt(start.sum() / np.pi)
    for sections, distance_mm in zip(shown, (3.0, 6.0), strict=False):
        expected = radius_mm * np.sqrt(1 - (distance_mm / (ELONGATION * radius_mm)) ** 2)
        assert sections.shape == (2, 1, 32, 32)
        for section in sections[:, 0]:
            assert radius_of(section) * pixel_mm == pytest.approx(expected, rel=0.05)


def test_networks_that_do_not_ask_for_it_see_nothing(nano, monkeypatch):
    shown = []
    monkeypatch.setattr(sweep_module, "showing", lambda sections: shown.append(sections) or showing(sections))
    volume, truth = blob_volume(200, 14)
    plain = replace(nano, expects=False)
    box = Box(label=1, slice=7, box_xyxy=mask_box_xyxy(truth[7]))
    list(Sweeper(view_of(plain, volume, 2.2)).sweep({1: {7: (box,)}}, SweepOptions(6, 8, patience=0)))
    assert shown
    assert all(sections is None for sections in shown)


def test_what_is_shown_stays_within_their_thread(expecting):
    """Two sessions may run one network: what one shows its decoder is not the other's."""
    seen = []
    with showing(torch.zeros(1, 1, 32, 32)):
        thread = threading.Thread(target=lambda: seen.append(expectation._shown.get()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_a_box_starts_from_its_ellipse_and_a_correcting_click_from_nothing(expecting, monkeypatch):
    volume, truth = blob_volume(200, 8)
    seen = []
    decode = heads.decode
    monkeypatch.setattr(heads, "decode", lambda *args: seen.append(expectation._shown.get()) or decode(*args))
    box = Box(label=1, slice=4, box_xyxy=mask_box_xyxy(truth[4]))
    click = Point(label=1, slice=4, point_xy=(box.box_xyxy[0] + 2, box.box_xyxy[1] + 2), positive=False)
    view = view_of(expecting, volume, 2.2)
    view.preview([box, click])
    ellipse, nothing = seen
    assert nothing is None
    sides = np.array(box.box_xyxy[2:]) - box.box_xyxy[:2] + 1
    expected = np.sqrt(sides.prod()) / 2 * 32 / view.crop_around(box.box_xyxy).width
    assert radius_of(ellipse) == pytest.approx(expected, rel=0.05)


def test_look_and_shape_are_added(rng):
    mask = disc(9, 32, (15.5, 15.5))
    grey = np.where(np.kron(mask, np.ones((4, 4), bool)), 0.7, 0.3) + rng.normal(0, 0.02, (128, 128))
    described = describe(grey.astype(np.float32))
    both = Expectation.of(mask, described)
    shape = replace(both, look=None)
    assert both.look is not None
    evidence = both.look.evidence(described)
    np.testing.assert_allclose(both.logits(described, 3.0) - shape.logits(described, 3.0), evidence, atol=1e-5)


def test_two_prompted_masks_say_more_than_one():
    large, small = disc(20), disc(12)
    described = np.zeros((3, 64, 64), dtype=np.float32)
    between = replace(Expectation.of(large, described, small), look=None)
    assert radius_of(between.logits(described, 5.0, 0.5)) == pytest.approx(16, abs=0.5)
    beyond = replace(Expectation.of(small, described, wider=Wider(10.0, 20 / 12)), look=None)
    expected = 12 * np.sqrt(shrunk_further(20, 12, 10, 2))
    assert radius_of(beyond.logits(described, 2.0)) == pytest.approx(expected, abs=0.6)
    # Alone, it would be the middle of a body of its own.
    assert radius_of(replace(beyond, wider=None).logits(described, 2.0)) > expected + 1


def test_beyond_a_corrected_slice_the_widest_one_is_remembered(expecting, monkeypatch):
    volume, truth = blob_volume(200, 14)
    made = []
    monkeypatch.setattr(
        passes_module.Expectation, "of", lambda *args: made.append(args[-1]) or Expectation(Outline.of(args[0]), None)
    )
    prompts = {
        7: (Mask.from_array(truth[7], label=1, slice=7, verbatim=True),),
        10: (Mask.from_array(disc(14, 200, (100, 100)), label=1, slice=10, verbatim=True),),
    }
    list(Sweeper(view_of(expecting, volume, 2.2)).sweep({1: prompts}, SweepOptions(6, 12, patience=0)))
    wider = [w for w in made if w is not None]
    assert len({w.times for w in wider}) == 1
    assert wider[0].times == pytest.approx(np.sqrt(truth[7].sum() / disc(14, 200, (100, 100)).sum()), abs=0.06)


def test_between_masks_of_like_size_an_object_is_widest_half_way():
    assert Wider.behind(6.0, 1.5) == Wider(6.0, 1.5)
    assert Wider.behind(6.0, 1.02) == Wider.behind(6.0, 0.98) == Wider(3.0, 1.0)
    assert Wider.behind(6.0, 0.7) is None
