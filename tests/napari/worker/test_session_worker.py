"""The session's worker: sweeps, what may be done beside them, errors, saving, going on."""

from __future__ import annotations

import numpy as np
import pytest
from support.napari_fakes import draw, kinds, shown

import volsweep
from volsweep.errors import EngineMemoryError
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.worker import events
from volsweep.napari.worker.session_worker import _TAKES_A_WHILE, SessionWorker
from volsweep.napari.worker.tasks import (
    Compare,
    Keep,
    Prepare,
    Release,
    Resume,
    Save,
    SaveSession,
    Send,
    Sweep,
    Teach,
)
from volsweep.prompts.kinds import Point
from volsweep.session.actions import AddPrompts, Stop
from volsweep.session.file import SessionFile, ViewState, VolumeReference, read_session
from volsweep.session.mask_file import read_masks, write_masks
from volsweep.volume import Volume


def test_sweep_shows_every_slice_and_is_undone_as_one(controller, runner):
    draw(controller)
    steps = []
    controller.stepped.connect(steps.append)
    controller.sweep()
    assert {s.slice for s in steps} == set(range(12))
    assert (shown(controller)[:, 10:19, 12:21] == 1).all()
    np.testing.assert_array_equal(shown(controller), controller.session.labels.array_zyx)
    controller.undo()
    assert [int(z) for z in np.flatnonzero(shown(controller).any(axis=(1, 2)))] == [5]
    controller.redo()
    assert shown(controller).any(axis=(1, 2)).all()


def test_the_next_click_is_prepared_when_all_is_drawn_measured_and_marked(controller, runner):
    happened = []
    controller.measured.connect(lambda *_: happened.append(("measured", controller.session.engine.made_ready)))
    draw(controller)
    assert happened == [("measured", 0)]
    assert controller.session.engine.made_ready == 1
    controller.undo()
    assert controller.session.engine.made_ready == 2


def test_cancel_half_way_keeps_what_was_found(controller, runner):
    draw(controller)
    found = []
    controller.stepped.connect(lambda step: (found.append(step.slice), len(found) == 4 and controller.cancel()))
    controller.sweep()
    assert not controller.sweeping
    assert len(found) == 4
    assert sorted(found) == [int(z) for z in np.flatnonzero(shown(controller).any(axis=(1, 2)))]
    assert isinstance(list(controller.session.journal)[-1], Stop)


def test_another_object_is_prompted_while_one_is_swept(controller, runner, said):
    draw(controller)
    at = []

    def prompt_in_between(event):
        if isinstance(event, events.Stepped) and len(at) < 3:
            at.append(event.step.slice)
            if len(at) == 3:
                controller.objects.select(2)
                controller.tools.drawn(volsweep.Box(label=2, slice=2, box_xyxy=(30, 30, 36, 36)))
        if isinstance(event, events.SweepEnded):
            at.append("ended")
        if isinstance(event, events.Redrawn) and 2 in event.slices and (event.slices[2] == 2).any():
            at.append("preview")

    runner.between = prompt_in_between
    controller.sweep()
    assert at.index("preview") < at.index("ended")
    assert (shown(controller)[2, 30:37, 30:37] == 2).all()
    assert (shown(controller) == 1).any(axis=(1, 2)).all()  # the sweep went on to its end
    assert kinds(controller) == ["add_prompts", "propagate", "add_prompts"]
    controller.undo()
    assert not (shown(controller) == 2).any()
    assert (shown(controller) == 1).any(axis=(1, 2)).all()


def test_correcting_what_is_swept_stops_the_sweep_and_says_so(controller, runner, said):
    draw(controller)
    steps = []

    def correct(event):
        if isinstance(event, events.Stepped):
            steps.append(event)
            if len(steps) == 3:
                controller.tools.drawn(volsweep.Box(label=1, slice=8, box_xyxy=(30, 30, 36, 36)))

    runner.between = correct
    controller.sweep()
    assert kinds(controller) == ["add_prompts", "propagate", "stop", "add_prompts"]
    assert (shown(controller)[8, 30:37, 30:37] == 1).all()
    assert any("made way for your correction" in text for _, text in said)
    runner.between = lambda _: None
    controller.sweep()
    assert (shown(controller)[10, 30:37, 30:37] == 1).all()


def test_an_error_in_the_worker_ends_the_run_and_the_next_one_works(controller, said):
    draw(controller)
    sweeper = controller.session.engine.sweeper(Plane.AXIAL)

    def fail(index):
        if index == 8:
            raise EngineMemoryError("cpu ran out of memory; use a smaller model")

    sweeper.before_slice = fail
    controller.sweep()
    assert not controller.sweeping
    assert ("error", "Cpu ran out of memory; use a smaller model") in said
    assert shown(controller)[7].any()
    assert not shown(controller)[9].any()
    sweeper.before_slice = lambda _: None
    controller.sweep()
    assert shown(controller).any(axis=(1, 2)).all()


@pytest.mark.parametrize("error", [RuntimeError("torch said no"), MemoryError(), KeyError("defect")])
def test_no_error_whatsoever_escapes_the_worker(controller, said, error):
    draw(controller)

    def fail(index):
        raise error

    controller.session.engine.sweeper(Plane.AXIAL).before_slice = fail
    controller.sweep()
    assert not controller.sweeping
    assert said[-1][0] == "error" or said[-2][0] == "error"
    controller.undo()
    controller.undo()
    assert controller.state.prompts == ()


def test_save_writes_the_labels_on_the_volumes_grid(controller, volume, tmp_path):
    receipts = []
    controller.saved.connect(receipts.append)
    draw(controller)
    controller.sweep()
    controller.save(tmp_path / "a.nii.gz")
    again = volsweep.read_labels(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(again.array_zyx, shown(controller))
    assert again.grid.matches(volume.grid)
    assert receipts[0].voxels == {1: 12 * 81}


def test_saving_over_a_file_is_refused_with_a_reason(controller, tmp_path, said):
    draw(controller)
    (tmp_path / "a.nii.gz").write_text("something of mine")
    controller.save(tmp_path / "a.nii.gz")
    assert said[-1][0] == "error" or said[-2][0] == "error"
    assert (tmp_path / "a.nii.gz").read_text() == "something of mine"


def test_resuming_brings_back_prompts_masks_and_view(controller, volume, runner):
    draw(controller)
    controller.sweep()
    controller.objects.select(2)
    controller.tools.drawn(volsweep.Box(label=2, slice=2, box_xyxy=(30, 30, 36, 36)))
    controller.objects.rename(2, name="node", color="#102030")
    controller.objects.lock(2, True)
    controller.objects.set_hidden(1, True)
    controller.display.set_window(Window(30, 333))
    controller.display.go_to(2)
    controller.review.accept()
    controller.display.go_to(7)
    before, actions = shown(controller).copy(), controller.session.journal.effective
    view = controller.display.view()
    image = controller.image
    controller.open(None)
    controller.open(image)
    controller.display.go_to(0)
    assert not shown(controller).any()
    controller.resume(Resume(SessionFile(volume=VolumeReference.of(volume), view=view, actions=actions)))
    np.testing.assert_array_equal(shown(controller), before)
    assert controller.session.journal.effective == actions
    assert controller.display.view() == view
    assert (controller.display.slice, controller.objects.label, controller.objects.hidden) == (7, 2, {1})
    assert controller.review.accepted == {2: {2}}
    assert controller.objects.label_of(2).locked
    assert controller.session.window == Window(30, 333)
    for _ in actions:
        controller.undo()
    assert not shown(controller).any()


def test_what_a_sweep_found_is_not_swept_again(controller, volume, tmp_path):
    draw(controller)
    controller.sweep()
    controller.save_session(tmp_path / "s.json")
    write_masks(tmp_path / "1.npz", controller.session.last_sweep()[1])
    before, image = shown(controller).copy(), controller.image
    controller.open(None)
    controller.open(image)

    def refuse(index):
        raise AssertionError(f"slice {index} is swept again")

    controller.session.engine.sweeper(Plane.AXIAL).before_slice = refuse
    known = {1: read_masks(tmp_path / "1.npz")}
    controller.resume(Resume(read_session(tmp_path / "s.json"), lambda: known))
    np.testing.assert_array_equal(shown(controller), before)
    controller.undo()
    assert [int(z) for z in np.flatnonzero(shown(controller).any(axis=(1, 2)))] == [5]
    controller.redo()
    np.testing.assert_array_equal(shown(controller), before)


def test_a_session_of_another_volume_is_refused_by_its_content(controller, volume, said, tmp_path):
    draw(controller)
    controller.save_session(tmp_path / "s.json")
    saved = read_session(tmp_path / "s.json")
    other = image_layer(Volume(volume.array_zyx + 1, volume.grid, "CT"), "other")
    image = controller.viewer.add_image(other[0], **other[1])
    controller.open(image)
    controller.resume(Resume(saved))
    assert any(kind == "error" and "made on another volume: its voxels" in text for kind, text in said)
    assert controller.state.prompts == ()
    draw(controller)  # the widget is usable again
    assert shown(controller).any()


def test_a_cancel_takes_back_a_sweep_that_waits(controller, runner, said):
    """Esc pressed while the first answer of the network is awaited, and the sweep has not begun."""
    steps = []
    controller.stepped.connect(steps.append)

    def sweep_and_escape(event):
        runner.between = lambda _: None
        controller.sweep()
        controller.cancel()

    runner.between = sweep_and_escape
    draw(controller)
    assert steps == []
    assert not controller.sweeping
    assert ("info", "The sweep was cancelled before it began.") in said
    controller.sweep()  # the next one runs
    assert {s.slice for s in steps} == set(range(12))


def test_what_is_drawn_while_a_session_comes_back_waits(controller, volume, runner):
    draw(controller)
    controller.sweep()
    actions, image = controller.session.journal.effective, controller.image
    controller.open(None)
    controller.open(image)
    drawn = []

    def draw_in_between(event):
        if isinstance(event, events.Stepped) and not drawn:
            drawn.append(True)
            controller.tools.drawn(volsweep.Box(label=1, slice=8, box_xyxy=(30, 30, 36, 36)))

    runner.between = draw_in_between
    controller.resume(Resume(SessionFile(volume=VolumeReference.of(volume), actions=actions)))
    assert kinds(controller) == ["add_prompts", "propagate", "add_prompts"], "nothing of the session is lost"


def test_a_session_of_another_processor_is_told(controller, volume, said):
    draw(controller)
    made = controller.session.journal.effective[0].made_with.model_copy(
        update={"precision": "bfloat16", "processor": "another"}
    )
    actions = tuple(a.model_copy(update={"made_with": made}) for a in controller.session.journal.effective)
    image = controller.image
    controller.open(None)
    controller.open(image)
    saved = SessionFile(volume=VolumeReference.of(volume), actions=actions)
    controller.resume(Resume(saved))
    assert any(kind == "warning" and text.startswith("Masks were made in bfloat16 on another") for kind, text in said)


def what_takes_a_while(controller, folder):
    """One task of each kind that keeps the worker, by its name."""
    saved = SessionFile(
        volume=VolumeReference.of(controller.volume), view=ViewState(), actions=controller.session.journal.effective
    )
    return {
        Save: Save(folder / "a.nii.gz"),
        SaveSession: SaveSession(folder / "a.json", ViewState()),
        Compare: Compare(folder / "absent.nii.gz"),
        Keep: Keep(folder / "journal.jsonl", lambda *_: None),
        Teach: Teach(folder / "a.npz", frozenset({1}), lambda _: None),
        Resume: Resume(saved),
    }


@pytest.mark.parametrize("kind", [kind for kind in _TAKES_A_WHILE if kind not in (Release, Prepare, Send, Sweep)])
def test_whoever_keeps_the_worker_says_what_it_does_and_when_that_is_over(controller, runner, tmp_path, kind):
    """A sweep has a bar; a volume is sent only to a server, with another; letting go is at once; no one waits for what
    may come.
    """
    draw(controller)
    busy = []
    runner.between = lambda event: busy.append(event.what if isinstance(event, events.Busy) else type(event).__name__)
    controller.post(what_takes_a_while(controller, tmp_path)[kind])
    assert busy[0], "before anything else"
    assert busy[0] not in {"Failed", "Changed", "Saved", "Kept"}
    words = [what for what in busy if what == "" or " " in what or what == "Restoring"]
    assert words[-1] == "", "whatever became of it"


def test_the_first_answer_of_the_network_is_announced_and_no_word_comes_between_it_and_the_mask(controller, runner):
    told = []
    runner.between = lambda event: told.append(event.what if isinstance(event, events.Busy) else type(event).__name__)
    draw(controller)
    at = told.index("Asking the network")
    assert told[at : at + 3] == ["Asking the network", "Redrawn", ""]


def test_what_may_come_is_made_ready_only_where_nothing_else_is_to_be_done(controller, monkeypatch):
    worker, session, ready = SessionWorker(controller.session), controller.session, []
    monkeypatch.setattr(session, "get_ready_for", ready.append)
    click = AddPrompts(prompts=(Point(label=1, slice=5, point_xy=(12, 10)),))
    worker.post(Prepare(click))
    assert list(worker.work()) == []
    assert ready == [click]
    worker.post(click)
    worker.post(Prepare(click))
    list(worker.work())
    assert ready == [click], "a click waits that was given"
    worker.post(Sweep({"plane": session.plane}))
    work = worker.work()
    while not isinstance(next(work), events.Stepped):
        pass
    worker.post(Prepare(click))
    list(work)
    assert ready == [click], "a sweep runs"
