"""A run's log: a line a step, and none twice after a resume."""

from __future__ import annotations

import csv

import pytest

from volsweep.errors import OutputError
from volsweep.train.log import StepLog


def rows(path):
    with path.open() as handle:
        return list(csv.DictReader(handle))


def test_a_line_a_step_with_what_is_known_of_it(tmp_path):
    log = StepLog(tmp_path / "log.csv", 0)
    log.add(1, 24, {"loss": 0.123456789, "refined_dsc": 0.5})
    log.add(2, 24, {"loss": 0.1})
    first, second = rows(tmp_path / "log.csv")
    assert (first["step"], first["slices"], first["loss"], first["refined_dsc"]) == ("1", "24", "0.12346", "0.5")
    assert (second["slices"], second["refined_dsc"]) == ("48", "")


def test_steps_that_are_run_again_are_written_once_and_slices_count_on(tmp_path):
    log = StepLog(tmp_path / "log.csv", 0)
    for step in (1, 2, 3):
        log.add(step, 10, {"loss": step})
    log = StepLog(tmp_path / "log.csv", 2)
    log.add(3, 10, {"loss": 30})
    found = rows(tmp_path / "log.csv")
    assert [(row["step"], row["loss"], row["slices"]) for row in found] == [
        ("1", "1", "10"),
        ("2", "2", "20"),
        ("3", "30", "30"),
    ]
    assert log.slices_per_s > 0


def test_what_cannot_be_written_is_said(tmp_path):
    log = StepLog(tmp_path / "log.csv", 0)
    (tmp_path / "log.csv").unlink()
    (tmp_path / "log.csv").mkdir()
    with pytest.raises(OutputError, match=r"log\.csv"):
        log.add(1, 1, {"loss": 1})
