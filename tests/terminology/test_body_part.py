"""Parts of the body as hospitals write them; what is not understood whole says nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volsweep.terminology.body_part import _WORDS, regions_of


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("HEAD", "hn"), ("HEADNECK", "hn"), ("HEAD_NECK", "hn"), ("Head-Neck", "hn"), ("HEAD AND NECK", "hn"),
        ("BRAIN", "h"), ("CHEST", "c"), ("CHEST_TO_PELVIS", "cap"), ("CHESTABDPELVIS", "cap"), ("TAP", "cap"),
        ("NECKCHESTABDPELV", "ncap"), ("WHOLEBODY", "hncaplu"), ("WHOLE BODY", "hncaplu"), ("Ganzkörper", "hncaplu"),
        ("ABDOMEN", "a"), ("LIVER", "a"), ("LSPINE", "ap"), ("Thorax/Abdomen", "ca"), ("CT CHEST W CONTRAST", "c"),
        ("HEAD TO THIGH", "hncapl"), ("KNEE", "l"), ("SHOULDER", "cu"), ("tórax", "c"),
    ],
)  # fmt: skip
def test_spellings(text, regions):
    assert regions_of(text) == regions


@pytest.mark.parametrize("text", ["", "UNKNOWN", "CHEST ROOM 4", "LEGACY", "HEADX", "PROTOCOL", "BONE", "__"])
def test_what_is_not_understood_to_its_last_letter_says_nothing(text):
    assert regions_of(text) == ""


def test_no_word_says_two_things():
    words = [word for each in _WORDS.values() for word in each.split()]
    assert len(words) == len(set(words))


@given(st.text(max_size=40))
def test_any_text_is_answered(text):
    assert set(regions_of(text)) <= set("hncaplu")
