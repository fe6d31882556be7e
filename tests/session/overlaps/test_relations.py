"""Objects that may overlap: held against sessions that hold one object alone, clipped by numpy."""

from __future__ import annotations

import numpy as np
import pytest
from support.tiny_engine import SHAPE, TinySession, box, replayed, tiny

from volsweep.errors import SessionError
from volsweep.geometry import Plane
from volsweep.operations import kinds
from volsweep.session.actions import Relate
from volsweep.session.changes import changed_slices
from volsweep.session.file import SessionFile, VolumeReference, read_session, write_session
from volsweep.session.history import Journal
from volsweep.session.overlaps.relations import as_related, related, without
from volsweep.volume import Label

OWN = {1: (4, 4), 2: (3, 6), 3: (5, 7)}
"""Label: slice and left edge of its box."""


def drawn(*labels: int) -> TinySession:
    """Boxes that overlap, swept."""
    session = tiny()
    for label in labels:
        box(session, label, *OWN[label])
    session.sweep()
    return session


ALONE = {label: drawn(label).labels.array_zyx == label for label in OWN}


def held(session: TinySession, label: int) -> np.ndarray:
    return session.objects.mask_zyx(label)


def test_off_by_default_and_off_again_nothing_is_another_voxel():
    session = drawn(1, 2, 3)
    before = session.labels.array_zyx
    assert session.objects.array_zyx.tolist() == before.tolist()
    session.let_overlap(2)
    assert not np.array_equal(held(session, 2), before == 2)
    session.let_overlap(2, False)
    np.testing.assert_array_equal(session.labels.array_zyx, before)
    session.let_overlap(2)
    session.undo()
    np.testing.assert_array_equal(session.labels.array_zyx, before)


def test_an_object_that_may_overlap_is_what_it_would_be_alone_and_takes_nothing():
    session = drawn(1, 2, 3)
    session.let_overlap(2)
    np.testing.assert_array_equal(held(session, 2), ALONE[2])
    others = drawn(1, 3).labels.array_zyx
    for label in (1, 3):
        np.testing.assert_array_equal(held(session, label), others == label)


@pytest.mark.parametrize("plane", ["axial", "coronal"])
def test_inside_and_outside_clip_as_numpy_does_on_the_volume_and_on_each_slice(plane):
    session = drawn(1, 2, 3)
    for label in (1, 2, 3):
        session.let_overlap(label)
    session.relate(2, inside=1, outside=[3])
    expected = ALONE[2] & ALONE[1] & ~ALONE[3]
    assert expected.any()
    np.testing.assert_array_equal(held(session, 2), expected)
    axis = session.volume.grid.plane_axis(plane)
    for index in range(SHAPE[axis]):
        there = session.shown.held(2, (Plane(plane), index))
        np.testing.assert_array_equal(there, np.take(expected, index, axis))
    session.relate(2, inside=0)
    np.testing.assert_array_equal(held(session, 2), ALONE[2] & ~ALONE[3])
    assert session.state.labels[2].outside == (3,)


def test_the_clip_follows_the_parent_and_a_lock_holds_what_is_shown():
    session = drawn(1, 2)
    session.relate(2, inside=1)
    before = held(session, 2)
    session.operate(kinds.Shrink(mm=1.5), label=1)
    smaller = held(session, 2)
    np.testing.assert_array_equal(smaller, ALONE[2] & held(session, 1))
    assert smaller.sum() < before.sum()
    session.lock(2)
    session.undo(), session.undo()
    session.lock(2)
    session.operate(kinds.Shrink(mm=1.5), label=1)
    np.testing.assert_array_equal(held(session, 2), before)
    with pytest.raises(SessionError, match="object 2 is locked"):
        session.relate(2, inside=0)


def test_layers_show_the_smaller_over_the_larger_and_lose_nothing():
    session = drawn(1, 2, 3)
    session.let_overlap(2), session.let_overlap(3)
    shown = session.shown
    masks = {label: shown.held(label) for label in OWN}
    sizes = {label: mask.sum() for label, mask in masks.items()}
    for label, mask in masks.items():
        found = np.any([layer == label for layer in shown.layers_zyx], axis=0)
        np.testing.assert_array_equal(found, mask)
    count = np.sum([mask.astype(int) for mask in masks.values()], axis=0)
    assert count.max() > 1
    assert len(shown.layers_zyx) == count.max()
    top = shown.labels_zyx
    for label in OWN:
        for other in OWN:
            if sizes[label] < sizes[other]:
                assert not (top[masks[label] & masks[other]] == other).any()
    for index in range(SHAPE[0]):
        layers = shown.slice_layers(Plane.AXIAL, index)
        np.testing.assert_array_equal(layers[0], top[index])
        for depth, layer in enumerate(layers):
            np.testing.assert_array_equal(layer, shown.layers_zyx[depth][index])


def test_a_sweep_beside_a_lock_takes_from_it_only_where_it_may():
    """A locked neighbour is left alone by what may not overlap, and by what lies outside it."""
    for relation in ("sole", "shared", "outside"):
        session = tiny()
        box(session, 1, *OWN[1])
        session.sweep(labels=[1])
        session.lock(1)
        box(session, 2, *OWN[2])
        if relation != "sole":
            session.let_overlap(2)
        if relation == "outside":
            session.relate(2, outside=[1])
        session.sweep(labels=[2])
        shared = held(session, 2) & ALONE[1]
        assert shared.any() == (relation == "shared")
        np.testing.assert_array_equal(held(session, 1), ALONE[1])
        if relation == "shared":
            np.testing.assert_array_equal(held(session, 2), ALONE[2])


def test_it_is_in_journals_and_session_files(tmp_path):
    session = drawn(1, 2)
    session.journal.attach(tmp_path / "journal.jsonl")
    session.relate(2, inside=1)
    assert Journal.read(tmp_path / "journal.jsonl").effective == session.journal.effective
    volume = session.volume
    write_session(
        tmp_path / "s.json", SessionFile(volume=VolumeReference.of(volume), actions=session.journal.effective)
    )
    again = tiny()
    list(again.replay(read_session(tmp_path / "s.json").actions))
    np.testing.assert_array_equal(held(again, 2), held(session, 2))
    np.testing.assert_array_equal(replayed(session), session.labels.array_zyx)


def test_operations_change_the_whole_object_also_under_others():
    session = drawn(1, 2)
    session.let_overlap(1), session.let_overlap(2)
    session.operate(kinds.Union(labels=(2,)), label=1)
    np.testing.assert_array_equal(held(session, 1), ALONE[1] | ALONE[2])
    np.testing.assert_array_equal(held(session, 2), ALONE[2])


def test_parts_that_are_split_off_lie_as_the_object_did():
    session = drawn(1)
    mask = np.zeros(SHAPE[1:], bool)
    mask[1:3, 1:3] = mask[10:12, 10:14] = True
    session.add_mask(label=2, slice=4, mask_yx=mask)
    session.let_overlap(2)
    session.operate(kinds.SplitIslands(), label=2)
    assert session.state.labels[3].overlaps


def test_a_slice_of_a_changed_relation_is_drawn_again():
    session = drawn(1, 2)
    before, state = session.shown, session.state
    session.relate(2, inside=1)
    differ = np.flatnonzero((before.held(2) != session.shown.held(2)).any(axis=(1, 2)))
    assert len(differ)
    assert set(differ.tolist()) <= changed_slices(state, session.state, Plane.AXIAL)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"inside": 2}, "cannot lie inside or outside itself"),
        ({"inside": 9}, "there is no object 9"),
        ({"outside": [1]}, "clip each other in a circle"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(told, words):
    session = drawn(1, 2, 3)
    session.relate(1, inside=3)
    session.relate(3, outside=[2])
    count, state = len(session.journal), session.state
    with pytest.raises(SessionError, match=words):
        session.relate(2, **told)
    assert (len(session.journal), session.state) == (count, state)


def test_relations_end_with_the_object_that_they_name():
    session = drawn(1, 2)
    session.relate(2, inside=1)
    session.delete_label(1)
    assert session.state.labels[2] == Label("object 2", Label.default(2).color, overlaps=True)
    np.testing.assert_array_equal(held(session, 2), ALONE[2])


def test_the_values_by_themselves():
    labels = {1: Label("a", "#102030"), 2: Label("b", "#405060")}
    told = related(labels, Relate(label=2, inside=1))
    assert told[2].overlaps
    assert told[2].inside == 1
    assert related(told, Relate(label=2, overlaps=False))[2] == labels[2]
    assert without(told, 1)[2].inside is None
    assert as_related(labels[1], told[2]).inside == 1
    assert as_related(labels[1], None) is labels[1]
