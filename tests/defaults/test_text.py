"""Defaults as they are typed: what is listed sets the same again."""

from __future__ import annotations

import pytest

from volsweep.defaults import Defaults, changed, listed
from volsweep.errors import SettingsError

TYPED = {
    "window.CT": "lung",
    "window.PT": "percentile",
    "plane": "sagittal",
    "model": "volsweep-nano",
    "format": ".seg.nrrd",
    "reader": "AB",
    "label.1.name": "GTV",
    "label.1.color": "#00ff00",
    "label.1.code": "108369006:SCT:Neoplasm",
    "label.7.name": "node",
}


def test_what_is_listed_sets_the_same_again_and_can_be_taken_back():
    chosen = Defaults()
    for key, value in TYPED.items():
        chosen = changed(chosen, key, value)
    assert listed(chosen) == TYPED
    for key in TYPED:
        chosen = changed(chosen, key, None)
    assert chosen == Defaults()


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("windw.CT", "lung", "did you mean window.CT"),
        ("window", "lung", "give window.MODALITY"),
        ("label.x.name", "a", "there is no default"),
        ("label.1.colour", "#00ff00", "did you mean label.1.color"),
        ("label.1.color", "#00ff00", "set label.1.name first"),
        ("window.CT", "lnug", "window.CT 'lnug' cannot be a default: .*did you mean lung"),
        ("plane", "oblique", "^plane 'oblique' cannot be a default: give one of axial, coronal or sagittal$"),
        ("window.CT", "400", "^window.CT '400' cannot be a default: window '400' is unknown"),
        ("reader", "Anna Müller", "^reader 'Anna Müller' cannot be a default: give initials: up to 16 letters"),
        ("label.0.name", "x", "^label.0.name 'x' cannot be a default: give at least 1$"),
        ("format", "png", "^format 'png' cannot be a default: labels are written as .nii.gz"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(key, value, told):
    with pytest.raises(SettingsError, match=told):
        changed(Defaults(), key, value)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [("color", "red", "give a colour such as #e69f00"), ("code", "1:2", "give VALUE:SCHEME:MEANING")],
)
def test_a_row_is_told_what_its_texts_look_like(key, value, told):
    named = changed(Defaults(), "label.1.name", "a")
    with pytest.raises(SettingsError, match=f"^label.1.{key} '{value}' cannot be a default: {told}"):
        changed(named, f"label.1.{key}", value)
