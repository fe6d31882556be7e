"""Registration of studies whose true relation is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from support.followed_patient import Patient, grid_around, imaged

from volsweep.errors import GeometryError, InputError
from volsweep.io.itk.images import in_silence
from volsweep.registration.register import _optimised, register
from volsweep.volume import Source


def error_mm(found, move, labels) -> float:
    points = labels.grid.to_lps_mm(np.argwhere(labels.array_zyx > 0))
    return float(np.linalg.norm(found.to_follow_up(points) - (points @ move[:3, :3].T + move[:3, 3]), axis=1).mean())


@pytest.fixture(scope="module")
def registered(patient, baseline, move):
    later, _ = imaged(patient, grid_around(), move, (14.0, 11.0, 12.0))
    return register(baseline[0], later)


def test_a_turned_and_shifted_patient_is_found_within_a_voxel(registered, baseline, move):
    assert error_mm(registered, move, baseline[1]) < 1.5
    assert registered.overlap > 0.9
    assert "degrees" in registered.describe()


def test_there_and_back_is_where_one_began(registered):
    points = np.array([[3.0, -7.0, 11.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(registered.to_baseline(registered.to_follow_up(points)), points, atol=1e-9)


def test_another_bed_position_and_field_of_view_are_found_without_a_word_from_the_library(patient, baseline, capfd):
    move = np.eye(4)
    move[:3, 3] = 400.0, -250.0, 900.0
    grid = grid_around((-59.25 + 400, -53.25 - 250, -37.5 + 900 + 15))  # the scan begins 15 mm further up
    later, _ = imaged(patient, grid, move, patient.radii)
    assert error_mm(register(baseline[0], later), move, baseline[1]) < 1.5
    told = capfd.readouterr()
    assert told.out + told.err == "", "pictures that do not meet from the first start on are no warning"


def test_another_patient_is_refused_with_the_figures(baseline):
    other = Patient(np.random.default_rng(9).normal(300, 100, (90, 90, 90)).astype(np.float32))
    later, _ = imaged(other, grid_around(), np.eye(4), None)
    with pytest.raises(GeometryError, match=r"does not fit the baseline: .*one patient"):
        register(baseline[0], later)


def test_another_modality_is_refused(baseline):
    with pytest.raises(InputError, match="the baseline is MR and the follow-up CT"):
        register(baseline[0], replace(baseline[0], modality="CT"))


def test_one_frame_of_reference_needs_no_registration(patient, baseline):
    source = Source(Path("series"), "dicom", frame_of_reference_uid="1.2.3")
    later, _ = imaged(patient, grid_around(), np.eye(4), (6.0, 5.0, 6.0))
    found = register(replace(baseline[0], source=source), replace(later, source=source))
    np.testing.assert_array_equal(found.matrix, np.eye(4))
    assert found.kind == "same frame of reference"
    assert found.fits


def test_a_frame_of_reference_in_which_the_patient_lies_elsewhere_is_not_believed(patient, baseline):
    source = Source(Path("series"), "dicom", frame_of_reference_uid="1.2.3")
    move = np.eye(4)
    move[:3, 3] = 0.0, 0.0, 200.0
    later, _ = imaged(patient, grid_around((-59.25, -53.25, -37.5 + 200)), move, patient.radii)
    found = register(replace(baseline[0], source=source), replace(later, source=source))
    assert found.kind == "rigid"
    assert error_mm(found, move, baseline[1]) < 1.5


def test_a_mirrored_study_is_refused(patient):
    tissue = patient.tissue - patient.tissue.mean()
    mostly = replace(patient, tissue=tissue + tissue[:, :, ::-1] + 1.7 * tissue + 600)  # a head is nearly symmetric
    before, _ = imaged(mostly, grid_around(), np.eye(4), None)
    mirrored = replace(before, array_zyx=before.array_zyx[:, :, ::-1].copy())
    there = register(before, replace(before, array_zyx=before.array_zyx + 1))
    assert there.alike > 0.99
    with pytest.raises(GeometryError, match=r"better as its own mirror image \(values alike \S+, and 0\.[67]"):
        register(before, mirrored)


def test_what_is_read_beside_a_registration_leaves_the_warnings_of_itk_as_they_were():
    """A thread that reads ended its silence while the registration ran: warnings came, and were off ever after."""
    found = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(True)
    reading, seen = in_silence(), []

    class Method:
        def SetInitialTransform(self, *_: object, **__: object) -> None:
            pass

        def Execute(self, *_: object) -> object:
            reading.__exit__(None, None, None)
            seen.append(sitk.ProcessObject.GetGlobalWarningDisplay())
            return object()

    try:
        reading.__enter__()
        _optimised(Method(), (None, None), None)
        assert seen == [False], "silent while it runs"
        assert sitk.ProcessObject.GetGlobalWarningDisplay() is True, "as it was before"
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(found)
