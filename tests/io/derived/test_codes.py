"""What names mean, held against the codes that pydicom takes from the standard."""

from __future__ import annotations

import pytest
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from volsweep.io.derived import codes as dicom_codes
from volsweep.terminology.names import LESIONS


def test_every_code_is_the_one_of_the_standard():
    found = (getattr(codes.SCT, name) for name in dir(codes.SCT))
    known = {(c.value, c.meaning) for c in found if isinstance(c, Code)}
    mine = [dicom_codes.ANATOMY, dicom_codes.ABNORMAL, dicom_codes.TISSUE]
    mine += LESIONS
    wrong = [c for c in mine if (c.value, c.meaning) not in known]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "kind", "side"),
    [
        ("Liver", "Liver", None),
        ("right kidney", "Kidney", "Right"),
        ("lungs", "Lung", None),
        ("GTV_Mass_CT", "Neoplasm", None),
        ("lung nodule, left", "Nodule", "Left"),
        ("linke Niere", "Kidney", "Left"),
        ("Läsion rechts", "Lesion", "Right"),
        ("thing 3", "thing 3", None),
        ("delivery", "delivery", None),
    ],
)
def test_names_are_looked_up_by_whole_words(name, kind, side):
    meaning = dicom_codes.meaning_of(name)
    assert meaning.kind.meaning == kind
    assert (meaning.side.meaning if meaning.side else None) == side
    assert len(meaning.kind.value) <= 16


def test_a_lesion_says_which_organ_it_is_in():
    meaning = dicom_codes.meaning_of("right kidney tumour")
    assert (meaning.kind.meaning, meaning.region.meaning, meaning.region_side.meaning) == (
        "Neoplasm",
        "Kidney",
        "Right",
    )
    assert dicom_codes.meaning_of("GTV").region is None
