"""The session as a library user drives it, on an engine of arithmetic; with the bundled network where it matters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from engine.conftest import blob_volume
from support.tiny_engine import TinyEngine, TinySession, box, tiny

import volsweep
from volsweep.errors import PromptError, SessionError
from volsweep.geometry import Grid, mask_box_xyxy
from volsweep.volume import Volume

START = 9
FIRST, LAST = 4, 14


@pytest.fixture(scope="module")
def ball() -> tuple[Volume, np.ndarray]:
    return blob_volume(48, 20, FIRST, LAST)


@pytest.fixture
def session(ball) -> volsweep.Session:
    return TinySession(ball[0], window="500/100", device="cpu")


@pytest.fixture(scope="module")
def large_ball() -> tuple[Volume, np.ndarray]:
    """What the bundled network segments."""
    return blob_volume(160, 20, FIRST, LAST)


@pytest.fixture(scope="module")
def swept_once(large_ball) -> volsweep.Session:
    session = volsweep.Session(large_ball[0], window="500/100", device="cpu")
    boxed(session, large_ball[1])
    sweep(session)
    return session


@pytest.fixture
def swept(swept_once) -> Iterator[volsweep.Session]:
    """A ball boxed and swept by the bundled network, once for all tests; what a test does to it is undone."""
    before = swept_once.state
    yield swept_once
    while swept_once.state is not before:
        swept_once.undo()


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * float((a & b).sum()) / max(1.0, float(a.sum() + b.sum()))


def sweep(session: volsweep.Session, **options) -> list[volsweep.Step]:
    # Without an early end: when the bundled network thinks that an object ends is measured elsewhere.
    return list(session.propagate(slices=(FIRST, LAST), patience=0, **options))


def boxed(session: volsweep.Session, truth: np.ndarray, label: int = 1, index: int = START) -> None:
    session.add_box(label=label, slice=index, box_xyxy=mask_box_xyxy(truth[index]))


def test_box_preview_sweep_labels(swept, large_ball):
    volume, truth = large_ball
    assert dice(swept.preview(label=1, slice=START), truth[START]) > 0.85
    labels = swept.labels
    assert dice(labels.mask_zyx(1), truth) > 0.65
    assert labels.grid is volume.grid
    for z in (START, FIRST, 0):
        np.testing.assert_array_equal(swept.label_slice(z), labels.array_zyx[z])


def test_a_sweep_yields_its_steps(session, ball):
    boxed(session, ball[1])
    steps = sweep(session)
    assert {s.slice for s in steps} == set(range(FIRST, LAST + 1))
    assert steps[-1].done == steps[-1].total == LAST - FIRST + 1


def test_undo_and_redo_reach_back_to_the_first_box(session, ball):
    truth = ball[1]
    states = [session.labels.array_zyx]
    boxed(session, truth)
    states.append(session.labels.array_zyx)
    sweep(session)
    states.append(session.labels.array_zyx)
    session.add_mask(label=1, slice=12, mask_yx=truth[12])
    states.append(session.labels.array_zyx)
    sweep(session)
    states.append(session.labels.array_zyx)
    for before in reversed(states[:-1]):
        session.undo()
        np.testing.assert_array_equal(session.labels.array_zyx, before)
    with pytest.raises(SessionError, match="nothing to undo"):
        session.undo()
    for after in states[1:]:
        session.redo()
        np.testing.assert_array_equal(session.labels.array_zyx, after)


def test_a_click_on_a_swept_slice_corrects_its_mask(swept, large_ball):
    before = swept.labels.mask_zyx(1)[12]
    y, x = (float(np.mean(v)) for v in np.nonzero(large_ball[1][12]))
    swept.add_point(label=1, point_zyx=(12, y, x))
    kinds = [(p.kind, p.slice) for p in swept.prompts.prompts]
    assert kinds == [("box", START), ("mask", 12), ("point", 12)], "the mask it corrects is written down"
    np.testing.assert_array_equal(swept.prompts.prompts[1].to_array(), before)
    corrected = swept.preview(label=1, slice=12)
    assert corrected[round(y), round(x)], "what was clicked belongs to it"
    np.testing.assert_array_equal(swept.labels.mask_zyx(1)[12], corrected)


def test_drawn_mask_is_kept_to_the_voxel(swept, large_ball):
    drawn = large_ball[1][START].copy()
    drawn[60:64, 60:64] = True
    swept.add_mask(label=2, slice=START, mask_yx=drawn)
    list(swept.propagate(labels=[2], slices=(START - 1, START + 1)))
    np.testing.assert_array_equal(swept.labels.mask_zyx(2)[START], drawn)


def test_an_empty_mask_ends_the_object_there(session, ball):
    truth = ball[1]
    boxed(session, truth)
    session.add_mask(label=1, slice=LAST + 1, mask_yx=np.zeros_like(truth[0]))
    list(session.propagate(slices=(FIRST, LAST + 1)))
    assert not session.labels.mask_zyx(1)[LAST + 1].any()


def test_locked_label_is_never_touched(session, ball):
    truth = ball[1]
    session.add_mask(label=2, slice=START, mask_yx=truth[START])
    session.lock(2)
    boxed(session, truth)
    sweep(session)
    np.testing.assert_array_equal(session.labels.mask_zyx(2)[START], truth[START])
    with pytest.raises(SessionError, match="object 2 is locked; unlock"):
        boxed(session, truth, label=2)
    with pytest.raises(SessionError, match="locked"):
        session.delete_label(2)
    with pytest.raises(SessionError, match="locked"):
        session.propagate(labels=[2])
    session.lock(2, False)
    session.delete_label(2)
    assert list(session.labels.labels) == [1]


def test_a_stopped_sweep_keeps_what_it_found_and_is_undone_as_one(session, ball):
    truth = ball[1]
    boxed(session, truth)
    running = session.propagate(slices=(FIRST, LAST), patience=0)
    seen = [next(running).slice for _ in range(5)]
    running.close()
    assert {int(z) for z in np.flatnonzero(session.labels.array_zyx.any(axis=(1, 2)))} <= set(seen)
    session.name_label(1, "lesion")
    session.undo()
    session.undo()
    assert {int(z) for z in np.flatnonzero(session.labels.array_zyx.any(axis=(1, 2)))} == {START}


def test_replay_leads_to_the_same_labels(session, ball):
    truth = ball[1]
    boxed(session, truth)
    sweep(session)
    session.add_point(label=1, point_zyx=(12, 24, 12), positive=False)
    session.undo()
    session.add_mask(label=1, slice=7, mask_yx=truth[7])
    running = session.propagate(slices=(FIRST, LAST), patience=0)
    for _ in range(9):
        next(running)
    running.close()
    session.name_label(1, "ball", "#112233")
    again = TinySession(ball[0], window="500/100", device="cpu")
    list(again.replay(session.journal.effective))
    np.testing.assert_array_equal(again.labels.array_zyx, session.labels.array_zyx)
    assert again.labels.labels == session.labels.labels
    assert again.journal.effective == session.journal.effective


def test_a_sweep_overtaken_by_another_action_says_so(session, ball):
    boxed(session, ball[1])
    running = session.propagate(slices=(FIRST, LAST), patience=0)
    next(running)
    boxed(session, ball[1], index=12)
    with pytest.raises(SessionError, match="start the sweep again"):
        next(running)
    sweep(session)


def test_coronal_sweep_lands_on_the_same_voxels(large_ball):
    volume, truth = large_ball
    session = volsweep.Session(volume, window="500/100", plane="coronal", device="cpu")
    index = int(np.argmax(truth.sum(axis=(0, 2))))
    session.add_box(label=1, slice=index, box_xyxy=mask_box_xyxy(truth[:, index]))
    assert dice(session.preview(label=1, slice=index), truth[:, index]) > 0.7
    rows = np.flatnonzero(truth.any(axis=(0, 2)))
    list(session.propagate(slices=(int(rows[0]), int(rows[-1]))))
    assert dice(session.labels.mask_zyx(1), truth) > 0.6
    np.testing.assert_array_equal(session.label_slice(index), session.labels.array_zyx[:, index])
    np.testing.assert_array_equal(session.label_slice(START, plane="axial"), session.labels.array_zyx[START])


def test_saved_prompts_reproduce_the_labels(session, ball, tmp_path):
    truth = ball[1]
    session.name_label(1, "lesion", "#123456")
    boxed(session, truth)
    sweep(session)
    volsweep.write_prompts(tmp_path / "p.json", session.prompts)
    again = TinySession(ball[0], window="500/100", device="cpu")
    again.load_prompts(volsweep.read_prompts(tmp_path / "p.json", ball[0].grid))
    sweep(again)
    np.testing.assert_array_equal(again.labels.array_zyx, session.labels.array_zyx)
    assert again.labels.labels == session.labels.labels


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda s: s.preview(label=1, slice=3), PromptError, "object 1 has no prompt on axial slice 3"),
        (lambda s: s.propagate(), PromptError, "nothing to sweep"),
        (lambda s: s.propagate(labels=[4]), PromptError, "object 4 has no prompt"),
        (lambda s: s.add_box(label=1, slice=99, box_xyxy=(1, 1, 2, 2)), PromptError, "slice 99 is outside"),
        (lambda s: s.add_box(label=1, slice=1, box_xyxy=(5, 1, 2, 2)), PromptError, "x0 <= x1"),
        (lambda s: s.add_box(label=0, slice=1, box_xyxy=(1, 1, 2, 2)), PromptError, "label"),
        (lambda s: s.add_point(label=1, point_zyx=(1, 2)), PromptError, "three coordinates"),
        (lambda s: s.clear_prompts(label=1, slice=2), PromptError, "no prompt"),
        (lambda s: s.delete_label(7), SessionError, "no object 7"),
        (lambda s: s.redo(), SessionError, "nothing to redo"),
    ],
)
def test_bad_calls_say_what_is_wrong_and_change_nothing(session, call, error, words):
    with pytest.raises(error, match=words):
        call(session)
    assert not session.state.prompts
    assert len(session.journal) == 0


def test_bad_ranges_are_refused_before_the_first_step(session, ball):
    boxed(session, ball[1])
    for options, words in (
        ({"slices": (5, 99)}, "go from 0 to 19"),
        ({"slices": (0, 3)}, "no prompted slice in the range"),
        ({"stride": 0}, "stride"),
    ):
        with pytest.raises((PromptError, SessionError), match=words):
            session.propagate(**options)
    assert len(session.journal) == 1


def test_another_label_is_prompted_beside_a_running_sweep(session, ball, tmp_path):
    truth = ball[1]
    session.journal.attach(tmp_path / "journal.jsonl")
    boxed(session, truth)
    steps = session.propagate(slices=(FIRST, LAST))
    next(steps), next(steps)
    boxed(session, truth, label=2, index=12)
    session.name_label(1, "being swept")
    assert session.preview(label=2, slice=12).any()
    list(steps)  # goes on to its end, in the state after the edits
    assert len(session.masks(1).by_slice) == LAST - FIRST + 1
    session.undo(), session.undo()
    assert session.masks(2) is None
    assert len(session.masks(1).by_slice) == LAST - FIRST + 1
    session.undo()
    assert session.state.swept == {}
    kinds = [a.action for a in volsweep.session.history.Journal.read(tmp_path / "journal.jsonl")]
    assert kinds == ["add_prompts", "propagate", "add_prompts", "edit_label", "undo", "undo", "undo"]


def test_a_sweep_left_in_the_middle_is_written_down_before_what_came_beside_it(session, ball):
    truth = ball[1]
    boxed(session, truth)
    steps = session.propagate(slices=(FIRST, LAST))
    for _ in range(4):
        next(steps)
    boxed(session, truth, label=2, index=12)
    steps.close()
    kinds = [a.action for a in session.journal]
    assert kinds == ["add_prompts", "propagate", "stop", "add_prompts"]
    again = TinySession(ball[0], window="500/100", device="cpu")
    list(again.replay(session.journal.effective))
    np.testing.assert_array_equal(again.labels.array_zyx, session.labels.array_zyx)
    assert [a.action for a in again.journal] == kinds


def test_correcting_a_label_that_is_swept_ends_its_sweep(session, ball):
    truth = ball[1]
    boxed(session, truth)
    steps = session.propagate(slices=(FIRST, LAST))
    next(steps), next(steps)
    session.add_mask(label=1, slice=12, mask_yx=truth[12])
    with pytest.raises(SessionError, match="start the sweep again"):
        list(steps)
    assert [a.action for a in session.journal] == ["add_prompts", "propagate", "stop", "add_prompts"]


def test_prompts_of_a_slice_are_replaced_and_that_is_undone_as_one(session, ball):
    truth = ball[1]
    boxed(session, truth)
    session.add_point(label=1, point_zyx=(START, 24, 24))
    both = session.state.prompts
    session.set_prompts(both[:1], label=1, slice=START)
    assert session.state.prompts == both[:1]
    session.set_prompts((), label=1, slice=START)
    assert session.state.prompts == ()
    session.undo(), session.undo()
    assert session.state.prompts == both
    with pytest.raises(PromptError, match="one label on one slice"):
        session.set_prompts(both, label=2, slice=START)


def test_another_window_leaves_the_masks_and_serves_the_next_prompt(large_ball):
    volume, truth = large_ball
    session = volsweep.Session(volume, window="500/100", device="cpu")
    boxed(session, truth)
    before = session.preview(label=1, slice=START)
    session.use(window=volsweep.Window(100, 2000))
    np.testing.assert_array_equal(session.preview(label=1, slice=START), before)
    boxed(session, truth, index=12)
    wide = session.preview_mask(label=1, slice=12).logits
    session.use(window=volsweep.Window(100, 500))
    boxed(session, truth, label=2, index=12)
    narrow = session.preview_mask(label=2, slice=12).logits
    assert wide.shape != narrow.shape or not np.array_equal(wide, narrow)


def test_a_series_is_prompted_in_its_own_plane_unless_told():
    coronal = Grid((12, 40, 60), np.array([[0, 0, 1, 0], [4.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]]))
    volume = Volume(np.zeros(coronal.shape_zyx, dtype=np.int16), coronal)
    session = volsweep.Session(volume, window="400/40")
    session.add_box(label=1, slice=7, box_xyxy=(3, 2, 55, 38))
    assert session.state.prompts[0].plane == "coronal"
    assert volsweep.Session(volume, window="400/40", plane="axial").plane == "axial"


def test_beyond_a_told_end_there_is_nothing_and_what_says_otherwise_is_refused(session, ball):
    boxed(session, ball[1])
    list(session.propagate())
    whole = session.labels.array_zyx
    slices = np.flatnonzero(whole.any(axis=(1, 2)))
    first, last = int(slices[0]) + 1, int(slices[-1]) - 1
    session.set_extent(label=1, first=first, last=last)
    assert np.flatnonzero(session.labels.array_zyx.any(axis=(1, 2))).tolist() == list(range(first, last + 1))
    with pytest.raises(PromptError, match=f"beyond its extent {first}:{last}"):
        session.add_point(label=1, point_zyx=(last + 1, 5, 5))
    session.add_point(label=1, point_zyx=(last + 1, 5, 5), positive=False)
    session.undo()
    with pytest.raises(PromptError, match="beyond its extent"):
        session.set_extent(label=1, last=first)
    assert session.prompts.extents[0].ends == (first, last)
    session.set_extent(label=1)
    assert not session.prompts.extents
    np.testing.assert_array_equal(session.labels.array_zyx, whole)
    session.undo()
    steps = list(session.propagate())
    assert {step.slice for step in steps} == set(range(first, last + 1))
    with pytest.raises(PromptError, match="outside the volume"):
        session.set_extent(label=1, last=10_000)
    again = TinySession(session.volume, window=session.window, device="cpu")
    list(again.replay(session.journal.effective))
    np.testing.assert_array_equal(again.labels.array_zyx, session.labels.array_zyx)


def test_a_sweep_is_told_what_locked_objects_hold():
    it = tiny()
    told = []
    sweep = TinyEngine.sweep

    def listen(self, plane, prompts, options, extents, held_zyx=None):
        told.append(held_zyx)
        return sweep(self, plane, prompts, options, extents)

    box(it, 1, 4)
    box(it, 2, 4, left=7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TinyEngine, "sweep", listen)
        it.sweep(labels=[1])
        it.lock(1)
        it.sweep(labels=[2])
    assert told[0] is None
    np.testing.assert_array_equal(told[1], it.labels.array_zyx == 1)
    assert told[1].any()
