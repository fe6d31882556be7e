"""Rows of a manifest as spreadsheets and people write them: cells by column, each row with its line."""

from __future__ import annotations

import csv
import json
import os

import pytest

from volsweep.batch.manifest_rows import read_rows
from volsweep.errors import BatchError

COLUMNS = ("series", "prompts", "range", "output", "stride")
HEADER = ",".join(COLUMNS) + "\n"


def read(tmp_path, text: str | bytes, name: str = "m.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_rows(path, COLUMNS))


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cells_come_back_as_pythons_writer_wrote_them(tmp_path, mark, end):
    rows = [
        {"series": "a b", "prompts": "box 1@2:3,4,5,6; point 1@2:3,4", "range": "", "output": 'a "quoted" one'},
        {"series": "two\nlines", "prompts": "p.json", "range": "1:2", "output": "tab\there"},
        {"series": "last", "prompts": "é;,", "range": "", "output": ""},
    ]
    path = tmp_path / "m.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), delimiter=mark, lineterminator=end)
        writer.writeheader()
        writer.writerows(rows)
    found = list(read_rows(path, COLUMNS))
    assert [cells for _, cells in found] == rows
    assert [line for line, _ in found] == [2, 3, 5]


def test_json_rows_are_handed_out_as_they_stand(tmp_path):
    rows = [{"series": "a", "prompts": ["x", "y"], "range": [1, 5]}, {"any": {"thing": None}}, 3]
    for indent, lines in ((None, [1, 1, 1]), (1, [2, 13, 18])):
        found = read(tmp_path, json.dumps(rows, indent=indent), "m.json")
        assert found == list(zip(lines, rows, strict=True))
    assert read(tmp_path, " [ ] ", "m.json") == []


def test_rows_before_a_fault_are_handed_out(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text(HEADER + 'a,p.json,,,\nb,"p,,,\n')
    rows = read_rows(path, COLUMNS)
    assert next(rows) == (2, {"series": "a", "prompts": "p.json", "range": "", "output": "", "stride": ""})
    with pytest.raises(BatchError, match=r"line 3: .*check the quotes"):
        next(rows)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "m.csv").write_text(HEADER)
    (tmp_path / "m.csv").chmod(0)
    with pytest.raises(BatchError, match="Permission denied"):
        list(read_rows(tmp_path / "m.csv", COLUMNS))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("m.csv", "", "is empty"),
        ("m.csv", "series,prompt\n", "unknown: 'prompt', which may mean prompts"),
        ("m.csv", "series,range\n", "missing: prompts"),
        ("m.csv", "series,prompts,series\n", "named twice"),
        ("m.csv", HEADER + 'a,"b,,,\n', "check the quotes"),
        ("m.csv", b"series,prompts\n\xff\xfe,x\n", "not a UTF-8 text"),
        ("m.json", '{"series": "a"}', "must be a list"),
        ("m.json", '[{"series": "a"},\n {"series" "b"}]', "line 2"),
        ("m.json", '[{"series": "a"}\n{"series": "b"}]', "a comma"),
        ("m.json", "[" * 100_000, "without end"),
        ("m.json", "[1", "a comma or the end"),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path, name, text, words):
    with pytest.raises(BatchError, match=words):
        read(tmp_path, text, name)


@pytest.mark.parametrize("name", ["none.csv", "none.json"])
def test_missing_file(tmp_path, name):
    with pytest.raises(BatchError, match="cannot be read: No such file"):
        list(read_rows(tmp_path / name, COLUMNS))


@pytest.mark.parametrize(
    "text",
    [
        "series;prompts;;\nct;box 1@2:5,5,15,15;;\n;;;\n",
        "series;prompts\nct;box 1@2:5,5,15,15;;;\n",
        "sep=;\nseries;prompts\nct;box 1@2:5,5,15,15\n",
        '"sep=;"\nseries;prompts\nct;box 1@2:5,5,15,15\n',
        "SEP=;;;\n;;\nseries;prompts;;\n;;;\nct;box 1@2:5,5,15,15;;\n",
        "sep=\t\nseries\tprompts\nct\tbox 1@2:5,5,15,15\n",
        '\nsep=,\nseries,,prompts\nct,,"box 1@2:5,5,15,15"\n',
        "sep=|\nseries|prompts\nct|box 1@2:5,5,15,15\n",
    ],
)
def test_what_spreadsheets_add_is_nothing(tmp_path, text):
    path = tmp_path / "m.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    ((line, cells),) = read_rows(path, COLUMNS)
    assert cells == {"series": "ct", "prompts": "box 1@2:5,5,15,15"}
    assert text.split("\n")[line - 1].startswith("ct")


def test_a_cell_under_no_column_is_named(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("series;prompts;;\nct;box 1@2:5,5,15,15;;stray\n")
    ((line, problem),) = read_rows(path, COLUMNS)
    assert (line, "'stray' under none" in problem) == (2, True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_unicode_text_of_a_spreadsheet_is_read(tmp_path, encoding):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path = tmp_path / "m.csv"
    path.write_bytes(f"{mark}series\tprompts\toutput\r\nct\tbox 1@2:5,5,15,15\tLäsion\r\n".encode(encoding))
    ((line, cells),) = read_rows(path, COLUMNS)
    assert (line, cells["output"]) == (2, "Läsion")


@pytest.mark.parametrize("name", ["m.csv", "m.json"])
def test_a_pipe_is_no_manifest(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(BatchError, match="a pipe, a device"):
        list(read_rows(tmp_path / name, COLUMNS))
