"""`volsweep config`, and what `segment` makes of it."""

from __future__ import annotations

import json

import numpy as np
import pydicom
import pytest

import volsweep
from volsweep.cases.phantoms import sample

CT = sample("ct_phantom")
BOX = ["--box", "1@20:55,98,86,126", "--range", "20:20"]


@pytest.fixture
def call(call, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOLSWEEP_DEFAULTS", str(tmp_path / "own" / "defaults.json"))
    return call


def test_set_show_unset_path(call, tmp_path):
    assert call("config", "show") == (0, "nothing is set; Volsweep decides by itself\n", "")
    assert call("config", "path")[1].strip() == str(tmp_path / "own" / "defaults.json")
    assert call("config", "set", "window.CT", "lung")[0] == 0
    assert call("config", "set", "label.1.name", "GTV")[0] == 0
    assert call("config", "show")[1].splitlines() == ["window.CT lung", "label.1.name GTV"]
    told = json.loads(call("config", "show", "--json")[1])
    assert told["defaults"] == {"window.CT": "lung", "label.1.name": "GTV"}
    assert call("config", "unset", "window.CT")[0] == 0
    assert call("config", "show")[1] == "label.1.name GTV\n"


def test_what_was_written_as_json(call, tmp_path):
    file = str(tmp_path / "own" / "defaults.json")
    assert json.loads(call("config", "path", "--json")[1]) == {"path": file}
    code, out, err = call("config", "set", "window.CT", "lung", "--json")
    assert (code, json.loads(out), err) == (0, {"path": file, "defaults": {"window.CT": "lung"}}, "")
    assert json.loads(call("config", "show", "--json")[1]) == json.loads(out)
    assert json.loads(call("config", "unset", "window.CT", "--json")[1]) == {"path": file, "defaults": {}}
    code, out, err = call("config", "set", "window.CT", "lnug", "--json")
    assert (code, out) == (2, ""), "what could not begin prints no document"
    assert "did you mean lung?" in err


def test_mistakes(call, tmp_path):
    code, _, err = call("config", "set", "window.CT", "lnug")
    assert code == 2
    assert "did you mean lung?" in err
    code, _, err = call("config", "set", "windw.CT", "lung")
    assert code == 2
    assert "did you mean window.CT?" in err
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "defaults.json").write_text('{"window": {"CT": "lnug"}}')
    code, _, err = call("segment", CT.series, "-o", "x.nii.gz", *BOX)
    assert code == 1, "a file that cannot be followed is not passed over"
    assert "defaults.json cannot be followed" in err


def test_segment_follows_them_says_so_and_what_is_typed_comes_first(call, tmp_path):
    for key, value in (
        ("window.CT", "bone"),
        ("format", "nrrd"),
        ("label.1.name", "GTV"),
        ("label.1.color", "#00ff00"),
        ("label.1.code", "108369006:SCT:Neoplasm"),
    ):
        assert call("config", "set", key, value)[0] == 0
    code, out, _ = call("segment", CT.series, "-o", "tumour", *BOX, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["run"]["window"]["name"] == "bone"
    assert [row["name"] for row in told["labels"]] == ["GTV"]
    assert any("by your defaults: window bone" in note for note in told["notes"])
    assert volsweep.read_labels(tmp_path / "tumour.nrrd").labels[1].color == "#00ff00"

    typed = ["--box", "mine=1@20:55,98,86,126", "--range", "20:20", "--window", "liver"]
    code, out, _ = call("segment", CT.series, "-o", "own.seg.dcm", *typed, "--json")
    told = json.loads(out)
    assert (told["run"]["window"]["name"], told["labels"][0]["name"]) == ("liver", "mine")
    assert not any("by your defaults" in note for note in told["notes"])

    code, *_ = call("segment", CT.series, "-o", "coded.seg.dcm", *BOX)
    (segment,) = pydicom.dcmread(tmp_path / "coded.seg.dcm").SegmentSequence
    kind = segment.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodingSchemeDesignator, segment.SegmentLabel) == ("108369006", "SCT", "GTV")


def test_the_voxels_are_those_of_the_same_words_typed(call, tmp_path, on_arithmetic):
    call("segment", CT.series, "-o", "typed.nii.gz", *BOX, "--window", "bone")
    call("config", "set", "window.CT", "bone")
    call("segment", CT.series, "-o", "chosen.nii.gz", *BOX)
    typed, chosen = (volsweep.read_labels(tmp_path / f"{name}.nii.gz").array_zyx for name in ("typed", "chosen"))
    np.testing.assert_array_equal(typed, chosen)
