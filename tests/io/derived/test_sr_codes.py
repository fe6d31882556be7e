"""Codes of reports, against pydicom's dictionary of DICOM PS3.16."""

from __future__ import annotations

import pytest
from pydicom.sr._concepts_dict import concepts

from volsweep.io.derived import sr_codes
from volsweep.io.derived.codes import SCHEME
from volsweep.volume import Code


def every_code() -> list[Code]:
    found = []
    for one in vars(sr_codes).values():
        if isinstance(one, Code):
            found.append(one)
        elif isinstance(one, dict):
            found += [code for code in one.values() if isinstance(code, Code)]
    return found


@pytest.mark.parametrize("code", every_code(), ids=lambda code: code.meaning)
def test_a_code_is_the_standards_or_ours(code):
    if code.scheme == SCHEME:
        assert len(code.value) <= 16
        return
    known = {(value, said.casefold()) for each in concepts[code.scheme].values() for value, (said, _) in each.items()}
    if code == sr_codes.OTHER_PROCEDURE:  # of LOINC, and not among DICOM's own contexts
        return
    if code.scheme == "UCUM":  # the value is the unit; what it means is for people
        known |= {(value, code.meaning.casefold()) for value, _ in known}
        known.add(("ml", "ml"))
    assert (code.value, code.meaning.casefold()) in known


def test_there_is_a_code_for_every_category():
    assert set(sr_codes.RESPONSES) == {"CR", "PR", "SD", "PD", "NE"}
