"""Histories: what a reader may do with two volumes, at random, and all that must be the same after it.

The worker's steps, the arrival of what it tells and the reader's hands are taken in turn by one random number
generator, without threads: whatever goes wrong does so again with the same seed.
"""

from __future__ import annotations

import random
from collections import deque
from pathlib import Path

import numpy as np
from napari.components import ViewerModel
from napari.layers import Layer
from support.brought_in import BroughtIn
from support.tiny_engine import TinySession

from volsweep.geometry import Grid, Plane
from volsweep.intensity import Window
from volsweep.io import read_objects, read_volume
from volsweep.io.nifti import write_nifti
from volsweep.napari.canvas.layers import image_layer, vertices_of
from volsweep.napari.controller import Controller
from volsweep.napari.opened import OpenVolume
from volsweep.napari.recovery.autosave import Autosave
from volsweep.napari.recovery.unfinished import Unfinished
from volsweep.operations.kinds import (
    FillBetween,
    FillHoles,
    Grow,
    GrowRegion,
    Intersect,
    KeepLargest,
    Shrink,
    Smooth,
    SplitIslands,
    Subtract,
    Union,
    WithinRange,
)
from volsweep.prompts.base import checked
from volsweep.prompts.kinds import Point
from volsweep.recovery.folder import read_folder
from volsweep.session.actions import Operate
from volsweep.session.file import SessionFile, read_session
from volsweep.session.session import Session
from volsweep.volume import Volume, take_slice

SHAPES = (((9, 24, 26), (3, 1, 1)), ((7, 20, 22), (2, 1.5, 1)))
DRAWN = ("box", "line", "recist", "scribble")


class Turns:
    """A runner whose work, and the news of it, go on when they are told to."""

    def __init__(self) -> None:
        self.jobs: list[tuple] = []

    def run(self, work, handle, done) -> None:
        self.jobs.append((work(), deque(), handle, done))

    def work(self, job) -> None:
        """One step of a worker; what it tells is on its way."""
        steps, told, *_ = job
        told.append(next(steps, None))

    def hear(self, job) -> None:
        """The window is told what is on its way for longest."""
        _, told, handle, done = job
        if told[0] is not None:
            handle(told.popleft())
        elif len(told) == 1:
            self.jobs.remove(job)
            done()

    def some(self, chance: random.Random, times: int) -> None:
        """Workers and window go on for a while, in any order."""
        for _ in range(times):
            if not self.jobs:
                return
            job = chance.choice(self.jobs)
            ended = bool(job[1]) and job[1][-1] is None
            if job[1] and (ended or chance.random() < 0.5):
                self.hear(job)
            else:
                self.work(job)

    def all(self) -> None:
        """Until nothing is left to do."""
        while self.jobs:
            job = self.jobs[0]
            if job[1]:
                self.hear(job)
            else:
                self.work(job)


class History(BroughtIn):
    """A window without a screen, two volumes from files, an autosave, and hands.

    Parameters
    ----------
    seed
        Of all that happens.
    folder
        For volumes, autosave and what is saved.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.chance, self.folder, self.turns = random.Random(seed), folder, Turns()
        self.done: list[str] = []
        self.said: list[str] = []
        self.controller = Controller(ViewerModel(), self.turns, TinySession)
        self.controller.said.connect(lambda text, kind: self.said.append(f"{kind}: {text}"))
        self.autosave = Autosave(self.controller, folder / "sessions")
        self.images = [self._image(i, folder) for i in range(len(SHAPES))]
        self.controller.open(self.images[0])
        self.turns.all()

    def _image(self, which: int, folder: Path) -> Layer:
        shape, spacing = SHAPES[which]
        path = folder / f"volume{which}.nii.gz"
        if not path.exists():
            image = np.random.default_rng(which).normal(0, 50, shape).astype(np.int16)
            write_nifti(path, image, Grid.axis_aligned(shape, spacing))
        return self.controller.viewer.add_layer(Layer.create(*image_layer(read_volume(path), f"CT{which}")))

    def end(self) -> None:
        """Close the volumes, as a window does."""
        self.turns.all()
        self.controller.volumes.end_all()

    # --- what a reader does ------------------------------------------------------------------

    def do(self, times: int) -> None:
        """Do so many things, and let the worker come along or not."""
        names = [name for name, weight in DOES.items() for _ in range(weight)]
        for _ in range(times):
            name = self.chance.choice(names)
            self.done.append(name)
            getattr(self, f"_{name}")()
            self.turns.some(self.chance, self.chance.choice((0, 0, 1, 3, 12, 40)))

    @property
    def _opened(self) -> OpenVolume:
        opened = self.controller.opened
        assert opened is not None
        return opened

    @property
    def _plane_shape(self) -> tuple[int, int, int]:
        return self._opened.volume.grid.plane_shape(self.controller.display.plane)

    def _corner(self, side: int) -> tuple[int, int]:
        _, rows, columns = self._plane_shape
        return self.chance.randint(0, max(rows - side, 0)), self.chance.randint(0, max(columns - side, 0))

    def _on_slice(self, places_yx) -> np.ndarray:
        axis = self._opened.volume.grid.plane_axis(self.controller.display.plane)
        return np.insert(np.asarray(places_yx, float), axis, self.controller.display.slice, axis=1)

    def _box(self) -> None:
        y, x = self._corner(7)
        _, rows, columns = self._plane_shape
        side = self.chance.randint(2, 6)
        corners = [(y, x), (y, min(x + side, columns - 1)), (min(y + side, rows - 1), min(x + side, columns - 1))]
        corners.append((corners[2][0], x))
        self.controller.tools.choose("box")
        self.controller.layers.shapes.add(self._on_slice(corners), shape_type="rectangle")

    def _click(self) -> None:
        self.controller.tools.choose(self.chance.choice(("point+", "point+", "point-")))
        y, x = self._corner(1)
        self.controller.layers.points.add(self._on_slice([(y, x)])[0])

    def _move_point(self) -> None:
        points = self.controller.layers.points
        if len(points.data) and len(points.data) == len(self.controller.layers._clicked):
            points.selected_data = {self.chance.randrange(len(points.data))}
            points.remove_selected()

    def _paint(self) -> None:
        self.controller.tools.choose(self.chance.choice(("brush", "brush", "eraser")))
        layer, (y, x) = self.controller.layers.objects, self._corner(1)
        at = tuple(int(v) for v in self._on_slice([(y, x)])[0])
        with layer.block_history():
            layer.paint(at, 0 if self.controller.tools.tool == "eraser" else layer.selected_label)

    def _brush_of_three(self) -> None:
        self.controller.layers.objects.n_edit_dimensions = 3
        self._paint()

    def _lasso(self) -> None:
        self.controller.tools.choose("lasso")
        y, x = self._corner(7)
        around = self._on_slice([(y, x), (y, x + 6), (y + 6, x + 6), (y + 6, x), (y, x)])
        self.controller.tools.stroked([around], take_away=self.chance.random() < 0.3)

    def _scribble(self) -> None:
        self.controller.tools.choose(self.chance.choice(("scribble+", "scribble-")))
        y, x = self._corner(7)
        self.controller.tools.stroked([self._on_slice([(y, x), (y + 3, x + 3), (y + 5, x + 4)])])

    def _rule(self) -> None:
        self.controller.tools.choose("ruler")
        y, x = self._corner(7)
        self.controller.tools.stroked([self._on_slice([(y, x), (y + 5, x + 4)])])

    def _operate(self) -> None:
        label, others = self.controller.objects.label, sorted(self.controller.state.labels)
        other = self.chance.choice(others) if others else 1
        operation = self.chance.choice(
            (Grow(mm=1), Shrink(mm=1), Smooth(mm=1), FillHoles(), KeepLargest(), SplitIslands(), FillBetween())
            + (WithinRange(low=-40, high=60), GrowRegion(low=-20, high=40, mm=3))
            + (tuple(how(labels=(other,)) for how in (Union, Subtract, Intersect)) if other != label else ())
        )
        self.controller.post(checked(Operate, label=label, operation=operation))

    def _sweep(self) -> None:
        options = {"direction": self.chance.choice(("both", "forward", "backward")), "patience": 0}
        self.controller.sweep(**options, stride=self.chance.choice((1, 1, 2)))

    def _switch(self) -> None:
        self.controller.open(self.chance.choice(self.images))

    def _go(self) -> None:
        self.controller.display.go_to(self.chance.randrange(self._plane_shape[0]))

    def _turn(self) -> None:
        self.controller.display.set_plane(self.chance.choice(tuple(Plane)))

    def _look(self) -> None:
        self.controller.display.set_window(Window(self.chance.randint(0, 60), self.chance.randint(100, 400)))

    def _new(self) -> None:
        if len(self.controller.state.labels) < 4:
            self.controller.objects.new()

    def _select(self) -> None:
        self.controller.objects.select(self.chance.choice(sorted(self.controller.state.labels) or [1]))

    def _lock(self) -> None:
        label = self.chance.choice(sorted(self.controller.state.labels) or [1])
        self.controller.objects.lock(label, not self.controller.state.is_locked(label))

    def _overlap(self) -> None:
        label = self.chance.choice(sorted(self.controller.state.labels) or [1])
        self.controller.objects.let_overlap(label, self.chance.random() < 0.5)

    def _hide(self) -> None:
        self.controller.objects.set_hidden(self.controller.objects.label, self.chance.random() < 0.5)

    def _rename(self) -> None:
        self.controller.objects.rename(self.controller.objects.label, name=self.chance.choice("abc"))

    def _delete(self) -> None:
        self.controller.objects.delete(self.controller.objects.label)

    def _tick(self) -> None:
        self.controller.review.accept()

    def _copy(self) -> None:
        self.controller.tools.copy_slice(self.chance.choice((1, -1)))

    def _end(self) -> None:
        self.controller.tools.end_here(first=self.chance.random() < 0.5)

    def _clear(self) -> None:
        self.controller.tools.clear_slice()

    def _undo(self) -> None:
        for _ in range(self.chance.choice((1, 1, 2, 5))):
            self.controller.undo()

    def _redo(self) -> None:
        self.controller.redo()

    def _cancel(self) -> None:
        self.controller.cancel()

    def _lose_layer(self) -> None:
        there = [layer for layer in self.controller.layers.all if layer in self.controller.viewer.layers]
        self.controller.viewer.layers.remove(self.chance.choice(there))
        self.controller.tools.choose("pan")  # which shows it again

    @staticmethod
    def _held(opened: OpenVolume) -> dict[int, np.ndarray]:
        return _masks(opened)

    # --- what must be the same ---------------------------------------------------------------

    def check(self) -> None:
        """Let all come to rest; then what is shown, held, saved, and found after a crash is the same."""
        self.turns.all()
        self.controller.show_layers()
        self.turns.all()
        told = [words for words in self.said if "nexpected" in words or "not autosaved" in words]
        assert not told, told
        self._check_canvas()
        for opened in self.controller.volumes:
            _check_held(opened)
            self._check_saved(opened)
            self._check_found(opened)

    def check_restored(self) -> None:
        """A window that opens after kill -9 shows what this one shows, and how."""
        old, view = self._opened, self.controller.display.view()
        self.autosave._write(old)
        left = Unfinished(folder := self.autosave._kept[old].folder, read_folder(folder))
        again = Controller(ViewerModel(), self.turns, TinySession)
        image = again.viewer.add_layer(Layer.create(*image_layer(read_volume(left.saved.volume.path), "again")))
        again.open(image)
        again.resume(left.resume())
        self.turns.all()
        new = again.opened
        assert new is not None
        _check_held(new)
        for value, mask_zyx in _masks(old).items():
            assert np.array_equal(_masks(new)[value], mask_zyx), f"object {value} is restored otherwise"
        kept = {"label", "hidden", "measures", "plane", "slice", "window"}
        assert again.display.view().model_dump(include=kept) == view.model_dump(include=kept)
        assert [a.action for a in new.undone] == [a.action for a in old.undone], "what can be done again"
        assert {k: v for k, v in new.accepted.items() if v} == {k: v for k, v in old.accepted.items() if v}
        assert len(again.layers.shapes.data) == len(self.controller.layers.shapes.data)
        assert len(again.layers.points.data) == len(self.controller.layers.points.data)
        again.volumes.end_all()

    def _check_canvas(self) -> None:
        opened, layers, plane = self._opened, self.controller.layers, self.controller.display.plane
        grid = opened.volume.grid
        assert layers.objects.data is opened.labels_zyx
        seen = np.asarray(layers.objects._slice.image.raw)
        here = take_slice(opened.labels_zyx, grid, plane, self.controller.display.slice)
        assert np.array_equal(seen, here), "the canvas is not drawn as the labels are"
        assert layers.objects.selected_label == opened.label
        prompts = [p for p in opened.state.prompts if p.plane == plane]
        clicks = [p for p in prompts if isinstance(p, Point)]
        drawn = [p for p in prompts if p.kind in DRAWN]
        assert len(layers.points.data) == len(clicks)
        for prompt, at in zip(clicks, layers.points.data, strict=True):
            assert np.allclose(vertices_of(prompt, grid)[0], at, atol=0.01)
        assert len(layers.shapes.data) == len(drawn)
        for prompt, at in zip(drawn, layers.shapes.data, strict=True):
            corners = vertices_of(prompt, grid)
            assert np.allclose((corners.min(0), corners.max(0)), (at.min(0), at.max(0)), atol=0.01)

    def _check_saved(self, opened: OpenVolume) -> None:
        if opened is not self._opened:
            return
        path, session = self.folder / "saved.nii.gz", self.folder / "saved.json"
        for file in self.folder.glob("saved*"):
            file.unlink()
        self.controller.save(path)
        self.controller.save_session(session)
        self.turns.all()
        if not path.exists():
            assert not opened.sizes, self.said[-3:]
            return
        found = read_objects(path)
        for value, mask_zyx in _masks(opened).items():
            assert np.array_equal(found.mask_zyx(value), mask_zyx), f"object {value} was saved otherwise"
            assert found.labels[value].name == self.controller.objects.label_of(value).name
        _check_replayed(opened, read_session(session), {})

    def _check_found(self, opened: OpenVolume) -> None:
        """As after kill -9: what lies on the disk now leads to what is shown."""
        self.autosave._write(opened)
        found = read_folder(self.autosave._kept[opened].folder)
        assert found.damage is None
        assert found.saved.view.measures == opened.measures.items
        _check_replayed(opened, found.saved, found.masks())


def _masks(opened: OpenVolume) -> dict[int, np.ndarray]:
    """Label -> its voxels as they are shown, those beneath others too."""
    layers = (opened.labels_zyx, *opened.under_zyx)
    values = sorted({int(v) for layer in layers for v in np.unique(layer) if v})
    return {value: np.logical_or.reduce([layer == value for layer in layers]) for value in values}


def _check_held(opened: OpenVolume) -> None:
    """What the window shows of a session is what the session holds."""
    session: Session = opened.session
    assert np.array_equal(opened.labels_zyx, session.labels.array_zyx), "shown is not what is held"
    assert opened.state == session.state
    assert (bool(opened.done), bool(opened.undone)) == (session.journal.can_undo, session.journal.can_redo)
    ticked = {label: frozenset(slices) for label, slices in session.shown.ticked().items() if slices}
    assert {label: slices for label, slices in opened.accepted.items() if slices} == ticked
    assert {value: size.voxels for value, size in opened.sizes.items()} == {
        value: int(mask.sum()) for value, mask in _masks(opened).items()
    }


def _check_replayed(opened: OpenVolume, saved: SessionFile, known) -> None:
    """A session of the same volume to which the same is done holds the same."""
    again = TinySession(_bare(opened.volume))
    told: list[str] = []
    saved.prepare(again)
    list(again.replay(saved.actions, known, tell=told.append))
    shown, made = _masks(opened), again.shown
    assert np.array_equal(again.labels.array_zyx, opened.labels_zyx), "done again it looks otherwise"
    assert len(made.layers_zyx) <= 1 + len(opened.under_zyx)
    whole = again.objects
    for value, mask_zyx in shown.items():
        assert np.array_equal(whole.mask_zyx(value), mask_zyx), f"object {value} is another when done again"
    assert {v: (x.name, x.locked, x.overlaps) for v, x in again.state.labels.items()} == {
        v: (x.name, x.locked, x.overlaps) for v, x in opened.state.labels.items()
    }
    ticked = {label: slices for label, slices in made.ticked().items() if slices}
    assert ticked == {label: slices for label, slices in opened.accepted.items() if slices}


def _bare(volume: Volume) -> Volume:
    return Volume(volume.array_zyx, volume.grid, volume.modality)


DOES = {
    **{"box": 4, "click": 4, "paint": 3, "undo": 3, "redo": 3, "sweep": 3, "go": 3, "turn": 1, "new": 2, "select": 2},
    **dict.fromkeys(("lasso", "scribble", "rule", "operate", "switch", "look", "lock", "hide", "rename", "tick"), 1),
    **dict.fromkeys(
        ("drop", "context", "by_name", "take_over", "reopen", "lay", "learn", "relate", "color", "side_box"), 1
    ),
    **dict.fromkeys(("copy", "end", "clear", "cancel", "move_point", "brush_of_three", "overlap", "lose_layer"), 1),
}
"""What is done, and how often beside the others."""
