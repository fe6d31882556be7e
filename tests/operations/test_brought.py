"""Slices that no sweep drew: what is expected of them, and what is still brought once more was done."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from volsweep.operations.brought import Load, brought_after
from volsweep.operations.kinds import Grow


def test_a_file_is_doubted_by_nobody_and_a_finder_by_what_it_says_of_each_slice():
    assert brought_after(Load(), {"a": None}, (), ["b", "c"]) == {"a": None, "b": None, "c": None}
    finder = Load(finder="f", expected=(0.8, 0.6))
    assert brought_after(finder, {"b": None}, (), ["b", "c"]) == {"b": 0.8, "c": 0.6}


def test_of_what_a_finder_says_nothing_nothing_is_expected():
    assert brought_after(Load(finder="f", expected=(0.8,)), {}, (), ["b", "c"]) == {"b": 0.8, "c": 0.0}


def test_what_is_made_of_it_alone_is_brought_and_as_doubtful_as_its_worst():
    before = {"a": 0.8, "b": 0.5, "of another": 0.9}
    assert brought_after(Grow(mm=2), before, ["a", "b"], ["b", "c"]) == {**before, "c": 0.5}
    assert brought_after(Grow(mm=2), before, ["a", "b", "a reader's"], ["b", "c"]) == {"a": 0.8, "of another": 0.9}
    assert brought_after(Grow(mm=2), before, (), ["b"]) == {"a": 0.8, "of another": 0.9}


def test_files_know_no_finder_where_there_is_none():
    assert Load().model_dump(mode="json") == {"kind": "load"}
    told = Load(finder="f", words="Unterkiefer", expected=(0.5,))
    assert Load.model_validate_json(told.model_dump_json()) == told
    with pytest.raises(ValidationError):
        Load(finder="f", expected=(1.5,))
