"""The list on the disk: what it holds comes back, and what is wrong is named."""

from __future__ import annotations

import pytest

from volsweep.errors import InputError, OutputError, SessionError
from volsweep.geometry import Plane
from volsweep.worklist.listing import Case, Task, TaskLabel, Worklist, check_measured, path_in, read_worklist
from volsweep.worklist.listing import write_worklist as write

FULL = Worklist(
    readings=2,
    task=Task(
        window="lung", plane=Plane.CORONAL, labels={1: TaskLabel(name="tumour", color="#ff0000")}, measured=("tumour",)
    ),
    cases=(Case(name="a", series="a.nii.gz", due="2026-12-01"), Case(name="b c", series="/x", uid="1.2", labels="l")),
)


def test_it_comes_back_as_it_was_and_is_not_replaced_unasked(tmp_path):
    write(tmp_path / "l.json", FULL)
    assert read_worklist(tmp_path / "l.json") == FULL
    with pytest.raises(OutputError, match="exists already"):
        write(tmp_path / "l.json", Worklist())
    write(tmp_path / "l.json", Worklist(), overwrite=True)
    assert read_worklist(tmp_path / "l.json").cases == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not a worklist"),
        ('{"schema": "other", "version": 1}', "schema"),
        ('{"cases": [{"name": "../a", "series": "x"}]}', "name of a folder"),
        ('{"cases": [{"name": "a", "series": "x"}, {"name": "A", "series": "y"}]}', "two cases are called 'a'"),
        ('{"readings": 0}', "readings"),
        ('{"cases": [{"name": "a", "series": "x", "due": "soon"}]}', "due"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, words):
    (tmp_path / "l.json").write_text(text)
    with pytest.raises(InputError, match=words):
        read_worklist(tmp_path / "l.json")


def test_a_case_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no case 'z'"):
        FULL.case("z")
    with pytest.raises(InputError, match="cannot be read"):
        read_worklist(tmp_path / "none.json")


def test_what_must_be_measured():
    check_measured(FULL.task, ["Tumour", "node"])
    check_measured(FULL.task, ["tumor", "lymph node"])
    with pytest.raises(SessionError, match="tumour must be drawn"):
        check_measured(FULL.task, ["node"])


def test_paths_begin_at_the_list(tmp_path):
    (tmp_path / "in").mkdir()
    assert path_in(tmp_path, "in") == tmp_path / "in"
    assert str(path_in(tmp_path, "sample:ct_phantom")) == "sample:ct_phantom"
