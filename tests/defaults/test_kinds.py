"""What may be a default, and what it comes to for a volume and a label."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from volsweep.defaults import Defaults, LabelRow
from volsweep.geometry import Grid
from volsweep.volume import Label, Volume

CHOSEN = Defaults(window={"ct": "lung", "PET": "percentile"}, labels={2: LabelRow(name="GTV", color="#00ff00")})


def volume(modality: str, values: np.ndarray | None = None) -> Volume:
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5) if values is None else values
    return Volume(array, Grid.axis_aligned(array.shape), modality)


def test_the_window_goes_by_modality():
    assert [CHOSEN.window_for(volume(name)) for name in ("CT", "PT", "MR", "")] == ["lung", "percentile", None, None]


def test_what_looks_like_ct_gets_the_window_of_ct():
    body = np.full((4, 10, 10), -1000, dtype=np.int16)
    body[:, 2:8, 2:8] = 40
    assert CHOSEN.window_for(volume("", body)) == "lung"
    assert CHOSEN.window_for(volume("MR", body)) is None


def test_a_label_is_the_tables_or_the_usual_one():
    assert CHOSEN.label(2) == Label("GTV", "#00ff00")
    assert CHOSEN.label(1) == Label.default(1)
    assert LabelRow(name="x").label(3).color == Label.default(3).color
    meaning = LabelRow(name="liver", code="10200004:SCT:Liver").label(1).meaning
    assert (meaning.kind.value, meaning.kind.scheme, meaning.kind.meaning) == ("10200004", "SCT", "Liver")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"window": {"CT": "lnug"}}, "did you mean lung"),
        ({"window": {"MR": "lung"}}, "MR is not CT"),
        ({"window": {"MRT": "auto"}}, "did you mean MR"),
        ({"model": "volswep-nano"}, "did you mean volsweep-nano"),
        ({"format": "png"}, ".nii.gz"),
        ({"plane": "axail"}, "axial"),
        ({"labels": {0: {"name": "x"}}}, "1"),
        ({"labels": {1: {"name": "x", "color": "red"}}}, "color"),
        ({"labels": {1: {"name": "x", "code": "neoplasm"}}}, "code"),
        ({"reader": "Dr. A. Q."}, "reader"),
    ],
)
def test_what_cannot_be_followed_is_refused(wrong, told):
    with pytest.raises(ValidationError, match=told):
        Defaults.model_validate(wrong)
