"""What comes to a history from elsewhere: files, a finder, another study, a second series, another model."""

from __future__ import annotations

from dataclasses import replace
from queue import SimpleQueue

import numpy as np

from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.io import read_objects, read_volume, write_labels
from volsweep.io.nifti import write_nifti
from volsweep.models import MODELS
from volsweep.napari.found import read_as_objects
from volsweep.napari.reading.next_step import accepted_objects
from volsweep.napari.worker.tasks import Resume, Teach
from volsweep.prompts.base import checked
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import Box
from volsweep.prompts.labels import masks_from_labels
from volsweep.prompts.mask import Mask
from volsweep.session.actions import EditLabel, LoadPrompts, SetExtent
from volsweep.session.file import read_session
from volsweep.session.second.series import SecondSeries
from volsweep.volume import Label, LabelVolume

MOST_LABELS = 7


class BroughtIn:
    """Things that a reader does, part of `histories.History`."""

    def _free(self) -> int | None:
        """A label that nothing has, while there is room."""
        labels = self.controller.state.labels
        return self._opened.take_label() if len(labels) < MOST_LABELS else None

    def _labels_of_a_file(self) -> LabelVolume:
        """Two objects that meet."""
        volume = self._opened.volume
        array = np.zeros(volume.shape_zyx, np.uint16)
        z, y, x = (self.chance.randint(0, n - 5) for n in array.shape)
        array[z : z + 3, y : y + 4, x : x + 5] = 1
        array[z + 1 : z + 4, y + 3 : y + 5, x : x + 5] = 2
        return LabelVolume(array, volume.grid, {1: Label("node", "#10a020"), 2: Label("cyst", "#a01020")})

    def _drop(self) -> None:
        """Objects of a file are dropped on the volume."""
        first, path = self._free(), self.folder / f"dropped{self.chance.choice(('.nii.gz', '.seg.nrrd'))}"
        if first is not None:
            write_labels(path, self._labels_of_a_file(), overwrite=True)
            self.controller.post(read_as_objects(path, self._opened.volume).numbered(first))
            self.controller.objects.select(first)

    def _context(self) -> None:
        """They are another program's: locked, as one action."""
        first, path = self._free(), self.folder / "context.nii.gz"
        if first is not None:
            write_labels(path, self._labels_of_a_file(), overwrite=True)
            found = masks_from_labels(read_objects(path, source=self._opened.volume), first)
            rows = found.labels.items()
            locked = tuple(EditLabel(label=v, name=one.name, color=one.color, locked=True) for v, one in rows)
            self.controller.post(checked(LoadPrompts, prompts=found.prompts, labels=locked))

    def _by_name(self) -> None:
        """A finder's box is accepted, with the ends of the object."""
        label, plane, here = self._free(), self.controller.display.plane, self.controller.display.slice
        if label is None:
            return
        y, x = self._corner(7)
        box = Box(label=label, plane=plane, slice=here, box_xyxy=(x, y, x + 5, y + 4))
        last = min(here + 2, self._plane_shape[0] - 1)
        ends = SetExtent(extent=Extent(label=label, plane=plane, first=max(here - 1, 0), last=last))
        named = EditLabel(label=label, name="larynx", color="#102030")
        words = {label: "Kehlkopf"}
        self.controller.post(checked(LoadPrompts, prompts=(box,), labels=(named,), extents=(ends,), words=words))
        self.controller.objects.select(label)

    def _take_over(self) -> None:
        """Objects of an earlier study are taken over, and swept."""
        label, plane, here = self._free(), self.controller.display.plane, self.controller.display.slice
        if label is None:
            return
        y, x = self._corner(5)
        inside = np.zeros(self._plane_shape[1:], bool)
        inside[y : y + 4, x : x + 5] = True
        mask = Mask.from_array(inside, label=label, slice=here, plane=plane)
        named = EditLabel(label=label, name="GTV", color="#d55e00", tracking_uid=f"2.25.{label}")
        self.controller.post(checked(LoadPrompts, prompts=(mask,), labels=(named,)))
        self.controller.sweep()

    def _reopen(self) -> None:
        """The worklist goes on to another case, and comes back to this one."""
        path, opened, image = self.folder / "kept.json", self._opened, self._opened.image
        path.unlink(missing_ok=True)
        self.controller.save_session(path)
        self.turns.all()
        if not path.exists():
            return
        before = self._held(opened)
        self.controller.open(None)
        self.controller.open(image)
        self.controller.resume(Resume(read_session(path)))
        self.turns.all()
        after = self._held(self._opened)
        assert before.keys() == after.keys()
        assert all(np.array_equal(mask, after[value]) for value, mask in before.items()), "it came back otherwise"

    def _lay(self) -> None:
        """A second series is laid over the volume, its window is another one, or it is taken away."""
        opened = self._opened
        if opened.second is not None and self.chance.random() < 0.6:
            window = Window(self.chance.randint(40, 60), 100)
            opened.look_at(None if self.chance.random() < 0.5 else replace(opened.second, window=window))
            return
        path = self.folder / f"second{len(opened.volume.shape_zyx)}-{opened.volume.shape_zyx[0]}.nii.gz"
        if not path.exists():
            values = np.random.default_rng(7).normal(50, 20, opened.volume.shape_zyx).astype(np.int16)
            write_nifti(path, values, opened.volume.grid)
        opened.look_at(SecondSeries.beside(opened.volume, read_volume(path)))

    def _learn(self) -> None:
        """What is accepted is learned from, and another model is used."""
        answers: SimpleQueue[int | Exception] = SimpleQueue()
        accepted = accepted_objects(self._opened)
        if accepted:
            self.controller.post(Teach(self.folder / "lesson.npz", accepted, answers.put))
            self.turns.all()
            taught = answers.get_nowait()
            assert taught == len(accepted), taught
        name = self.chance.choice(("volsweep-nano", "sam2.1-tiny"))
        self.controller.use_model(MODELS[name], "auto")

    def _relate(self) -> None:
        """An object lies inside, or outside of, another one."""
        labels = sorted(self.controller.state.labels)
        if len(labels) < 2:
            return
        value, other = self.chance.sample(labels, 2)
        how = self.chance.choice(({"inside": other}, {"inside": 0}, {"outside": (other,)}, {"outside": ()}))
        self.controller.objects.relate(value, **how)

    def _color(self) -> None:
        self.controller.objects.rename(self.controller.objects.label, color=self.chance.choice(("#123456", "#654321")))

    def _side_box(self) -> None:
        """A box in a plane beside tells first and last slice."""
        side = self.chance.choice([plane for plane in Plane if plane != self.controller.display.plane])
        shape = np.array(self._opened.volume.shape_zyx)
        low = np.array([self.chance.randint(0, n // 2) for n in shape])
        high = np.minimum(low + [self.chance.randint(1, n // 2) for n in shape], shape - 1)
        high[self._opened.volume.grid.plane_axis(side)] = low[self._opened.volume.grid.plane_axis(side)]
        self.controller.tools.boxed_beside(side, np.array((low, high), float))
