"""A record says what became of a series, and whether its results still are what was written."""

from __future__ import annotations

import json

import pytest

from volsweep.batch.fingerprint import file_sha256
from volsweep.batch.record import (
    FoundLabel,
    Record,
    found_labels,
    outputs_are_whole,
    read_record,
    sentence,
    sentence_of,
    write_record,
)
from volsweep.errors import PromptError
from volsweep.volume import Label


def found(**fields) -> FoundLabel:
    return FoundLabel(label=1, name="ball", **fields)


def test_it_is_read_as_it_was_written(tmp_path):
    record = Record(
        name="s", status="done", key="k", outputs={"labels.nii.gz": "00"}, seconds=1.5, model="volsweep-nano",
        labels=(found(volume_ml=2.5, slices=3, first_slice=4, last_slice=6, doubtful=(5,)),), warnings=("gap",),
    )  # fmt: skip
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    assert json.loads((tmp_path / "record.json").read_text())["schema_"] == "volsweep-batch-record"


def test_what_is_no_record_of_this_version_is_none(tmp_path):
    assert read_record(tmp_path) is None
    write_record(tmp_path, Record(name="s", status="done"))
    path = tmp_path / "record.json"
    whole = path.read_text()
    for text in ("", "{}", whole[:-9], whole.replace('"version": 1', '"version": 2'), whole.replace("done", "well")):
        assert text != whole
        path.write_text(text)
        assert read_record(tmp_path) is None


def test_results_are_whole_when_every_file_has_its_bytes(tmp_path):
    for name in ("labels.nii.gz", "preview.png"):
        (tmp_path / name).write_bytes(name.encode())
    record = Record(name="s", status="done", outputs={p.name: file_sha256(p) for p in tmp_path.iterdir()})
    assert outputs_are_whole(tmp_path, record)
    assert not outputs_are_whole(tmp_path, Record(name="s", status="done")), "nothing written is nothing kept"
    (tmp_path / "more.txt").write_text("of somebody else")
    assert outputs_are_whole(tmp_path, record)
    (tmp_path / "preview.png").write_bytes(b"preview.pn_")
    assert not outputs_are_whole(tmp_path, record)
    (tmp_path / "preview.png").unlink()
    assert not outputs_are_whole(tmp_path, record)


@pytest.mark.parametrize(
    ("label", "trust", "to_check"),
    [
        (found(slices=4, doubtful=(3,)), 0.75, True),
        (found(slices=4), 1.0, False),
        (found(), 0.0, True),
        (found(slices=1, doubtful=(1, 2, 3)), 0.0, True),
    ],
)
def test_trust_is_the_share_of_slices_that_nobody_must_look_at(label, trust, to_check):
    assert label.trust == trust
    assert Record(name="s", status="done", labels=(label,)).to_check is to_check


def test_a_prompted_label_of_which_nothing_was_found_is_listed():
    entry = {
        "label": 2, "name": "node", "volume_ml": 1.5, "diameters": {"long_mm": 12.0, "short_mm": 8.0}, "slices": 3,
        "first_slice": 4, "last_slice": 6, "doubtful_slices": [6],
    }  # fmt: skip
    report = {"labels": [entry], "prompts": [{"label": 7}, {"label": 2}, {"label": 1}]}
    labels = found_labels(report, {1: Label("liver", "#ff0000")})
    assert [(one.label, one.name, one.slices) for one in labels] == [
        (1, "liver", 0),
        (2, "node", 3),
        (7, Label.default(7).name, 0),
    ]
    assert (labels[1].long_mm, labels[1].short_mm, labels[1].doubtful) == (12.0, 8.0, (6,))


def test_a_message_is_one_line_that_someone_reads():
    assert sentence(" what\nis \t wrong ") == "what is wrong"
    assert sentence("a" * 600) == "a" * 600
    assert sentence("a" * 601) == "a" * 600 + "…"


def test_only_messages_of_our_own_are_told():
    assert sentence_of(PromptError("a\nb")) == "a b"
    assert "fewer workers" in sentence_of(MemoryError())
    assert sentence_of(PermissionError(13, "Permission denied", "x.nii")) == "Permission denied: x.nii"
    assert sentence_of(OSError(28, "No space left on device")) == "No space left on device"
    with pytest.raises(KeyError) as raised:
        {}["DOE^JOHN"]
    told = sentence_of(raised.value)
    assert "unexpected KeyError in test_record.py, line " in told
    assert "DOE" not in told
