"""Operations on objects in a session: undone, written down, replayed, beside locks, and as doubtful as before."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from support.tiny_engine import TinySession

from volsweep import operations
from volsweep.errors import InputError, PromptError, SessionError
from volsweep.geometry import Grid
from volsweep.intensity import Window
from volsweep.operations import kinds
from volsweep.operations.brought import Load
from volsweep.prompts.mask import Mask
from volsweep.session.actions import AddPrompts, Operate
from volsweep.session.file import SessionFile, VolumeReference, read_session, write_session
from volsweep.session.history import Journal
from volsweep.session.operate import Numbers
from volsweep.volume import Volume

SHAPE = (9, 20, 22)
GRID = Grid.axis_aligned(SHAPE, (3, 1, 1))


def session(values: int = 0) -> TinySession:
    image = np.full(SHAPE, values, np.int16)
    image[:, :, 11:] = 100
    return TinySession(Volume(image, GRID, "CT"), window=Window(40, 400), device="cpu")


def swept() -> TinySession:
    it = session()
    it.add_box(label=1, slice=4, box_xyxy=(6, 6, 11, 12))
    list(it.propagate())
    return it


def shown(it: TinySession, label: int = 1) -> np.ndarray:
    return it.labels.array_zyx == label


def square(it: TinySession, label: int, where: tuple[slice, slice], index: int = 4) -> None:
    mask = np.zeros(SHAPE[1:], bool)
    mask[where] = True
    it.add_mask(label=label, slice=index, mask_yx=mask)


@pytest.mark.parametrize(
    ("operation", "oracle"),
    [
        (kinds.Grow(mm=3), lambda mask: operations.grow(mask, GRID, 3)),
        (kinds.Shrink(mm=1), lambda mask: operations.shrink(mask, GRID, 1)),
        (kinds.Smooth(mm=2), lambda mask: operations.smooth(mask, GRID, 2)),
        (kinds.CopySlice(plane="axial", slice=4, to=0), lambda mask: _copied(mask)),
    ],
    ids=lambda x: getattr(x, "kind", ""),
)
def test_it_is_done_undone_and_replayed_without_a_network(operation, oracle):
    it = swept()
    before = shown(it)
    it.operate(operation, label=1)
    after = shown(it)
    np.testing.assert_array_equal(after, oracle(before))
    it.undo()
    np.testing.assert_array_equal(shown(it), before)
    it.redo()
    np.testing.assert_array_equal(shown(it), after)
    again = session()
    list(again.replay(it.journal.effective))
    np.testing.assert_array_equal(again.labels.array_zyx, it.labels.array_zyx)


def _copied(mask: np.ndarray) -> np.ndarray:
    out = mask.copy()
    out[0] = mask[4]
    return out


def test_a_journal_and_a_session_file_bring_it_back(tmp_path):
    it = swept()
    it.journal.attach(tmp_path / "journal.jsonl")
    it.operate(kinds.Grow(mm=3), label=1)
    (_, _, operate) = Journal.read(tmp_path / "journal.jsonl").effective
    assert isinstance(operate, Operate)
    assert operate == it.journal.effective[-1]
    write_session(tmp_path / "s.json", SessionFile(volume=VolumeReference.of(it.volume), actions=it.journal.effective))
    saved = read_session(tmp_path / "s.json")
    saved.check(it.volume)
    again = session()
    list(again.replay(saved.actions))
    np.testing.assert_array_equal(again.labels.array_zyx, it.labels.array_zyx)


def test_others_keep_their_voxels_but_for_those_that_are_named():
    it = swept()
    square(it, 2, np.s_[6:13, 12:16])
    other = shown(it, 2)
    it.operate(kinds.Grow(mm=4), label=1)
    np.testing.assert_array_equal(shown(it, 2), other)
    it.operate(kinds.Union(labels=(2,)), label=1)
    assert shown(it)[other].all()
    assert not shown(it, 2).any()


def test_what_a_locked_object_shows_stays():
    it = swept()
    square(it, 2, np.s_[6:13, 10:16])
    it.lock(2)
    locked = shown(it, 2)
    with pytest.raises(SessionError, match="nothing to do"):
        it.operate(kinds.Union(labels=(2,)), label=1)  # it may take nothing of it
    it.operate(kinds.Grow(mm=3), label=1)
    np.testing.assert_array_equal(shown(it, 2), locked)
    count = len(it.journal)
    with pytest.raises(SessionError, match="object 2 is locked"):
        it.operate(kinds.Shrink(mm=1), label=2)
    assert len(it.journal) == count


def test_objects_that_overlap_are_compared_as_they_are_not_as_they_hide_each_other():
    it = session()
    square(it, 1, np.s_[4:12, 4:12])
    square(it, 2, np.s_[8:16, 8:16])
    it.operate(kinds.Intersect(labels=(2,)), label=1)
    expected = np.zeros(SHAPE, bool)
    expected[4, 8:12, 8:12] = True
    np.testing.assert_array_equal(shown(it), expected)
    it.undo()
    it.operate(kinds.Subtract(labels=(1,)), label=2)
    assert shown(it, 2).sum() == 64 - 16
    it.delete_label(1)
    assert shown(it, 2).sum() == 64 - 16


def test_islands_become_objects_with_names_of_their_own():
    it = session()
    both = np.zeros(SHAPE[1:], bool)
    both[2:8, 2:8], both[12:15, 12:15] = True, True
    it.add_mask(label=3, slice=4, mask_yx=both)
    it.name_label(3, "Node")
    it.operate(kinds.SplitIslands(), label=3)
    assert [label.name for label in it.state.labels.values()] == ["Node", "Node 2"]
    assert (shown(it, 3).sum(), shown(it, 4).sum()) == (36, 9)
    it.undo()
    assert list(it.state.labels) == [3]


def test_values_are_those_of_the_image():
    it = swept()
    before = shown(it)
    it.operate(kinds.WithinRange(low=50, high=200), label=1)
    np.testing.assert_array_equal(shown(it), before & (it.volume.array_zyx == 100))
    it.operate(kinds.GrowRegion(low=50, high=200, mm=4), label=1)
    assert not shown(it)[:, :, :11].any()
    assert shown(it).sum() > (before & (it.volume.array_zyx == 100)).sum()


def test_slices_drawn_far_apart_are_filled_between_and_no_reader_vouches_for_them():
    it = session()
    for index in (1, 6):
        square(it, 1, np.s_[5:11, 5:11], index)
    it.operate(kinds.FillBetween(), label=1)
    assert np.flatnonzero(shown(it).any(axis=(1, 2))).tolist() == [1, 2, 3, 4, 5, 6]
    assert {z: t.prompted for z, t in it.trust(1).items()} == {z: z in (1, 6) for z in range(1, 7)}
    square(it, 1, np.s_[5:11, 5:11], 3)
    assert it.trust(1)[3].prompted


def test_an_operation_takes_no_doubt_away():
    it = swept()
    doubtful = {z for z, trust in it.trust(1).items() if not trust.prompted}
    assert doubtful
    it.operate(kinds.Grow(mm=1), label=1)
    trust = it.trust(1)
    assert trust[4].prompted, "the reader's own slice stays the reader's"
    assert not any(trust[z].prompted for z in doubtful)


def test_a_sweep_keeps_what_was_made():
    it = swept()
    it.operate(kinds.Shrink(mm=1), label=1)
    made = shown(it)
    list(it.propagate(patience=1))
    there = np.flatnonzero(made.any(axis=(1, 2)))
    for index in range(there[0], there[-1] + 1):
        np.testing.assert_array_equal(shown(it)[index], made[index])


def test_it_goes_on_beside_a_sweep_of_another_object():
    it = session()
    square(it, 2, np.s_[2:5, 2:5], 7)
    it.add_box(label=1, slice=4, box_xyxy=(8, 8, 12, 12))
    steps = it.propagate(labels=[1])
    next(steps)
    it.operate(kinds.Grow(mm=1), label=2)
    assert len(list(steps)) > 1
    kinds_done = [action.action for action in it.journal.effective]
    assert kinds_done == ["add_prompts", "add_prompts", "propagate", "operate"]


@pytest.mark.parametrize(
    ("operation", "label", "words"),
    [
        (kinds.FillHoles(), 1, "nothing to do"),
        (kinds.Grow(mm=1), 5, "object 5 has no voxels"),
        (kinds.Subtract(labels=(5,)), 1, "object 5 has no voxels"),
        (kinds.Union(labels=(1,)), 1, "with itself"),
    ],
)
def test_what_cannot_be_done_leaves_no_trace(operation, label, words):
    it = swept()
    before, count = it.state, len(it.journal)
    with pytest.raises(SessionError, match=words):
        it.operate(operation, label=label)
    assert it.state is before
    assert len(it.journal) == count


def test_a_range_the_wrong_way_round_is_refused():
    it = swept()
    with pytest.raises(InputError, match="holds nothing"):
        it.operate(kinds.WithinRange(low=2, high=1), label=1)


def test_what_was_read_from_a_file_is_no_networks_and_not_doubtful():
    it = session()
    read = tuple(_read(index, left) for index, left in enumerate((1, 8, 1, 8), start=2))  # no slice overlaps the next
    it.apply(Operate(label=1, operation=kinds.Load(), found=read, names={1: "liver"}))
    assert all(mark.from_file and not mark.doubtful and not mark.prompted for mark in it.trust(1).values())
    it.operate(kinds.SplitIslands(), label=1)
    it.operate(kinds.Grow(mm=3), label=1)
    assert len(it.labels.labels) == 4
    for label in it.labels.labels:
        assert not any(mark.doubtful for mark in it.trust(label).values()), "what is made of it is no network's, either"


def test_beside_what_was_read_from_a_file_a_network_is_doubted_as_ever():
    it = session()
    it.apply(Operate(label=1, operation=kinds.Load(), found=(_read(2, 1), _read(3, 14)), names={}))
    it.add_box(label=1, slice=6, box_xyxy=(4, 6, 8, 10))
    it.sweep()
    marks = it.trust(1)
    assert [z for z, mark in marks.items() if mark.from_file] == [2, 3]
    assert [z for z, mark in marks.items() if mark.prompted] == [6]
    assert not any(marks[z].doubtful for z in (2, 3))
    assert all(marks[z].neighbour_iou is not None for z in (4, 5))
    it.apply(AddPrompts(prompts=(_read(3, 14),)))
    assert it.trust(1)[3].prompted, "painted by the reader, it is the reader's"


def _read(index: int, left: int) -> Mask:
    mask = np.zeros(SHAPE[1:], bool)
    mask[5:10, left : left + 5] = True
    return Mask.from_array(mask, label=1, slice=index)


def drawn_by_finder(*shares: float, label: int = 1) -> Operate:
    """Squares that a finder drew, from slice 2 on, the first at column 1 and each a column further."""
    masks = tuple(_read(z, z - 1).model_copy(update={"label": label}) for z in range(2, 2 + len(shares)))
    operation = Load(finder="a finder", words="Kiefer", expected=shares)
    return Operate(label=label, operation=operation, found=masks, names={label: "mandible"})


def test_what_a_finder_drew_is_nobodys_prompt_and_as_doubtful_as_it_says():
    it = session()
    it.apply(drawn_by_finder(0.8, 0.6))
    marks = it.trust(1)
    assert [(mark.from_finder, mark.prompted, mark.doubtful) for mark in marks.values()] == [
        (True, False, False),
        (True, False, True),
    ]
    assert [mark.trust for mark in marks.values()] == [0.8, 0.6]
    assert it.prompts.prompts == ()
    with pytest.raises(PromptError, match="what a finder drew is complete"):
        it.sweep()


def test_what_a_finder_drew_is_undone_written_down_and_shown_again(tmp_path):
    it = session()
    it.apply(drawn_by_finder(0.8, 0.6))
    before, marks = shown(it), it.trust(1)
    it.undo()
    assert 1 not in it.state.labels
    it.redo()
    saved = SessionFile(volume=VolumeReference.of(it.volume), actions=it.journal.effective)
    write_session(tmp_path / "s.json", saved)
    again = session()
    deque(again.replay(read_session(tmp_path / "s.json").actions), maxlen=0)
    np.testing.assert_array_equal(shown(again), before)
    assert again.trust(1) == marks
    assert again.state.labels[1].name == "mandible"


def test_a_click_makes_a_slice_the_readers_and_the_others_stay_the_finders():
    it = session()
    it.apply(drawn_by_finder(0.8, 0.6, 0.7))
    it.add_point(label=1, point_zyx=(3, 8, 5))
    steps = {step.slice: step for step in it.sweep()}
    assert [(z, steps[z].trust.prompted, steps[z].trust.from_finder) for z in (2, 3, 4)] == [
        (2, False, True),
        (3, True, False),
        (4, False, True),
    ]
    assert [z for z, mark in it.trust(1).items() if mark.from_finder] == [2, 4]
    assert [prompt.slice for prompt in it.prompts.prompts] == [3, 3], "the mask that was corrected, and the click"


def test_what_is_made_of_what_a_finder_drew_is_its_own_and_no_surer():
    it = session()
    it.apply(drawn_by_finder(0.8, 0.6))
    it.operate(kinds.Grow(mm=3), label=1)
    assert {z: (mark.from_finder, mark.trust) for z, mark in it.trust(1).items()} == {
        1: (True, 0.6),
        2: (True, 0.8),
        3: (True, 0.6),
        4: (True, 0.6),
    }


def test_what_a_finder_drew_takes_no_voxel_from_what_a_reader_prompted_or_swept():
    it = swept()
    before = shown(it)
    it.apply(drawn_by_finder(0.8, 0.8, 0.8, 0.8, 0.8, label=2))
    assert (before & (it.masks(2).by_slice[4].mask_yx() & (np.arange(9) == 4)[:, None, None])).any(), "they meet"
    np.testing.assert_array_equal(shown(it), before)


def test_parts_take_numbers_that_nobody_was_given_and_a_session_alone_the_next_ones():
    numbers = Numbers()
    assert numbers.take([1, 4]) == 5
    assert numbers.take([1, 4], 3) == 6
    assert numbers.take([], 0) == 9
    numbers.note([12, 3])
    assert numbers.take([1]) == 13
    assert numbers.take([1, 4], afresh=True) == 5
    for given, parts in ((None, {2}), (numbers, {6})):
        it = session()
        rows = np.zeros(SHAPE[1:], bool)
        rows[4:12:4, 3:9] = True
        it.apply(AddPrompts(prompts=(Mask.from_array(rows, label=1, slice=4),)))
        it.numbers = given
        it.apply(Operate(label=1, operation=kinds.SplitIslands()))
        assert set(it.state.labels) == {1} | parts
