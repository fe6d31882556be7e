"""From study to study with the bundled network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_dilation
from support.dicom_files import AXIAL, along, pattern, write_series
from support.followed_patient import first_study, grid_around, imaged

from volsweep import Label, LabelVolume, read_volume
from volsweep.errors import GeometryError, InputError
from volsweep.follow import Fate, follow
from volsweep.follow.carry import Carried
from volsweep.follow.follow import _at_odds
from volsweep.geometry import Grid, Plane
from volsweep.io.overlaps import LabelledObject, Objects
from volsweep.session.session import Session


@pytest.fixture(scope="module")
def grown(patient, baseline, move):
    later, truth = imaged(patient, grid_around(), move, tuple(1.25 * r for r in patient.radii))
    return follow(*baseline, later), truth, later


def test_the_object_is_found_where_and_as_large_as_it_is(grown, baseline):
    found, truth, _ = grown
    mask = found.labels.mask_zyx(3)
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.85
    (change,) = found.changes
    assert change.fate is Fate.FOUND
    before = baseline[1].mask_zyx(3).sum() * baseline[1].grid.voxel_volume_mm3
    after = mask.sum() * found.labels.grid.voxel_volume_mm3
    assert change.row()["volume_change_percent"] == pytest.approx((after / before - 1) * 100, abs=1)
    assert after / before == pytest.approx(1.25**3, rel=0.2), "the network's part"


def test_identity_stays(grown, baseline):
    found, _, later = grown
    assert found.labels.labels[3] == baseline[1].labels[3]
    assert found.labels.grid is later.grid
    assert set(found.labels.values()) == {3}
    assert [prompt.label for prompt in found.prompts.prompts] == [3]


def test_a_name_that_does_not_fit_the_later_study_is_told(patient, baseline, move):
    volume, labels = baseline
    named = LabelVolume(labels.array_zyx, labels.grid, {3: Label("left parotid", "#d55e00")})
    later = replace(imaged(patient, grid_around(), move, patient.radii)[0], body_part="KNEE")
    (note,) = [note for note in follow(volume, named, later).notes if "KNEE" in note]
    assert "object 3 (left parotid) is not expected where the series says that it was taken" in note


def test_as_json(grown):
    content = grown[0].to_dict()
    assert content["objects"][0]["fate"] == "found"
    assert content["response"]["category"] == "PD"
    assert "not a diagnosis" in content["response"]["remark"]


def test_an_object_that_hardly_comes_over_is_to_be_looked_at(patient, baseline, move, monkeypatch, grown):
    assert grown[0].changes[0].note == ""
    later, truth = imaged(patient, grid_around(), move, patient.radii)
    slices = np.flatnonzero(truth.any(axis=(1, 2)))
    speck = truth.copy()
    speck[: slices[0] + len(slices) // 2] = speck[slices[0] + len(slices) // 2 + 1 :] = False
    monkeypatch.setitem(follow.__globals__, "carry", lambda *_: Carried(speck, 1.0))
    (change,) = follow(*baseline, later).changes
    assert change.fate is Fate.FOUND
    share = speck.sum() * later.grid.voxel_volume_mm3 / 1000 / change.before.volume_ml
    assert f"only {share:.0%} of its volume came over" in change.note


def test_an_object_most_of_whose_slices_are_doubtful_is_to_be_looked_at(patient, baseline, move, monkeypatch):
    later, truth = imaged(patient, grid_around(), move, patient.radii)
    monkeypatch.setitem(follow.__globals__, "carry", lambda *_: Carried(truth, 1.0))
    trust = Session.trust
    for share, told in ((0.6, "slices are doubtful, and so is its size"), (0.3, "")):

        def doubted(session, label, share=share):
            found = trust(session, label)
            drawn = [z for z, one in found.items() if not one.empty]
            of_them = set(drawn[: round(share * len(drawn))])
            signs = {"prompted": False, "expected_dice": None, "neighbour_iou": None}
            return {z: replace(one, **signs, agreement=0.1 if z in of_them else 0.9) for z, one in found.items()}

        monkeypatch.setattr(Session, "trust", doubted)
        (change,) = follow(*baseline, later).changes
        assert change.note.endswith(told)
        assert bool(change.note) is bool(told)


def test_axes_of_both_studies_lie_on_one_plane(patient, move):
    """A long object is as long in a later study whose slices are coronal, by the plane that it was measured on."""
    tall = replace(patient, radii=(8.0, 8.0, 20.0))
    affine = np.eye(4)
    affine[:3, :3] = [[0, 0, 1.5], [3.0, 0, 0], [0, -1.5, 0]]
    affine[:3, 3] = -59.25, -53.25, 37.5
    later, truth = imaged(tall, Grid((36, 51, 80), affine), move, tall.radii)
    found = follow(*first_study(tall), later)
    (change,) = found.changes
    mask = found.labels.mask_zyx(3)
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.8
    assert change.before.plane is change.after.plane is Plane.AXIAL
    assert change.after.diameters.long_mm == pytest.approx(16, abs=4), "coronal slices show 40 mm of it"
    assert found.response.category == "SD"
    assert "the baseline has axial slices and the later study coronal ones: axes of both are axial" in found.notes


def test_what_was_taken_out_is_gone_and_not_drawn(patient, baseline, move):
    later, _ = imaged(patient, grid_around(), move, None)
    found = follow(*baseline, later)
    assert found.changes[0].fate is Fate.GONE
    assert not found.labels.array_zyx.any()
    assert found.response.category == "CR"
    assert found.changes[0].note


def test_what_stands_out_and_is_not_drawn_is_unclear_and_no_complete_response(patient, baseline, move, monkeypatch):
    later, truth = imaged(patient, grid_around(), move, patient.radii)
    monkeypatch.setitem(follow.__globals__, "carry", lambda *_: Carried(truth, 1.0))
    monkeypatch.setattr(Session, "sweep", lambda self: self.add_mask(label=3, slice=0, mask_yx=np.zeros((72, 80))))
    monkeypatch.setattr(Session, "objects", property(lambda self: _emptied(self.labels)))
    found = follow(*baseline, later)
    (change,) = found.changes
    assert change.fate is Fate.UNCLEAR
    assert (change.row()["volume_after_ml"], change.row()["long_after_mm"]) == (None, None)
    assert "nothing was drawn of it" in change.note
    assert found.response.category == "NE"


def _emptied(labels):
    return replace(labels, array_zyx=np.zeros_like(labels.array_zyx))


def test_the_same_study_twice_is_told_whatever_file_it_came_in(baseline):
    assert any("one and the same series" in note for note in follow(*baseline, baseline[0]).notes)


def test_an_object_that_grew_by_its_axis_and_shrank_by_its_volume_is_to_be_looked_at(patient, baseline, move, grown):
    change = grown[0].changes[0]
    before, after = change.before, change.after
    assert not list(_at_odds(before, after))
    longer = replace(after.diameters, long_mm=1.3 * before.diameters.long_mm)
    told = list(_at_odds(before, replace(after, diameters=longer, volume_ml=0.8 * before.volume_ml)))
    assert "of another shape" in told[0]
    slightly = replace(after.diameters, long_mm=1.1 * before.diameters.long_mm)
    assert not list(_at_odds(before, replace(after, diameters=slightly, volume_ml=0.8 * before.volume_ml)))


def test_empty_labels_and_labels_of_another_grid_are_refused(baseline):
    volume, labels = baseline
    with pytest.raises(InputError, match="nothing to follow"):
        follow(volume, replace(labels, array_zyx=np.zeros_like(labels.array_zyx)), volume)
    other = LabelVolume(labels.array_zyx[1:], grid_around().block((slice(1, 26), slice(0, 72), slice(0, 80))))
    with pytest.raises(GeometryError, match="do not lie on the baseline's voxels"):
        follow(volume, other, volume)


def test_objects_that_overlap_are_followed_whole(patient, baseline):
    volume, labels = baseline
    mask = labels.mask_zyx(3)
    around = binary_dilation(mask, iterations=2)
    nested = Objects(volume.grid, [])
    for value, name, one in ((1, "PTV", around), (2, "GTV", mask)):
        found = LabelledObject(value, Label(name, "#d55e00"))
        for index, mask_yx in enumerate(one):
            found.add(index, mask_yx)
        nested.found.append(found)
    later, _ = imaged(patient, grid_around(), np.eye(4), patient.radii)
    found = follow(volume, nested, later)
    rows = {change.name: change.row() for change in found.changes}
    for name, one in (("PTV", around), ("GTV", mask)):
        assert rows[name]["volume_before_ml"] == pytest.approx(
            one.sum() * volume.grid.voxel_volume_mm3 / 1000, abs=1e-3
        )
    assert {value: label.name for value, label in found.labels.labels.items()} == {1: "PTV", 2: "GTV"}
    both = found.labels.mask_zyx(1) & found.labels.mask_zyx(2)
    assert both.sum() > 0.8 * found.labels.mask_zyx(2).sum(), "the GTV is in the PTV, as it was"


def test_two_patients_have_no_response(tmp_path):
    studies = []
    for name in ("Quixote", "Panza"):

        def edit(ds, _, name=name):
            ds.PatientID = ds.PatientName = name

        write_series(tmp_path / name, pattern(6), along(AXIAL, 6, 2.0), edit=edit)
        studies.append(read_volume(tmp_path / name))
    labels = LabelVolume((studies[0].array_zyx > 100).astype(np.uint8), studies[0].grid)
    with pytest.raises(InputError, match="another patient"):
        follow(studies[0], labels, studies[1])
