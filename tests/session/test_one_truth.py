"""What is shown is what is saved and what is replayed, whatever was done in whatever order."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support.tiny_engine import SHAPE, box, loaded, replayed, tiny

import volsweep
from volsweep.errors import SessionError, VolsweepError
from volsweep.geometry import Grid, Plane
from volsweep.intensity import Window
from volsweep.operations import kinds
from volsweep.session.actions import Propagate
from volsweep.session.file import SessionFile, VolumeReference, read_session, write_session
from volsweep.session.mask_file import read_masks, write_masks
from volsweep.session.state import Locked
from volsweep.session.steps import Step
from volsweep.volume import Volume

LABELS_ALL = (1, 2)
LABELS = st.sampled_from(LABELS_ALL)
SLICES = st.integers(0, 8)

OPERATIONS = [
    kinds.Grow(mm=1.5),
    kinds.Shrink(mm=1),
    kinds.Smooth(mm=1.5),
    kinds.FillHoles(plane=Plane.AXIAL),
    kinds.KeepLargest(),
    kinds.SplitIslands(),
    kinds.FillBetween(),
    kinds.CopySlice(plane=Plane.AXIAL, slice=4, to=5),
    kinds.CopySlice(plane=Plane.CORONAL, slice=6, to=9),
    kinds.Union(labels=(2,)),
    kinds.Subtract(labels=(1,)),
    kinds.Intersect(labels=(1,)),
    kinds.WithinRange(low=-1, high=1),
]


def test_a_box_moved_after_a_click_elsewhere_replays_to_what_is_shown():
    session = tiny()
    box(session, 1, 4)
    list(session.propagate())
    session.add_point(label=1, point_zyx=(6, 6, 6), positive=False)
    _ = session.labels
    box(session, 1, 4, left=7)
    np.testing.assert_array_equal(replayed(session), session.labels.array_zyx)


def test_what_a_sweep_through_another_window_stepped_is_what_is_kept():
    session = tiny()
    box(session, 1, 4)
    narrow = session.preview(label=1, slice=4)
    session.use(window=Window(41, 400))
    np.testing.assert_array_equal(session.preview(label=1, slice=4), narrow, "masks found so far stay as they are")
    last = {step.slice: step.mask.mask_yx() for step in session.propagate()}
    assert not np.array_equal(last[4], narrow)
    for z, mask in last.items():
        np.testing.assert_array_equal(session.labels.array_zyx[z] == 1, mask)
    session.undo()
    np.testing.assert_array_equal(session.preview(label=1, slice=4), narrow)


def test_a_zoom_is_written_down():
    session = tiny(zoom=3.0)
    box(session, 1, 4)
    list(session.propagate())
    assert session.journal.effective[0].made_with.zoom == 3
    np.testing.assert_array_equal(replayed(session), session.labels.array_zyx)
    assert not np.array_equal(session.labels.array_zyx, _swept(tiny(zoom=2.0)))


def _swept(session) -> np.ndarray:
    box(session, 1, 4)
    list(session.propagate())
    return session.labels.array_zyx


def test_a_sweep_runs_to_its_end_and_one_thrown_away_warns():
    session, stepped = tiny(), tiny()
    for each in (session, stepped):
        box(each, 1, 4)
    steps = session.sweep(direction="forward", stride=2)
    for step, other in zip(steps, stepped.steps(direction="forward", stride=2), strict=True):
        assert (step.label, step.slice, step.done) == (other.label, other.slice, other.done)
    np.testing.assert_array_equal(session.labels.array_zyx, stepped.labels.array_zyx)
    with pytest.warns(UserWarning, match="nothing was swept"):
        session.propagate()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(session.propagate(direction="forward", stride=2))) == len(steps)
        begun = session.propagate()
        next(begun)
        begun.close()
        session.propagate().close()
    with pytest.raises(VolsweepError, match="nothing to sweep"):
        tiny().sweep()


def test_a_lock_during_a_sweep_holds_what_is_on_the_screen_then():
    session = tiny()
    box(session, 1, 4)
    box(session, 2, 2, left=6)
    steps = session.propagate(labels=[1])
    for _ in range(3):
        next(steps)
    before = session.labels.array_zyx
    session.lock(2)
    np.testing.assert_array_equal(session.labels.array_zyx, before)
    with pytest.raises(SessionError, match="something else was done"):
        next(steps)
    assert [a.action for a in session.journal.effective][-3:] == ["propagate", "stop", "edit_label"]
    np.testing.assert_array_equal(replayed(session), before)


@pytest.mark.parametrize("then", ["lock", "undo"])
def test_a_sweep_that_is_stopped_after_its_last_step_changes_nothing_more(then):
    session = tiny()
    box(session, 1, 4)
    session.sweep()
    session.set_extent(label=1, last=5)
    count = len({step.slice for step in session.sweep()})  # those that look another way at its end come twice
    session.undo()
    for number, _ in enumerate(session.steps(), start=1):
        if number == count:
            session.lock(1) if then == "lock" else session.undo()
    if then == "lock":
        session.lock(1, False)
    else:
        session.redo()
    session.set_extent(label=1)
    assert session.labels.array_zyx[6].any(), "of the first sweep"
    np.testing.assert_array_equal(replayed(session), session.labels.array_zyx)


def test_a_tick_during_a_sweep_holds_for_what_was_on_the_screen():
    session = tiny()
    box(session, 1, 4)
    list(session.propagate())
    session.use(window=Window(41, 400))
    for count, _ in enumerate(session.propagate()):
        if count == 0:
            session.tick(1, 4)  # drawn anew already
            session.tick(1, 8)  # of the sweep before
    assert session.ticked(1) == {4}
    again = tiny()
    list(again.replay(session.journal.effective))
    assert again.ticked(1) == {4}


@pytest.mark.long
def test_the_real_network_too():
    """The experiment that found it: box, sweep, a click elsewhere, the box moved, another window."""
    z, y, x = np.indices((10, 48, 48))
    ball = ((z - 5) * 3) ** 2 + (y - 24) ** 2 + (x - 22) ** 2 < 12**2
    image = Volume((ball * 180 + 20 * np.sin(x / 5)).astype(np.int16), Grid.axis_aligned(ball.shape, (3, 1, 1)), "CT")
    session = volsweep.Session(image, window="400/60", device="cpu", zoom=3.0)
    session.add_box(label=1, slice=5, box_xyxy=(11, 13, 33, 35))
    list(session.propagate())
    session.add_point(label=1, point_zyx=(7, 24, 30), positive=False)
    _ = session.labels
    session.use(window=Window(100, 900))
    session.add_box(label=1, slice=5, box_xyxy=(9, 13, 33, 37))
    list(session.propagate(slices=(2, 8)))
    again = volsweep.Session(image, window="400/60", device="cpu")
    list(again.replay(session.journal.effective))
    np.testing.assert_array_equal(again.labels.array_zyx, session.labels.array_zyx)


class Sitting(RuleBasedStateMachine):
    """Someone at work: every check compares the live labels with a replay and with what an autosave restores."""

    @initialize()
    def begin(self) -> None:
        self.session = tiny()
        self.folder = tempfile.TemporaryDirectory()
        self.kept: dict[int, Path] = {}
        self.journal = Path(self.folder.name) / "journal.jsonl"
        self.session.journal.attach(self.journal)
        self.locked: dict[Locked, np.ndarray] = {}
        self.seen: dict[str, np.ndarray] = {}

    def attempt(self, do) -> None:
        """Do something that may be refused; then nothing was done."""
        before, count = self.session.state, len(self.session.journal)
        try:
            do()
        except VolsweepError:
            assert self.session.state is before
            assert len(self.session.journal) == count

    @rule(
        label=LABELS,
        index=SLICES,
        left=st.integers(1, 9),
        kind=st.sampled_from(["box", "line", "mask", "coronal", "coronal box", "sagittal", "point"]),
    )
    def prompt(self, label: int, index: int, left: int, kind: str) -> None:
        session = self.session
        mask = np.zeros(SHAPE[1:], bool)
        mask[3:7, left : left + 3] = left % 4 > 0
        self.attempt(
            {
                "box": lambda: box(session, label, index, left),
                "line": lambda: session.add_line(label=label, slice=index, line_xyxy=(left, 4, left + 4, 7)),
                "mask": lambda: session.add_mask(label=label, slice=index, mask_yx=mask),
                "coronal": lambda: session.add_mask(label=label, slice=index, mask_yx=mask[:9], plane="coronal"),
                "coronal box": lambda: session.add_box(
                    label=label, slice=index, box_xyxy=(left, 2, left + 4, 6), plane="coronal"
                ),
                "sagittal": lambda: session.add_mask(label=label, slice=left, mask_yx=mask[:9, :14], plane="sagittal"),
                "point": lambda: session.add_point(label=label, point_zyx=(index, 6, left), positive=left % 3 > 0),
            }[kind]
        )

    @rule(label=LABELS, ends=st.tuples(*[st.one_of(st.none(), SLICES)] * 2), coronal=st.booleans())
    def tell_ends(self, label: int, ends, coronal: bool) -> None:
        plane = "coronal" if coronal else None
        self.attempt(lambda: self.session.set_extent(label=label, first=ends[0], last=ends[1], plane=plane))

    @rule(label=LABELS, index=SLICES, keep=st.integers(0, 2))
    def take_back(self, label: int, index: int, keep: int) -> None:
        session = self.session
        given = session.state.on_slice(label, Plane.AXIAL, index)
        if keep < len(given):
            self.attempt(lambda: session.set_prompts(given[:keep], label=label, slice=index))
        else:
            self.attempt(lambda: session.clear_prompts(label=label, slice=index))

    @rule(label=LABELS, what=st.sampled_from(["lock", "unlock", "name", "delete"]))
    def manage(self, label: int, what: str) -> None:
        session, before = self.session, self.session.labels.array_zyx
        self.attempt(
            {
                "lock": lambda: session.lock(label),
                "unlock": lambda: session.lock(label, False),
                "name": lambda: session.name_label(label, "a\u2028b"),
                "delete": lambda: session.delete_label(label),
            }[what]
        )
        if what == "lock":
            np.testing.assert_array_equal(session.labels.array_zyx, before, "a lock changes no voxel")

    @rule(label=LABELS, operation=st.sampled_from(OPERATIONS))
    def operate(self, label: int, operation: kinds.Operation) -> None:
        session, before, count = self.session, self.session.labels.array_zyx, len(self.session.journal)
        self.attempt(lambda: session.operate(operation, label=label))
        now = session.labels.array_zyx
        if len(session.journal) == count:
            np.testing.assert_array_equal(now, before)
        elif isinstance(operation, kinds.Subtract | kinds.Shrink):
            assert not ((now == label) & (before != label)).any(), "nothing was added"
        for other in set(np.unique(before).tolist()) - {0, label, *operation.others}:
            assert not ((before == other) & (now != other)).any(), "others keep their voxels"
            assert not ((now == other) & ~np.isin(before, (other, label, *operation.others))).any(), (
                "and gain none but those of theirs that lay under the object"
            )

    @invariant()
    def keeps_what_is_locked(self) -> None:
        if not hasattr(self, "session") or not self.session.state.locked:
            return
        labels = self.session.labels.array_zyx
        for label, locked in self.session.state.locked.items():
            shown = self.locked.setdefault(locked, labels == label)
            np.testing.assert_array_equal(labels == label, shown, f"label {label} is what it was when it was locked")

    @rule(index=SLICES)
    def load(self, index: int) -> None:
        self.attempt(lambda: self.session.load_prompts(loaded(index)))

    @rule(label=LABELS, index=SLICES, ticked=st.booleans())
    def tick(self, label: int, index: int, ticked: bool) -> None:
        before = self.session.labels.array_zyx
        self.tick_now(label, index, ticked)
        np.testing.assert_array_equal(self.session.labels.array_zyx, before)

    def tick_now(self, label: int, index: int, ticked: bool = True) -> None:
        shown = self.session.label_slice(index) == label
        self.attempt(lambda: self.session.tick(label, index, ticked=ticked))
        digest = self.session.state.ticks.get((label, Plane.AXIAL, index))
        if ticked and digest is not None:
            self.seen.setdefault(digest, np.packbits(shown))

    @invariant()
    def a_tick_holds_for_what_was_ticked(self) -> None:
        if hasattr(self, "session") and self.session.state.ticks:
            labels = self.session.labels.array_zyx
            for label in LABELS_ALL:
                ticks = {z: mask for (v, _, z), mask in self.session.state.ticks.items() if v == label}
                same = {z for z, m in ticks.items() if np.array_equal(np.packbits(labels[z] == label), self.seen[m])}
                assert self.session.ticked(label) <= same
                masks = self.session.masks(label)
                if masks is not None and masks.plane == Plane.AXIAL:
                    assert self.session.ticked(label) == same & masks.by_slice.keys()

    @rule(center=st.integers(40, 42), zoom=st.sampled_from([None, 2.0, 3.0]))
    def look(self, center: int, zoom: float | None) -> None:
        before = self.session.labels.array_zyx
        self.session.use(window=Window(center, 400), zoom=zoom)
        np.testing.assert_array_equal(self.session.labels.array_zyx, before)

    @rule(
        stop=st.one_of(st.none(), st.integers(1, 6)),
        options=st.fixed_dictionaries(
            {
                "direction": st.sampled_from(["both", "forward", "backward"]),
                "stride": st.integers(1, 3),
                "plane": st.sampled_from(["axial", "axial", "coronal"]),
                "labels": st.sampled_from([None, None, (1,), (2,)]),
                "slices": st.sampled_from([None, None, (2, 6)]),
            }
        ),
        beside=st.sampled_from(["nothing", "name", "prompt", "tick", "undo"]),
    )
    def sweep(self, stop: int | None, options: dict, beside: str) -> None:
        session, plane = self.session, Plane(options["plane"])
        try:
            steps = session.steps(**options)
        except VolsweepError:
            return
        last = {}
        try:
            for count, step in enumerate(steps, start=1):
                last[step.label, step.slice] = step.mask
                if count == 2:
                    self.do_beside(beside, step)
                if count == stop:
                    break
        except SessionError:  # something else was done
            assert beside != "nothing"
            last.clear()
        steps.close()
        if beside == "undo":
            last.clear()
        if (found := session.last_sweep()) is not None:  # nothing, where the only action was undone beside it
            number, masks = found
            self.kept[number] = Path(self.folder.name) / f"{number}.npz"  # as the autosave has it
            write_masks(self.kept[number], masks)
        for (label, z), mask in last.items():
            if any(one.plane != plane for one in (*session.state.prompts, *session.state.extents)):
                break  # strokes lie over it, or it is cut
            if beside == "prompt" and mask.prompted:
                continue
            kept = session.masks(label).by_slice[z]
            np.testing.assert_array_equal(kept.mask_yx(), mask.mask_yx(), "what was stepped is what is kept")

    def do_beside(self, what: str, step: Step) -> None:
        """Do something between two steps of a sweep."""
        session = self.session
        other = next(v for v in LABELS_ALL if v != step.label)
        match what:
            case "name":
                session.name_label(2, f"label of step {step.done}")
            case "prompt":
                self.attempt(lambda: box(session, other, 3, left=2))
            case "tick" if step.plane == Plane.AXIAL:
                self.tick_now(step.label, step.slice)
            case "undo":
                session.undo()

    @precondition(lambda self: self.session.journal.can_undo)
    @rule(times=st.integers(1, 3))
    def undo_and_redo(self, times: int) -> None:
        session, before = self.session, self.session.labels.array_zyx
        done = 0
        while done < times and session.journal.can_undo:
            session.undo()
            done += 1
        for _ in range(done):
            session.redo()
        np.testing.assert_array_equal(session.labels.array_zyx, before)

    @precondition(lambda self: self.session.journal.can_undo)
    @rule()
    def undo(self) -> None:
        self.session.undo()

    @precondition(lambda self: self.session.journal.can_redo)
    @rule()
    def redo(self) -> None:
        self.session.redo()

    @rule()
    def check(self) -> None:
        session = self.session
        live = session.labels.array_zyx
        for z in range(SHAPE[0]):
            np.testing.assert_array_equal(session.label_slice(z), live[z])
        for extent in session.state.extents:
            along = np.moveaxis(live == extent.label, session.volume.grid.plane_axis(extent.plane), 0)
            assert not any(along[i].any() for i in range(len(along)) if not extent.holds(i)), "drawn beyond an end"
        np.testing.assert_array_equal(replayed(session), live, "replayed")
        journal = type(session.journal).read(self.journal)
        assert journal.effective == session.journal.effective
        sweeps = {i: e.number for i, e in enumerate(journal.done) if isinstance(e.action, Propagate)}
        known = {i: read_masks(self.kept[number]) for i, number in sweeps.items() if number in self.kept}
        restored = tiny()
        list(restored.replay(journal.effective, known))
        np.testing.assert_array_equal(restored.labels.array_zyx, live, "restored")
        assert restored.journal.effective == session.journal.effective
        for label in LABELS_ALL:
            assert restored.ticked(label) == session.ticked(label)
        saved = Path(self.folder.name) / "session.json"
        about = VolumeReference.of(session.volume)
        write_session(saved, SessionFile(volume=about, actions=session.journal.effective), overwrite=True)
        opened = tiny()
        list(opened.replay(read_session(saved).actions))
        np.testing.assert_array_equal(opened.labels.array_zyx, live, "saved and opened again")

    def teardown(self) -> None:
        if hasattr(self, "session"):
            with self.folder:
                self.check()


def _times(examples: int, steps: int) -> settings:
    return settings(max_examples=examples, stateful_step_count=steps)


def test_sittings():
    run_state_machine_as_test(Sitting, settings=_times(100, 12))


@pytest.mark.nightly
@pytest.mark.timeout(0)
def test_many_sittings():
    run_state_machine_as_test(Sitting, settings=settings(_times(20_000, 20), derandomize=False))  # others each night
