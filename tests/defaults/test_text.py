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
        ("plane", "oblique", "plane 'oblique'"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(key, value, told):
    with pytest.raises(SettingsError, match=told):
        changed(Defaults(), key, value)
