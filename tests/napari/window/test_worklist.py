"""A day's list in a real window: opened, drawn, accepted, skipped with a reason, taken up again, corrected."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from support.napari_window import SMALL
from support.tiny_engine import TinySession

import volsweep
from volsweep.geometry import Plane
from volsweep.napari.canvas.layers import is_volume
from volsweep.napari.window.beside import encoded
from volsweep.napari.window.worklist import WorklistWindow
from volsweep.prompts.kinds import Mask
from volsweep.session.actions import AddPrompts
from volsweep.volume import Label, LabelVolume
from volsweep.worklist import Case, Progress, Task, Worklist, write_worklist
from volsweep.worklist.listing import TaskLabel

pytestmark = [pytest.mark.gui, pytest.mark.long]
NAMES = ("one", "two", "three")


@pytest.fixture
def listed(tmp_path):
    rng = np.random.default_rng(0)
    for name in NAMES:
        values = rng.normal(0, 50, SMALL.shape_zyx).astype(np.int16)
        affine = np.diag([-1.0, -1.0, 3.0, 1.0])
        nibabel.save(nibabel.Nifti1Image(values.T, affine), tmp_path / f"{name}.nii.gz")
    task = Task(
        window="400/40", plane=Plane.CORONAL, labels={1: TaskLabel(name="Node", color="#102030")}, measured=("Node",)
    )
    cases = tuple(Case(name=name, series=f"{name}.nii.gz") for name in NAMES)
    write_worklist(tmp_path / "list.json", Worklist(task=task, cases=cases))
    return tmp_path / "list.json"


@pytest.fixture
def working(window, arithmetic, listed):
    arithmetic(window)
    it = window.widget.worklist
    it.begin(listed, "AB")
    opened(window, it, "one")
    yield it
    it._leave()
    it.ahead.stop()
    it.progress = None
    it.hide()


def opened(window, it: WorklistWindow, name: str) -> None:
    source = lambda: window.controller.volume is not None and window.controller.volume.source.path.name  # noqa: E731
    window.until(lambda: it.working is not None and it.working.case.name == name and source() == f"{name}.nii.gz")
    window.idle()


def draw(window, index: int = 10) -> None:
    shape = window.controller.volume.grid.plane_shape(Plane.CORONAL)[1:]
    mask = np.zeros(shape, bool)
    mask[2:5, 10:20] = True
    window.controller.post(AddPrompts(prompts=(Mask.from_array(mask, label=1, slice=index, plane=Plane.CORONAL),)))
    window.idle()
    window.until(lambda: 1 in window.controller.opened.sizes)


def test_a_case_opens_as_the_list_says_and_is_accepted_with_what_was_drawn(window, working, listed):
    controller = window.controller
    assert controller.display.plane is Plane.CORONAL
    assert controller.session.reader == "AB"
    assert (controller.display.window.center, controller.display.window.width) == (40, 400)
    assert controller.objects.label_of(1) == Label("Node", "#102030")
    said: list[str] = []
    window.on("said", lambda text, _: said.append(text))
    working.accept.click()
    assert said[-1].startswith("Node must be drawn")
    draw(window)
    window.until(lambda: "two" in working.ahead.read)
    ahead = working.ahead.read["two"].layers[0][0]
    working.accept.click()
    opened(window, working, "two")
    assert controller.image.data.base is ahead or np.shares_memory(np.asarray(controller.image.data), np.asarray(ahead))
    progress = Progress(listed, working.progress.worklist)
    reading = progress.of("one", "AB")
    assert reading.outcome == "accepted"
    found = volsweep.read_labels(progress.folder / "one" / reading.labels)
    assert found.labels[1].name == "Node"
    assert found.mask_zyx(1).sum() == 30
    assert len(window.controller.viewer.layers) < 8, "the first case's volume is gone"


@pytest.fixture
def encoding_at_once(window, monkeypatch):
    """Sessions whose slices take a byte each when they are encoded, and a window that encodes without waiting."""
    encoded_at: list[tuple[str, Plane, int, float]] = []

    class Encoding(TinySession):
        def encode(self, plane: Plane, index: int) -> int:
            self.engine  # noqa: B018  # loaded, as a network's is
            encoded_at.append((self.volume.source.path.name, plane, index, self.window.center))
            return 1

    monkeypatch.setattr(encoded, "QUIET_S", 0.0)
    monkeypatch.setattr(window.controller, "make_session", Encoding)
    return encoded_at


def test_the_next_case_goes_on_with_what_was_encoded_of_it(window, working, encoding_at_once):
    window.until(lambda: "two" in working.ahead.read and working.ahead._worker is None)
    working.ahead.stop()  # it was read before this test looked
    working._read_ahead()
    window.until(lambda: len(encoding_at_once) == SMALL.shape_zyx[1])
    assert {(name, plane, center) for name, plane, _, center in encoding_at_once} == {("two.nii.gz", Plane.CORONAL, 40)}
    engine = working.ahead.encoding._session.engine
    working.next.click()
    opened(window, working, "two")
    draw(window)
    assert window.controller.session.engine is engine


def test_who_goes_elsewhere_uses_nothing_of_it(window, working, encoding_at_once):
    window.until(lambda: "two" in working.ahead.read and working.ahead._worker is None)
    working.ahead.stop()
    working._read_ahead()
    window.until(lambda: len(encoding_at_once) == SMALL.shape_zyx[1])
    engine = working.ahead.encoding._session.engine
    working.open_case("three")
    opened(window, working, "three")
    draw(window)
    assert window.controller.session.engine is not engine
    assert working.ahead._encoded is None


def test_a_skipped_case_comes_back_with_what_was_drawn(window, working, listed):
    draw(window)
    working.end_case("skipped", "no contrast")
    opened(window, working, "two")
    working.end_case("rejected", "another patient")
    opened(window, working, "three")
    working.search.setText("one")
    assert [working.cases.item(i).text() for i in range(working.cases.count())] == ["one · skipped: no contrast"]
    draw(window)
    working.accept.click()
    opened(window, working, "one")
    window.until(lambda: 1 in window.controller.state.labels and bool(window.controller.state.prompts))
    window.idle()
    assert window.controller.session.labels.mask_zyx(1).sum() == 30
    window.until(lambda: 1 in window.controller.opened.sizes)
    working.accept.click()
    window.until(lambda: working.working is None)
    assert working.told.text() == "No case waits any more."
    outcomes = {name: working.progress.of(name, "AB").outcome for name in NAMES}
    assert outcomes == {"one": "accepted", "two": "rejected", "three": "accepted"}


def test_who_looks_at_another_case_finds_the_first_as_it_was_left_and_one_volume_in_the_window(window, working):
    draw(window)
    working.next.click()
    opened(window, working, "two")
    assert not window.controller.state.prompts
    working.previous.click()
    opened(window, working, "one")
    window.until(lambda: bool(window.controller.state.prompts))
    window.idle()
    assert window.controller.session.labels.mask_zyx(1).sum() == 30
    assert working.progress.of("one", "AB") is None, "nothing was said of it yet"
    left = working.progress.folder / "two" / "AB" / "session.json"
    assert left.is_file(), "its names are kept as well: nothing is left that would be offered as unsaved"
    assert [layer.name for layer in window.viewer.layers if is_volume(layer)] == ["one"]


def test_another_reader_is_given_the_next_case_and_labels_of_a_batch_are_opened(window, arithmetic, listed):
    arithmetic(window)
    array = np.zeros(SMALL.shape_zyx, np.uint8)
    array[3, 20:30, 25:35] = 4
    volsweep.write_labels(listed.parent / "found.nii.gz", LabelVolume(array, SMALL, {4: Label("Found", "#00ff00")}))
    cases = tuple(Case(name=name, series=f"{name}.nii.gz", labels="found.nii.gz") for name in NAMES)
    write_worklist(listed, Worklist(cases=cases), overwrite=True)
    elsewhere = Progress(listed, Worklist(cases=cases)).begin("one", "CD")
    it = window.widget.worklist
    it.begin(listed, "AB")
    opened(window, it, "two")
    window.until(lambda: any(label.name == "Found" for label in window.controller.state.labels.values()))
    window.idle()
    assert window.controller.session.labels.array_zyx.any()
    said: list[str] = []
    window.on("said", lambda text, _: said.append(text))
    it.previous.click()
    assert "is being worked on" in said[-1]
    assert it.working.case.name == "two"
    elsewhere.leave()
    it.previous.click()
    opened(window, it, "one")
    it._leave()
    it.ahead.stop()
    it.hide()
