"""Learn from these: offered when enough was accepted, beside a window that lives, used, left again, and recorded."""

from __future__ import annotations

import shutil
import sys

import pytest
from support.napari_window import paint_first, stalls

from volsweep.models import checkpoint_path, find_model
from volsweep.napari.reading.next_step import accepted_objects
from volsweep.napari.window.learning import free_name, learned_folder, learned_models
from volsweep.session.file import read_session

NANO = "volsweep-nano"

LEARNS = """
import json, pathlib, shutil, sys, time
folder, go = map(pathlib.Path, sys.argv[1:])
asked = json.loads((folder / "asked.json").read_text())
cases = len(list(folder.glob("*.npz")))
for step in (1, 2, 3):
    print(json.dumps({"step": step, "steps": 3}), flush=True)
    while step == 2 and not go.exists():
        time.sleep(0.01)
output = pathlib.Path(asked["output"])
output.mkdir()
weights, config = %r
shutil.copy(weights, output / (asked["name"] + ".safetensors"))
shutil.copy(config, output / (asked["name"] + ".yaml"))
(output / "learned.json").write_text(json.dumps({"parent": asked["model"], "cases": [["0" * 64, 2]] * cases}))
print(json.dumps({"weights": str(output / (asked["name"] + ".safetensors"))}), flush=True)
"""


@pytest.fixture
def taught(small, tmp_path):
    """The small window, whose lessons are learned by a script that stops at its second step until it may go on."""
    spec = find_model(NANO)
    script = tmp_path / "learns.py"
    script.write_text(LEARNS % ((str(checkpoint_path(spec)), str(spec.config_path)),))
    learning, go = small.widget.learning, tmp_path / "go"
    learning.run = lambda folder: [sys.executable, str(script), str(folder), str(go)]
    yield small, learning, go
    learning.stop()
    small.until(lambda: learning.lesson is None)
    small.widget.model.use(find_model(NANO))
    small.idle()
    shutil.rmtree(learned_folder(), ignore_errors=True)


def accept(window) -> None:
    for label in (1, 2):
        window.controller.objects.lock(label, True)
    window.idle()
    window.until(lambda: len(accepted_objects(window.controller.opened)) == 2)


def test_it_is_offered_when_two_objects_are_accepted(taught):
    window, learning, _ = taught
    assert not learning.button.isEnabled()
    assert "Accept two objects first" in learning.button.toolTip()
    window.controller.objects.lock(1, True)
    window.idle()
    assert not learning.button.isEnabled()
    accept(window)
    assert learning.button.isEnabled()
    assert not learning.isVisible(), "nothing more until it is pressed"


def test_a_lesson_runs_beside_the_window_and_its_model_is_used_recorded_and_left_by_one_click(taught, tmp_path):
    window, learning, go = taught
    controller, panel = window.controller, window.widget.model
    accept(window)
    before = window.labels.copy()
    learning.button.click()
    window.until(lambda: "step 2 of" in learning.progress.format().replace("%v", str(learning.progress.value())))
    assert learning.progress.isVisible()
    assert learning.cancel.isVisible()
    assert "2 objects" in learning.progress.format()
    assert "go on meanwhile" in learning.about.text()
    assert learning.about.isVisible()
    assert not learning.back.isVisible()
    with stalls() as gaps:  # the window is worked meanwhile
        for index in range(8):
            controller.display.go_to(index)
            ticks = len(gaps)
            window.until(lambda ticks=ticks: len(gaps) > ticks)
    assert len(gaps) >= 8
    assert controller.model.id == NANO
    go.touch()
    window.until(lambda: learning.lesson is None)
    window.idle()

    # It is the session's model, and says where it comes from.
    assert controller.model.id == f"{NANO}-learned-1"
    assert controller.session.model == controller.model
    assert panel.spec == controller.model
    assert panel.model.currentText().startswith(f"{NANO}-learned-1")
    assert learning.about.text() == f"Learned here from 2 objects of 1 volume; before: {NANO}."
    assert learning.back.isVisible()
    assert not learning.progress.isVisible()
    assert (window.labels == before).all(), "what was found stays"
    assert not list(learned_folder().glob(".lesson-*")), "what was learned from is gone"
    assert [spec.id for spec in learned_models()] == [f"{NANO}-learned-1"]

    # What is prompted now says so in the session's file, which asks to trust those weights.
    window.controller.objects.lock(1, False)
    paint_first(window)
    window.idle()
    path = tmp_path / "session.json"
    controller.save_session(path)
    window.idle()
    saved = read_session(path)
    weights = str(learned_folder() / f"{NANO}-learned-1" / f"{NANO}-learned-1.safetensors")
    assert saved.view.model == weights
    assert saved.foreign_models == (weights,)
    made_with = [action.made_with.model for action in saved.actions if getattr(action, "made_with", None)]
    assert (made_with[0], made_with[-1]) == (NANO, weights)

    # One click goes back.
    learning.back.click()
    window.idle()
    assert controller.model.id == NANO
    assert controller.session.model.id == NANO
    assert panel.spec.id == NANO
    assert not learning.isVisible()


def test_a_lesson_that_is_cancelled_leaves_nothing_behind(taught):
    window, learning, _ = taught
    accept(window)
    learning.button.click()
    window.until(lambda: learning.progress.value() == 2)
    learning.cancel.click()
    window.until(lambda: learning.lesson is None)
    assert window.controller.model.id == NANO
    assert "cancelled" in window.says
    assert list(learned_folder().iterdir()) == []
    assert learning.button.isEnabled()


def test_a_lesson_that_fails_says_why_and_changes_nothing(taught, tmp_path):
    window, learning, _ = taught
    accept(window)
    fails = tmp_path / "fails.py"
    fails.write_text('print(\'{"error": "there is too little to learn from"}\')')
    learning.run = lambda folder: [sys.executable, str(fails)]
    learning.button.click()
    window.until(lambda: learning.lesson is None)
    assert "There is too little to learn from." in window.says
    fails.write_text("raise SystemExit(3)")
    learning.button.click()
    window.until(lambda: learning.lesson is None)
    assert "exit status 3" in window.says
    assert window.controller.model.id == NANO
    assert list(learned_folder().iterdir()) == []


def test_what_is_learned_while_a_sweep_runs_is_used_after_it(taught):
    window, learning, go = taught
    accept(window)
    learning.button.click()
    window.until(lambda: learning.progress.value() == 2)
    opened = window.controller.opened
    opened.sweeping = True
    go.touch()
    window.until(lambda: learning.lesson is None)
    assert window.controller.model.id == NANO
    opened.sweeping = False
    window.controller.sweep_changed.emit(False)
    assert window.controller.model.id == f"{NANO}-learned-1"


def test_a_session_that_is_restored_with_a_learned_model_shows_that_model(taught, tmp_path):
    window, learning, go = taught
    accept(window)
    go.touch()
    learning.button.click()
    window.until(lambda: learning.lesson is None)
    view = window.controller.display.view()
    learning.back.click()
    window.idle()
    window.controller.display.apply(view)
    window.idle()
    assert window.controller.model.id == f"{NANO}-learned-1"
    assert window.widget.model.spec == window.controller.model
    assert learning.back.isVisible()


def test_names_are_counted_from_the_first_ancestor(tmp_path):
    assert free_name(tmp_path, NANO) == f"{NANO}-learned-1"
    (tmp_path / f"{NANO}-learned-1").mkdir()
    assert free_name(tmp_path, f"{NANO}-learned-1") == f"{NANO}-learned-2"
