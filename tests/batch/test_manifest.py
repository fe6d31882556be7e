"""Manifests as people and spreadsheets write them."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from volsweep.batch.manifest import read_manifest
from volsweep.errors import BatchError
from volsweep.geometry import Plane

HEADER = "series,prompts,range,output,stride\n"


def read(tmp_path, text: str | bytes, name: str = "m.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_manifest(path))


def test_a_row_with_all_columns(tmp_path):
    (entry,) = read(
        tmp_path,
        "series,prompts,label,draw,uid,output,model,window,plane,range,direction,stride,gaps,extent\n"
        "s,m.nii.gz,1;liver,mask,1.2,out,sam2.1-tiny,lung,coronal,3:9,forward,2,keep,1@3:;2@:9\n",
    )
    row = entry.row
    assert (entry.line, entry.name, row.label, row.plane, row.range) == (
        2,
        "out",
        ("1", "liver"),
        Plane.CORONAL,
        (3, 9),
    )
    assert row.extent == ("1@3:", "2@:9")
    assert (row.direction, row.stride, row.gaps, row.window, row.uid) == ("forward", 2, "keep", "lung", "1.2")


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_what_spreadsheets_write(tmp_path, mark, bom):
    text = (
        mark.join(["Series", " prompts "]) + "\r\n" + mark.join(["a/ct", '"box 1@2:3,4,5,6; point 1@2:3,4"']) + "\r\n"
    )
    (entry,) = read(tmp_path, bom + text.encode())
    assert (entry.row.series, entry.row.prompts) == ("a/ct", "box 1@2:3,4,5,6; point 1@2:3,4")
    assert entry.name == "ct"


def test_blank_cells_and_lines_are_defaults(tmp_path):
    entries = read(tmp_path, HEADER + 'a,p.json,,,\n\n,,,,\n"b\nb",p.json,,,\nc,p.json\n')
    assert [(e.line, e.name) for e in entries] == [(2, "a"), (5, "b_b"), (7, "c")]
    assert entries[0].row.range is None
    assert entries[0].row.stride == 1


def test_the_same_as_json(tmp_path):
    rows = [
        {"series": "x/scan.nii.gz", "prompts": ["box 1@2:3,4,5,6", "point 1@2:3,4"], "range": [1, 5]},
        {"series": "y", "prompts": "p.json", "label": 3, "range": "2:4"},
    ]
    entries = read(tmp_path, json.dumps(rows, indent=2), "m.json")
    assert [(e.line, e.name) for e in entries] == [(2, "scan"), (13, "y")]
    assert entries[0].row.prompts == "box 1@2:3,4,5,6; point 1@2:3,4"
    assert [e.row.range for e in entries] == [(1, 5), (2, 4)]
    assert entries[1].row.label == ("3",)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a,,,,", "prompts is missing"),
        ("a,p.json,5,,", "range '5'"),
        ("a,p.json,,,0", "stride '0'"),
        ("a,p.json,,x/y,", "output 'x/y' is the name of a folder"),
        ("a,p.json,,..,", "output '..' is the name of a folder"),
        (f"a,p.json,,{'é' * 61},", "longer than 120 bytes"),
        ("a\0b,p.json,,,", "series"),
        ("a,box 1@2:3,4,5,6,7,,", "stands in quotes"),
    ],
)
def test_a_bad_row_names_its_line_and_lets_the_others_through(tmp_path, row, words):
    entries = read(tmp_path, f"{HEADER}ok,p.json,,,\n{row}\nfine,p.json,,,\n")
    assert [e.row is not None for e in entries] == [True, False, True]
    assert entries[1].line == 3
    assert words in "; ".join(entries[1].problems)


def test_names_that_differ_only_in_case_are_one_folder_on_some_disks(tmp_path):
    entries = read(tmp_path, HEADER + "a/ct,p.json,,,\nb/CT,p.json,,,\n")
    assert (entries[1].name, entries[1].row) == ("line-3", None)
    assert "an earlier row has the output name 'CT'" in entries[1].problems[0]


def test_json_values_of_any_kind_become_problems(tmp_path):
    entries = read(
        tmp_path, '[1, null, {"series": 3, "prompts": {}}, {"series": "a", "prompts": "b", "x": 1}]', "m.json"
    )
    assert [e.row for e in entries] == [None] * 4
    assert "'x' is no column" in entries[3].problems[0]


SPLINTERS = (
    b"\0",
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\xff",
    b"1e999",
    b"9" * 30,
    b"{",
    b"]",
    b"..",
    b"null",
    b"\\ud800",
    b"~",
    b"a" * 5000,
)


@pytest.mark.parametrize("name", ["m.csv", "m.json"])
def test_damaged_manifests_end_in_sentences(tmp_path, rng, name):
    """Whatever is in the file: a BatchError, or entries whose problems are told."""
    from volsweep.batch.checks import Places, problems_of

    rows = [{"series": "a/b", "prompts": "box 1@2:3,4,5,6; point 1@2:3,4", "range": "1:5", "model": "sam2.1-tiny"}] * 2
    lines = [",".join(f'"{value}"' for value in row.values()) for row in rows]
    whole = "\n".join([",".join(rows[0]), *lines]) if name == "m.csv" else json.dumps(rows)
    for _ in range(250):
        damaged = bytearray(whole.encode())
        for _ in range(rng.integers(1, 5)):
            at, length = rng.integers(len(damaged) + 1), rng.integers(6)
            damaged[at : at + length] = SPLINTERS[rng.integers(len(SPLINTERS))] if rng.random() < 0.7 else b""
        path = tmp_path / name
        path.write_bytes(damaged)
        places = Places(path)
        with suppress(BatchError):
            for entry in places.entries():
                problems = problems_of(entry, places)
                assert problems, "there is no series a/b"
                assert all(len(problem) < 700 for problem in problems)
                (tmp_path / entry.name).exists()


def test_rows_on_one_line_get_names_of_their_own(tmp_path):
    path = tmp_path / "m.json"
    path.write_text('[1, 2, {"series": "a", "prompts": "box 1@2:5,5,15,15"}, {"series": "..", "prompts": ""}, [3]]')
    names = [entry.name for entry in read_manifest(path)]
    assert len({name.casefold() for name in names}) == 5
