"""How far a command is: elapsed and left, stages, and lines where there is no terminal."""

from __future__ import annotations

import io

import pytest

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.cli.terminal import progress as module
from volsweep.cli.terminal.console import Terminal
from volsweep.cli.terminal.progress import clock, progress, run_with_progress, show, times
from volsweep.job.run import Job


@pytest.fixture
def now(monkeypatch):
    """A clock that a test turns."""
    at = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: at[0])
    return at


def screen(monkeypatch, *, terminal: bool) -> io.StringIO:
    out = io.StringIO()
    monkeypatch.setattr(module, "messages", Terminal(file=out, force_terminal=terminal, width=120, color_system=None))
    return out


def test_times():
    assert (clock(7.4), clock(65), clock(3723)) == ("0:07", "1:05", "1:02:03")
    assert times(10, 5, 20) == "0:10 elapsed, about 0:30 left"
    assert times(10, 0, 20) == times(10, 20, 20) == times(10, 3, None) == "0:10 elapsed"


def test_where_output_is_piped_a_line_comes_every_half_minute(monkeypatch, now):
    out = screen(monkeypatch, terminal=False)
    with progress("slices", quiet=False, first="reading the series") as meter:
        now[0] += 100  # reading took long
        meter.stage("sweeping")
        for done in range(1, 41):
            now[0] += 2
            meter.at(done, 40, f"slice {done}")
    first, second, third = out.getvalue().splitlines()
    assert first == "slice 1: 1 of 40 slices, 0:02 elapsed, about 1:18 left"
    assert second == "slice 16: 16 of 40 slices, 0:32 elapsed, about 0:48 left"
    assert third == "slice 31: 31 of 40 slices, 1:02 elapsed, about 0:18 left"


def test_where_output_is_piped_every_series_is_a_line(monkeypatch, now):
    out = screen(monkeypatch, terminal=False)
    with progress("series", quiet=False, first="segmenting") as meter:
        for done, name in enumerate("ab", start=1):
            now[0] += 10
            meter.one(f"done: {name}", done, 2)
    assert out.getvalue() == "done: a (1 of 2, 0:10 elapsed, about 0:10 left)\ndone: b (2 of 2, 0:20 elapsed)\n"


def test_on_a_terminal_the_bar_names_its_stage(monkeypatch):
    out = screen(monkeypatch, terminal=True)
    with progress("slices", quiet=False, first="reading the series") as meter:
        meter.stage("loading the network")
        meter.at(3, 10, "sweeping, slice 7")
    drawn = out.getvalue()
    assert "sweeping, slice 7" in drawn
    assert "3/10 slices" in drawn
    assert "elapsed, about" in drawn


@pytest.mark.parametrize("terminal", [False, True])
def test_quiet_says_nothing(monkeypatch, now, terminal):
    out = screen(monkeypatch, terminal=terminal)
    with progress("slices", quiet=True, first="reading") as meter:
        now[0] += 1000
        meter.at(1, 2, "slice")
        meter.one("done", 2, 2)
    assert out.getvalue() == ""


def test_the_table_says_what_the_report_holds_and_notes_are_told_however_quiet(tmp_path, capsys):
    box = volsweep.Box(label=1, slice=20, box_xyxy=(55, 98, 86, 126))
    prompts = volsweep.PromptSet((box,), {1: volsweep.Label("lesion", "#aa0011")}, ("look twice",))
    outcome = run_with_progress(Job(sample().series, tmp_path / "x.nii.gz", prompts=prompts), quiet=True)
    told = capsys.readouterr()
    assert "look twice" in told.err
    assert not told.out
    show(outcome)
    text = capsys.readouterr().out
    assert "(0/s)" not in text, "a slow machine's slices are a part of one a second"
    outcome.report["slices_per_second"] = 0.43
    show(outcome)
    assert "(0.4/s)" in capsys.readouterr().out
    (label,) = outcome.report["labels"]
    assert f"{label['volume_ml']:.2f} mL" in text
    assert "1 lesion" in text
    assert str(tmp_path / "x.nii.gz") in text.replace("\n", "")
