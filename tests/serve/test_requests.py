"""What a client may send."""

from __future__ import annotations

import unicodedata

import pytest
from pydantic import ValidationError

from volsweep.errors import why_invalid
from volsweep.serve.requests import Export, Open, Sweep, Use, Where


@pytest.mark.parametrize(
    "name",
    [
        "../x.nii.gz",
        "/x.nii",
        ".x.nii",
        "a/b.nii",
        "a\\b.nii",
        "",
        "x" * 200,
        "a\n.nii",
        "-\0",
        "\u202egpj.nii",
        "a:b.nii",
        "肝" * 80 + ".nii",
    ],
)
def test_names_of_files_are_no_paths(name):
    with pytest.raises(ValidationError) as refused:
        Export(name=name)
    assert "100 letters" in why_invalid(refused.value)


def test_a_usual_name():
    assert Export(name="Lesion 1 (final).seg.dcm").name


@pytest.mark.parametrize("name", ["Müller-labels.nii.gz", "肝臓.seg.dcm", "كبد.nii", "ท้อง.nii", "हृदय.nrrd"])
def test_a_name_in_the_letters_of_any_language(name):
    """The page wrote ``M_ller`` before, and the server refused what it had not."""
    assert Export(name=name).name == name
    assert Export(name=unicodedata.normalize("NFD", name)).name == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("path", ["..", "a/../../b", "/a", "~", "a\\b", "a\0", "C:/a"])
def test_paths_stay_below(path):
    with pytest.raises(ValidationError):
        Where(folder="a", path=path)


def test_a_sweep_says_what_a_session_takes():
    assert Sweep(labels=(1,), direction="forward", slices=(1, 5)).options() == {
        "labels": (1,), "direction": "forward", "slices": (1, 5), "stride": 1, "patience": 2, "plane": None,
    }  # fmt: skip


@pytest.mark.parametrize("asked", [Open, Use])
def test_a_second_series_is_refused_with_who_looks_at_two(asked):
    with pytest.raises(ValidationError) as refused:
        asked.model_validate({"second": {"folder": "a", "path": "b.nii.gz"}})
    told = why_invalid(refused.value)
    assert "sessions here look at one series; two are seen as one in the plugin, by volsweep segment --with" in told
    assert asked.model_validate({}).window in ("auto", None), "and nothing else is"
