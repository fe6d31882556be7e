"""What is printed is what was meant, and no name is obeyed; how far a command is; what a bad value becomes."""

from __future__ import annotations

import io
import json
import sys

import pytest
import typer
from rich.table import Table

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.cli.terminal import console as module
from volsweep.cli.terminal.console import (
    Terminal,
    as_bad_call,
    clock,
    fail,
    progress,
    run_with_progress,
    show,
    tell_json,
    times,
    warn,
)
from volsweep.errors import InputError, shown
from volsweep.job.job import Job

HOSTILE = "GTV [/x] [bold]\x1b]0;owned\x07\x1b[2J\u202eevil\x9b31m\ud800 :smile:"


@pytest.fixture
def terminal(monkeypatch):
    out = io.StringIO()
    terminal = Terminal(file=out, force_terminal=True, width=200)
    monkeypatch.setattr(sys.modules["volsweep.cli.terminal.console"], "messages", terminal)
    return terminal, out


def without_styles(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


@pytest.mark.parametrize("way", ["print", "table", "warn", "fail"])
def test_names_are_read_and_not_obeyed(terminal, way):
    screen, out = terminal
    if way == "table":
        table = Table("name")
        table.add_row(HOSTILE)
        screen.print(table)
    elif way == "print":
        screen.print(HOSTILE, highlight=False)
    else:
        {"warn": warn, "fail": fail}[way](HOSTILE)
    told = without_styles(out.getvalue())
    assert "GTV [/x] [bold]" in told
    assert ":smile:" in told
    assert "\\x1b]0;owned\\x07\\x1b[2J" in told
    assert not set("\x1b\x07\x9b\u202e\ud800") & set(told)


def test_json_holds_what_was_meant(terminal):
    screen, out = terminal
    screen.print_json(json.dumps({"name": HOSTILE}))
    assert json.loads(without_styles(out.getvalue())) == {"name": HOSTILE}
    assert not set("\x07\x9b\u202e\ud800") & set(out.getvalue())


def test_ordinary_text_stays_as_it_is():
    for text in ("Läsion 3 × 4 mm", "肝", "two\nlines\tand a tab"):
        assert shown(text) == text


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


def test_of_a_bound_what_is_left_is_at_most_that(monkeypatch, now):
    out = screen(monkeypatch, terminal=False)
    with progress("slices", False, "sweeping", "at most") as meter:
        now[0] += 40
        meter.at(1, 4, "slice 1")
    assert out.getvalue() == "slice 1: 1 of 4 slices, 0:40 elapsed, at most 2:00 left\n"


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


def test_a_value_that_was_typed_wrongly_is_a_bad_call():
    with pytest.raises(typer.BadParameter, match="write it with --force") as refused, as_bad_call("--output"):
        raise InputError("write it with overwrite=True")
    assert refused.value.exit_code == 2
    assert refused.value.param_hint == "--output"


def test_sentences_in_json_name_options_and_values_stay_as_they_are(monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(module, "console", Terminal(file=out, width=200))
    told = {"notes": ['give gaps="keep".'], "labels": [{"name": 'gaps="keep".', "error": "say overwrite=True."}]}
    tell_json(told)
    found = json.loads(out.getvalue())
    assert found["notes"] == ["give --gaps keep."]
    assert found["labels"] == [{"name": 'gaps="keep".', "error": "say --force."}]
