"""Names that differ on whatever disk."""

from __future__ import annotations

import unicodedata

import pytest

from volsweep.io.writing import as_on_disk, distinct, free_name


@pytest.mark.parametrize(
    ("names", "differ"),
    [
        (["CT", "MR"], ["CT", "MR"]),
        (["CT", "ct", "Ct"], ["CT", "ct_2", "Ct_3"]),
        (["a", "a", "a_2", "a_2"], ["a", "a_2", "a_2_2", "a_2_3"]),
        ([], []),
    ],
)
def test_a_name_that_an_earlier_one_has_gets_a_number(names, differ):
    assert distinct(names) == differ


def test_folders_that_are_one_to_some_disk_are_one(tmp_path):
    composed, apart = (unicodedata.normalize(form, "Schädel") for form in ("NFC", "NFD"))
    assert composed != apart
    assert as_on_disk(composed) == as_on_disk(apart.upper())
    assert distinct([composed, apart])[1] == f"{apart}_2"


def test_what_is_between_may_be_chosen():
    assert free_name("line-3", {"line-3", "line-3-2"}, "-") == "line-3-3"
