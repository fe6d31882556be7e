"""The bundled finder: names understood or refused, boxes on the volume's own voxels, left and right, and the truth."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.ndimage import binary_dilation
from support.lit_finder import VALUE, head, light

from volsweep import Plane, read_volume
from volsweep.cases.manifest import read_cases
from volsweep.errors import ModelError, PromptError
from volsweep.finder import BundledFinder
from volsweep.finder.net import FinderNet
from volsweep.geometry import Grid
from volsweep.models.registry import FINDER
from volsweep.volume import Volume

CASES = Path(os.environ.get("VOLSWEEP_CASES", Path(__file__).resolve().parents[3] / "shared" / "cases"))
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="the real cases of ../shared/cases are not there")


@pytest.mark.parametrize("words", ["right parotid", "Parotid_R", "Glandula parotis dextra", "rechte Ohrspeicheldrüse"])
def test_a_box_is_tight_around_what_has_the_name(monkeypatch, words):
    volume = head()
    found = light(monkeypatch).find(volume, [words])[0]
    truth = np.argwhere(volume.array_zyx == VALUE["right parotid gland"])
    assert np.abs(np.array(found.low_zyx) - truth.min(axis=0)).max() <= 1
    assert np.abs(np.array(found.high_zyx) - truth.max(axis=0)).max() <= 1
    assert (found.words, found.name) == (words, "right parotid gland")
    expected_ml = 0.9 * len(truth) * 3 * 2 * 2 / 1000
    assert found.score == pytest.approx(expected_ml / 30, rel=0.15)  # of the usual volume, in the yaml


def test_several_words_are_answered_in_their_order(monkeypatch):
    found = light(monkeypatch).find(head(), ["mandible", "left parotid"])
    assert [one.name for one in found] == ["mandible", "left parotid gland"]


def test_an_outline_goes_with_the_names_for_which_the_yaml_says_that_it_is_better(monkeypatch):
    volume = head()
    mandible, parotid = light(monkeypatch).find(volume, ["mandible", "right parotid"])
    assert parotid.outline is None
    operation, masks = mandible.drawn(Plane.AXIAL, volume.grid, 1)
    truth = volume.array_zyx == VALUE["mandible"]
    drawn = np.zeros_like(truth)
    for mask in masks:
        drawn[mask.slice] = mask.to_array()
    assert 2 * (drawn & truth).sum() / (drawn.sum() + truth.sum()) > 0.85
    assert len(operation.expected) == len(masks)
    assert max(operation.expected) < 0.95


def test_what_is_likely_at_all_goes_with_the_box_and_not_what_is_likely_elsewhere(monkeypatch):
    volume = head()
    volume.array_zyx[25:27, 50:54, 60:64] = VALUE["brain stem"]  # a smaller place of that name
    (found,) = light(monkeypatch).find(volume, ["brain stem"])
    extent = found.extent(Plane.AXIAL, volume.grid, 1)
    slices = range(volume.shape_zyx[0])
    within = np.stack([extent.within.on_slice(Plane.AXIAL, z, volume.grid) for z in slices])
    truth = np.zeros_like(within)
    truth[12:26, 34:44, 30:40] = True
    assert (within & truth).sum() == truth.sum()
    assert not (within & ~binary_dilation(truth, iterations=3)).any()


@pytest.mark.parametrize("plane", list(Plane))
def test_the_slice_of_every_plane_lies_in_the_organ_with_its_box(monkeypatch, plane):
    volume = head()
    where = light(monkeypatch).find(volume, ["brain stem"])[0].section(plane, volume.grid)
    there = np.moveaxis(volume.array_zyx == VALUE["brain stem"], volume.grid.plane_axis(plane), 0)[where.slice]
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    truth = np.array([columns[0], rows[0], columns[-1], rows[-1]])
    assert np.abs(np.array(where.box_xyxy) - truth).max() <= 1


def test_whichever_way_voxels_lie_left_is_left(monkeypatch):
    finder, volume = light(monkeypatch), head()
    truth = volume.grid.to_lps_mm(finder.find(volume, ["left parotid"])[0].center_zyx)
    assert truth[0] > 0  # x runs to the patient's left
    for flips in product((False, True), repeat=3):
        turned = _turned(volume, flips)
        found = finder.find(turned, ["left parotid"])[0]
        assert np.abs(turned.grid.to_lps_mm(found.center_zyx) - truth).max() <= 5.0, flips


def test_a_side_must_be_said(monkeypatch):
    with pytest.raises(PromptError, match=r"'parotid' may be right parotid gland or left parotid gland; say which"):
        light(monkeypatch).find(head(), ["parotid"])


def test_a_name_that_is_not_known_is_refused_with_the_nearest(monkeypatch):
    finder = light(monkeypatch)
    with pytest.raises(
        PromptError, match=r"'mandibel bones' is no name .*did you mean .*Mandible.*finder finds brain stem"
    ):
        finder.find(head(), ["mandibel bones"])
    with pytest.raises(PromptError, match=r"'liver' \(Liver\) is nothing that the finder was trained on"):
        finder.find(head(), ["liver"])
    with pytest.raises(PromptError, match=r"'Leber links' says a side, and there is one Liver; the finder finds brain"):
        finder.find(head(), ["Leber links"])
    with pytest.raises(PromptError, match="is no name that Volsweep knows; the finder finds"):
        finder.find(head(), ["qqqq"])


def test_another_modality_is_refused(monkeypatch):
    with pytest.raises(PromptError, match="in Hounsfield units alone, and this is MR; draw a box"):
        light(monkeypatch).find(replace(head(), modality="MR"), ["mandible"])


def test_a_ct_in_other_units_is_refused(monkeypatch):
    with pytest.raises(PromptError, match="alone, and this is an image without Hounsfield units"):
        light(monkeypatch).find(replace(head(), unit=""), ["mandible"])


def test_what_is_not_there_or_hardly_likely_is_not_drawn(monkeypatch):
    volume = head()
    volume.array_zyx[volume.array_zyx == VALUE["mandible"]] = 30
    with pytest.raises(PromptError, match=r"no mandible is found in this volume \(score 0\.00"):
        light(monkeypatch).find(volume, ["mandible"])
    volume.array_zyx[15:, 38:][volume.array_zyx[15:, 38:] == VALUE["brain stem"]] = 30
    volume.array_zyx[:, :, 34:][volume.array_zyx[:, :, 34:] == VALUE["brain stem"]] = (
        30  # a small one is heat, no organ
    )
    with pytest.raises(PromptError, match=r"no brain stem is found .*score 0\.1\d, and 0\.25 is the least"):
        light(monkeypatch).find(volume, ["brain stem"])


def test_weights_that_are_not_a_finders_are_refused(tmp_path):
    weights = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(3)}, weights)
    spec = replace(FINDER, bundled=False, sha256=None, weights_path=weights)
    with pytest.raises(ModelError, match="is not the finder's weights"):
        BundledFinder(spec)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model: {}", "no finder's yaml"),
        ("finder: {step_mm: 3, widths: [7], names: []}", "are not two to six"),
        ("finder: {step_mm: 0, widths: [8, 8], names: []}", "step_mm 0 is not between"),
        ("finder: {step_mm: 3, widths: [8, 8], names: [{name: thing}]}", "no finder's yaml"),
        ("finder: {step_mm: 3, widths: [8], names: []}", "are not two to six"),
        ("finder: {step_mm: 3, widths: [8, 8], names: [{name: larynx, usual_ml: 0, least: 0}]}", "usual_ml is not"),
        (
            "finder: {step_mm: 3, widths: [8, 8], names: [{name: larynx, usual_ml: 9, least: 0, outline: 1.2}]}",
            "outline is a share",
        ),
    ],
)
def test_a_yaml_that_is_not_a_finders_is_refused(tmp_path, text, problem):
    config = tmp_path / "finder.yaml"
    config.write_text(text)
    with pytest.raises(ModelError, match=problem):
        BundledFinder(replace(FINDER, config_path=config))


def test_a_name_that_no_table_has_is_no_finders(tmp_path):
    config, weights = tmp_path / "finder.yaml", tmp_path / "finder.safetensors"
    config.write_text("finder: {step_mm: 3, widths: [8, 8], names: [{name: qqqq, usual_ml: 9, least: 0.5}]}")
    save_file(FinderNet(1, (8, 8)).state_dict(), weights)
    with pytest.raises(ModelError, match="'qqqq' is no name that Volsweep knows"):
        BundledFinder(replace(FINDER, config_path=config, bundled=False, sha256=None, weights_path=weights))


@needs_cases
@pytest.mark.cases
def test_real_heads_in_any_orientation_and_mirrored(tmp_path):
    case = next(c for c in read_cases(CASES, "dev", ["headneck"]) if c.name == "pt_210")
    volume, labels = case.load()
    finder = BundledFinder()
    names = ["right parotid", "left parotid", "brain stem", "spinal cord"]
    found = finder.find(volume, names)
    for proposal, value in zip(found, (3, 4, 1, 2), strict=True):
        where = proposal.section(Plane.AXIAL, volume.grid)
        x0, y0, x1, y1 = where.box_xyxy
        assert labels.mask_zyx(value)[where.slice, round((y0 + y1) / 2), round((x0 + x1) / 2)], proposal.name
    truth = [volume.grid.to_lps_mm(one.center_zyx) for one in found]
    for codes in ("RAS", "LPS", "SRP"):  # as NIfTI files store them, read as anyone's files are
        stored = nib.Nifti1Image(volume.array_zyx.T, _ras(volume.grid))
        turn = nib.orientations.ornt_transform(
            nib.io_orientation(stored.affine), nib.orientations.axcodes2ornt(tuple(codes))
        )
        nib.save(stored.as_reoriented(turn), tmp_path / f"{codes}.nii.gz")
        turned = read_volume(tmp_path / f"{codes}.nii.gz", modality="CT")
        for one, at in zip(finder.find(turned, names), truth, strict=True):
            assert np.abs(turned.grid.to_lps_mm(one.center_zyx) - at).max() <= 6.0, (codes, one.name)
    mirrored = replace(volume, array_zyx=np.flip(volume.array_zyx, axis=_sideways(volume.grid)).copy())
    right, left = finder.find(mirrored, names[:2])
    middle = volume.grid.to_lps_mm((np.array(volume.shape_zyx) - 1) / 2)[0]
    for one, other in ((right, truth[1]), (left, truth[0])):
        assert abs(volume.grid.to_lps_mm(one.center_zyx)[0] - (2 * middle - other[0])) <= 8.0


def _turned(volume: Volume, flips: tuple[bool, ...]) -> Volume:
    """The same volume, stored the other way round along some axes."""
    affine, array = volume.grid.affine.copy(), volume.array_zyx
    for axis, flip in enumerate(flips):
        if flip:
            array = np.flip(array, axis)
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
    return replace(volume, array_zyx=array.copy(), grid=Grid(array.shape, affine))


def _ras(grid: Grid) -> np.ndarray:
    """A grid's affine for an array (x, y, z), in RAS."""
    affine = grid.affine[:, [2, 1, 0, 3]].copy()
    affine[:2] *= -1
    return affine


def _sideways(grid: Grid) -> int:
    return int(np.abs(grid.affine[0, :3]).argmax())
