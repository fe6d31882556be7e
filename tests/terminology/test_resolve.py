"""Typed names: one rule for all, and nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsweep.errors import PromptError
from volsweep.io.derived.codes import meaning_of
from volsweep.terminology import named, named_all, one_thing
from volsweep.volume import Label


def labels(*names: str) -> dict[int, Label]:
    return {value: Label(name, "#102030") for value, name in enumerate(names, start=1)}


@pytest.mark.parametrize(
    ("typed", "names", "found"),
    [
        ("gtv", ["GTV", "gtv"], 2),  # as it is written, before what differs in letters
        ("2", ["2", "liver"], 2),  # a number is the object's own
        (" left   parotid ", ["x", "left parotid"], 2),
        ("left parotid", ["right parotid", "Glandula parotis sinistra"], 2),
        ("linke Ohrspeicheldrüse", ["Parotid_L"], 1),
        ("tumor", ["necrosis", "tumour"], 2),
        ("liver tumour", ["kidney tumour", "Tumor der Leber"], 2),
        ("Leber", ["liver tumour", "hígado"], 2),
        ("Rib 3", ["rib 2", "rib_3"], 2),
        ("e\u0301t\u00e9", ["\u00e9te\u0301"], 1),  # accents as letters of their own, or not
    ],
)
def test_a_name_means_one_object(typed, names, found):
    assert named(typed, labels(*names)) == found


@pytest.mark.parametrize(
    ("typed", "names", "words"),
    [
        ("liver", ["Leber", "hígado"], r"'liver' may be 1 \(Leber\) or 2 \(hígado\)"),
        ("GTV", ["gtv", "Gtv"], r"may be 1 \(gtv\) or 2 \(Gtv\)"),
        ("parotid", ["left parotid", "x"], r"no label 'parotid'; did you mean 1 \(left parotid\)\? there are: 1 left"),
        ("node", ["nodde", "x"], r"did you mean 1 \(nodde\)"),
        ("glioma", ["sarcoma"], "no label 'glioma'"),  # one code, two things
        ("GTV-T", ["GTV-N"], "no label 'GTV-T'"),
        ("tumour", ["GTV-N", "tumour 2"], "no label 'tumour'"),
        ("rib 4", ["rib 3"], "no label 'rib 4'"),
        ("right kidney", ["left kidney"], "no label 'right kidney'"),
        ("7", ["a"], "no label '7'; there are: 1 a"),
        ("x", [], "there are: none"),
    ],
)
def test_what_no_object_or_several_are_called_is_refused(typed, names, words):
    with pytest.raises(PromptError, match=words):
        named(typed, labels(*names))


def test_what_a_file_says_that_an_object_is_counts_as_its_name():
    there = {1: Label("Segment 1", "#102030", meaning=meaning_of("left parotid")), 2: Label("Segment 2", "#102030")}
    assert named("Glandula parotis sinistra", there) == 1
    there[2] = Label("Segment 2", "#102030", meaning=meaning_of("tumour"))
    assert named_all(["tumor", "Segment 2", 1], there) == [2, 1]


def test_long_lists_are_cut():
    with pytest.raises(PromptError, match=r"30 thing 29, 70 more$"):
        named("liver", labels(*(f"thing {n}" for n in range(100))))


def test_two_objects_are_one_thing():
    one, two, three = labels("Parotid_L", "linke Parotis", "right parotid").values()
    assert one_thing(one, two)
    assert not one_thing(one, three)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=5, unique=True))
def test_every_object_is_found_by_its_number_whatever_they_are_called(names):
    there = labels(*names)
    assert [named(str(value), there) for value in there] == list(there)
