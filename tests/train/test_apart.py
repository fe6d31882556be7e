"""A lesson in a process of its own: what it is given, what it says line by line, and what becomes of it."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.models import find_model
from volsweep.session.session import Session
from volsweep.train.apart import ask, command, main, read_cases, write_case
from volsweep.train.learn import RECIPE, case_of
from volsweep.volume import Volume

SHAPE = (9, 40, 44)


def drawn(seed: int) -> Session:
    """A volume of noise with two balls, outlined by hand as objects 1 and 2, and a speck that is object 3."""
    grid = Grid.axis_aligned(SHAPE, (2.0, 1.0, 0.8))
    z, y, x = np.indices(SHAPE)
    image = np.random.default_rng(seed).normal(0, 10, SHAPE)
    session = Session(Volume(image.astype(np.int16), grid, "CT"), window=Window(40, 400), device="cpu")
    for label, (row, column) in ((1, (14, 14)), (2, (26, 30))):
        ball = ((z - 4) * 2) ** 2 + (y - row) ** 2 + ((x - column) * 0.8) ** 2 < 36
        for index in np.flatnonzero(ball.any((1, 2))):
            session.add_mask(label=label, slice=int(index), mask_yx=ball[index])
    session.add_mask(label=3, slice=1, mask_yx=np.indices(SHAPE[1:]).sum(axis=0) < 2)
    return session


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lesson")
    assert write_case(folder / "0.npz", drawn(1), {1, 2}) == 2
    assert write_case(folder / "1.npz", drawn(2), {2, 7}) == 1
    return folder


def test_a_lesson_holds_what_was_accepted_and_nothing_of_anybody(lesson):
    first, second = read_cases(lesson)
    meant = case_of(drawn(1))
    np.testing.assert_array_equal(first.image_zyx, meant.image_zyx)
    np.testing.assert_array_equal(first.labels_zyx, meant.labels_zyx)
    assert [target.value for target in first.targets] == [1, 2]
    assert [target.value for target in second.targets] == [2]
    assert (first.spacing_zyx_mm, first.modality, first.window, first.name) == (
        (2.0, 1.0, 0.8),
        "CT",
        Window(40, 400),
        meant.name,
    )


def test_a_session_without_what_was_accepted_writes_nothing(tmp_path):
    assert write_case(tmp_path / "0.npz", drawn(1), {9}) == 0
    assert list(tmp_path.iterdir()) == []


def test_each_step_is_said_and_then_where_the_model_is(lesson, tmp_path, monkeypatch, capsys, narrow_nano):
    monkeypatch.setattr("os.nice", lambda _: None)
    monkeypatch.setattr("volsweep.engine.network.device.leave_a_core", lambda: None)
    monkeypatch.setitem(RECIPE, "blocks", 1)
    monkeypatch.setitem(RECIPE, "planes", 1)
    ask(lesson, model=str(narrow_nano), output=str(tmp_path / "mine"), name="mine", device="cpu", steps=2)
    assert main(lesson) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert said == [
        {"step": 1, "steps": 2},
        {"step": 2, "steps": 2},
        {"weights": str(tmp_path / "mine" / "mine.safetensors")},
    ]
    assert find_model(said[-1]["weights"]).id == "mine"
    about = json.loads((tmp_path / "mine" / "learned.json").read_text())
    assert (about["parent"], [count for _, count in about["cases"]]) == ("narrow", [2, 1])


@pytest.mark.long
def test_a_process_says_in_a_line_what_goes_wrong(tmp_path):
    ask(tmp_path, model="volsweep-nano", output=str(tmp_path / "mine"), name="mine", device="cpu")
    ran = subprocess.run(command(tmp_path), capture_output=True, text=True, check=False, timeout=600)
    assert ran.returncode == 1, ran.stderr
    (line,) = ran.stdout.splitlines()
    assert "too little to learn from" in json.loads(line)["error"]
