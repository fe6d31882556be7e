"""How a second series lies to the first: as it says, as it lies, or registered and checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.followed_patient import Patient, grid_around, imaged

from volsweep.errors import GeometryError, InputError
from volsweep.registration.beside import place_beside
from volsweep.volume import Source


def of_frame(volume, uid: str | None, modality: str = "MR"):
    return replace(volume, modality=modality, source=Source(Path("series"), "dicom", frame_of_reference_uid=uid))


@pytest.mark.parametrize(
    ("frames", "how", "kind"),
    [
        (("1.2", "1.2"), "auto", "same frame of reference"),
        (("1.2", None), "auto", "as they lie"),
        ((None, None), "auto", "as they lie"),
        (("1.2", "1.3"), "never", "as they lie"),
    ],
)
def test_series_that_need_no_registration_lie_as_they_do(baseline, frames, how, kind):
    found = place_beside(of_frame(baseline[0], frames[0]), of_frame(baseline[0], frames[1], "PT"), how)
    assert found.kind == kind
    np.testing.assert_array_equal(found.matrix, np.eye(4))


def test_two_modalities_are_not_registered_and_it_says_why(baseline):
    first, second = of_frame(baseline[0], "1.2"), of_frame(baseline[0], "1.3", "PT")
    with pytest.raises(InputError, match=r"a PT is not registered to a MR; they say .*register=.never"):
        place_beside(first, second)
    with pytest.raises(InputError, match=r"a PT is not registered to a MR: nothing here"):
        place_beside(first, replace(second, source=first.source), "always")


def test_of_one_modality_it_is_registered_checked_and_refused_in_its_own_words(baseline):
    other = Patient(np.random.default_rng(9).normal(300, 100, (90, 90, 90)).astype(np.float32))
    later, _ = imaged(other, grid_around(), np.eye(4), None)
    with pytest.raises(GeometryError, match="the second series does not fit the first: at best"):
        place_beside(of_frame(baseline[0], "1.2"), of_frame(later, "1.3"))
