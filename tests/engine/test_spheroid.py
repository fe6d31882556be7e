"""Sections of spheroids against the geometry of spheroids."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine.conftest import blob_volume, view_of

import volsweep.engine.sweep as sweep_module
from volsweep.crop import mask_box_xyxy
from volsweep.engine import heads, spheroid
from volsweep.engine.network import load_network
from volsweep.engine.spheroid import (
    ELONGATION,
    Outline,
    box_sections,
    showing,
    shrunk_further,
)
from volsweep.engine.sweep import Sweeper, SweepOptions
from volsweep.models import checkpoint_path, find_model
from volsweep.prompts import Box


def disc(radius, size=64, centre=(31.5, 30.0)):
    y, x = np.mgrid[:size, :size]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


def radius_of(logits):
    return float(np.sqrt((np.asarray(logits) > 0).sum() / np.pi))


@pytest.mark.parametrize("radius", [6, 14, 24])
def test_a_disc_goes_on_as_a_spheroid(radius):
    outline = Outline.of(disc(radius))
    assert outline.radius == pytest.approx(radius, rel=0.03)
    half_axis = ELONGATION * radius
    for distance in (0.0, 0.3 * half_axis, 0.7 * half_axis, 0.9 * half_axis):
        expected = radius * np.sqrt(1 - (distance / half_axis) ** 2)
        section = outline.section(outline.shrunk_after(distance))
        assert radius_of(section) == pytest.approx(expected, abs=0.7)
    assert not (outline.section(outline.shrunk_after(1.05 * half_axis)) > 0).any()
    beyond = [float(outline.section(outline.shrunk_after(d * half_axis)).max()) for d in (1.1, 1.4, 2)]
    assert beyond[0] > beyond[1] > beyond[2]  # further beyond the end, surer of it


def test_the_outline_itself_is_kept_whatever_its_shape():
    mask = disc(20) & ~disc(12, centre=(24, 38))
    section = Outline.of(mask).section(1.0)
    assert (np.asarray(section > 0) == mask).mean() > 0.99


def test_nothing_goes_on_as_nothing():
    outline = Outline.of(np.zeros((16, 16), dtype=bool))
    assert not (outline.section(outline.shrunk_after(0.0)) > 0).any()
    assert outline.towards(Outline.of(disc(4, 16)), 0.4).radius == 0


def test_half_way_between_two_outlines_lies_the_mean_one():
    between = Outline.of(disc(20)).towards(Outline.of(disc(10)), 0.5)
    assert radius_of(between.section(1.0)) == pytest.approx(15, abs=0.5)


def test_two_outlines_tell_how_long_the_body_is():
    half_axis, widest = 30.0, 20.0
    radius = {d: widest * np.sqrt(1 - (d / half_axis) ** 2) for d in (12, 20, 26)}
    for further in (20, 26):
        expected = (radius[further] / radius[12]) ** 2
        assert shrunk_further(widest, radius[12], 12, further - 12) == pytest.approx(expected)
    assert shrunk_further(widest, radius[12], 12, 0) == 1
    assert shrunk_further(widest, radius[12], 12, 19) < 0
    # Two slices far apart and hardly different: longer than any proportion foresees, yet it goes on from there.
    assert 0 < shrunk_further(10, 9.9, 60, 1) < 1


def test_a_box_holds_its_ellipse():
    sections = box_sections(torch.tensor([[[20.0, 40.0], [80.0, 60.0]], [[3.0, 3.0], [3.0, 3.0]]]), 128)
    assert sections.shape == (2, 1, 32, 32)
    y, x = np.mgrid[:32, :32] * 4 + 1.5
    inside = ((x - 50) / 31) ** 2 + ((y - 50) / 11) ** 2 < 1
    np.testing.assert_array_equal(sections[0, 0] > 0, inside)
    assert torch.isfinite(sections).all()


@pytest.fixture(scope="module")
def shown_nano(tmp_path_factory):
    """The bundled network, starting from sections."""
    spec = find_model("volsweep-nano")
    text = spec.config_path.read_text()
    config = tmp_path_factory.mktemp("yaml") / "nano.yaml"
    config.write_text(text if "spheroids: true" in text else "spheroids: true\n" + text)
    return load_network(config, checkpoint_path(spec), "cpu")


def test_masks_and_scores_are_added_to_the_section(shown_nano):
    volume, truth = blob_volume(200, 8)
    view = view_of(shown_nano, volume, 2.2)
    (features,) = view.features([(4, view.crop_around(mask_box_xyxy(truth[4])))])
    section = Outline.of(disc(8, 32)).section(1.0)[None, None]
    with shown_nano.running():
        conditioned = heads.unconditioned(shown_nano, features)
        alone = heads.decode(shown_nano, features, conditioned, prior_logits=section)
        with showing(section):
            both = heads.decode(shown_nano, features, conditioned, prior_logits=section)
    assert alone.object_score > 0
    held = section.clamp(min=-8) / 2
    torch.testing.assert_close(both.object_score - alone.object_score, held.max()[None])
    torch.testing.assert_close(both.logits - alone.logits, held, rtol=1e-4, atol=1e-4)


def test_a_sweep_shows_sections_by_distance_in_mm(shown_nano, monkeypatch):
    """Slices 3 mm apart and pixels of 1 mm: the section shrinks with the distance in the unit of the outline."""
    volume, truth = blob_volume(200, 14)
    prompt = Box(label=1, slice=7, box_xyxy=mask_box_xyxy(truth[7]))
    shown = []

    def listening(sections):
        shown.append(sections)
        return showing(sections)

    monkeypatch.setattr(sweep_module, "showing", listening)
    view = view_of(shown_nano, volume, 2.2)
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


def test_networks_that_do_not_ask_for_sections_see_none(nano, monkeypatch):
    shown = []
    monkeypatch.setattr(sweep_module, "showing", lambda sections: shown.append(sections) or showing(sections))
    volume, truth = blob_volume(200, 14)
    plain = replace(nano, spheroids=False)
    box = Box(label=1, slice=7, box_xyxy=mask_box_xyxy(truth[7]))
    list(Sweeper(view_of(plain, volume, 2.2)).sweep({1: {7: (box,)}}, SweepOptions(6, 8, patience=0)))
    assert shown
    assert all(sections is None for sections in shown)


def test_sections_stay_within_their_thread(shown_nano):
    """Two sessions may run one network: what one shows its decoder is not the other's."""
    seen = []
    with showing(torch.zeros(1, 1, 32, 32)):
        thread = threading.Thread(target=lambda: seen.append(spheroid._shown.get()))
        thread.start()
        thread.join()
    assert seen == [None]
