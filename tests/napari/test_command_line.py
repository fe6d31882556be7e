"""The copied command does the session again, to the voxel: run, and compared."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from support.napari_fakes import InlineRunner
from typer.testing import CliRunner

import volsweep
from volsweep.cases.phantoms import sample
from volsweep.cli import app
from volsweep.intensity import Window
from volsweep.napari.command_line import command_line, is_plain
from volsweep.napari.contributions.reader import read
from volsweep.napari.controller import Controller

LESION = volsweep.Box(label=1, slice=20, box_xyxy=(54, 97, 87, 127))


@pytest.fixture
def phantom() -> Controller:
    """The CT phantom with the bundled network."""
    controller = Controller(ViewerModel(), InlineRunner())
    image = Layer.create(*read(str(sample().series))[0])
    controller.viewer.layers.append(image)
    controller.open(image)
    return controller


def run(controller: Controller, tmp_path: Path, **sweep) -> np.ndarray:
    """The labels that the copied command writes."""
    file = tmp_path / "session.json"
    if not is_plain(controller):
        controller.save_session(file)
    words = shlex.split(shlex.join(command_line(controller, sweep, file)))
    words[words.index("labels.nii.gz")] = str(tmp_path / "labels.nii.gz")
    result = CliRunner().invoke(app, [*words[1:], "--quiet"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return volsweep.read_labels(tmp_path / "labels.nii.gz").array_zyx


def same(controller: Controller, tmp_path: Path, **sweep) -> None:
    expected = np.asarray(controller.layers.objects.data)
    assert expected.any()
    np.testing.assert_array_equal(run(controller, tmp_path, **sweep), expected)


def test_one_box_one_sweep_as_options(phantom, tmp_path):
    phantom.look.set_window(Window(60, 160))
    phantom.tools.drawn(LESION)
    phantom.objects.rename(1, name="lesion")
    phantom.sweep(direction="forward", slices=(18, 26), stride=2, patience=2)
    assert is_plain(phantom)
    same(phantom, tmp_path, direction="backward")  # what was done counts, not what the fields say since


def test_a_sweep_that_ran_on_to_its_range_and_a_painted_mask(phantom, tmp_path):
    phantom.tools.drawn(LESION)
    phantom.sweep(slices=(15, 30), patience=0)
    painted = np.zeros((256, 256), dtype=bool)
    painted[100:120, 60:80] = True
    phantom.look.go_to(24)
    phantom.tools.painted(painted, 24)
    assert not is_plain(phantom)
    same(phantom, tmp_path)


def test_a_stopped_sweep_a_correction_a_second_object_a_lock_and_another_window(phantom, tmp_path):
    phantom.tools.drawn(LESION)
    seen = []

    def stop(step):
        seen.append(step)
        if len(seen) == 5:
            phantom.cancel()

    phantom.stepped.connect(stop)
    phantom.sweep()
    phantom.stepped.disconnect(stop)
    phantom.objects.lock(1, True)
    phantom.look.set_window(Window(0, 800))
    phantom.tools.drawn(volsweep.Box(label=2, slice=20, box_xyxy=(50, 90, 110, 150)))
    phantom.sweep(slices=(17, 23))
    where = np.argwhere(np.asarray(phantom.layers.objects.data)[22] == 2).mean(axis=0).round()
    phantom.tools.drawn(volsweep.Point(label=2, slice=22, point_xy=(where[1], where[0]), positive=False))
    phantom.undo()
    phantom.tools.drawn(volsweep.Point(label=2, slice=21, point_xy=(where[1], where[0]), positive=False))
    phantom.sweep(slices=(19, 23))
    assert len(seen) == 5
    same(phantom, tmp_path)


def test_a_session_that_was_not_swept_is_swept_as_the_fields_say(phantom, tmp_path):
    painted = np.zeros((256, 256), dtype=bool)
    painted[97:128, 54:88] = True
    phantom.tools.painted(painted, 20)
    found = run(phantom, tmp_path, slices=(18, 22))
    phantom.sweep(slices=(18, 22))
    np.testing.assert_array_equal(found, phantom.layers.objects.data)


def test_the_session_file_is_refused_on_another_volume(phantom, tmp_path):
    phantom.tools.drawn(LESION)
    phantom.save_session(tmp_path / "session.json")
    other = str(sample("mr_phantom").series)
    words = ["segment", other, "-o", str(tmp_path / "a.nii.gz"), "--prompts", str(tmp_path / "session.json")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code != 0
    assert not (tmp_path / "a.nii.gz").exists()


def test_options_are_what_the_shell_understands(controller):
    controller.tools.drawn(volsweep.Box(label=1, slice=5, box_xyxy=(12, 10, 20.5, 18)))
    controller.tools.drawn(volsweep.Point(label=1, slice=5, point_xy=(14, 12), positive=False))
    controller.objects.rename(1, name="lesion")
    words = command_line(controller, {"direction": "forward", "slices": (2, 9), "stride": 2}, Path("p.json"))
    assert words[2:5] == ["PATH", "-o", "labels.nii.gz"]
    assert words[5:9] == ["--box", "lesion=1@5:12,10,20.5,18", "--point", "lesion=1@5:14,12,-"]
    assert words[-6:] == ["--direction", "forward", "--range", "2:9", "--stride", "2"]


def test_painted_masks_go_through_a_session_file(controller):
    controller.tools.painted(np.ones((40, 48), dtype=bool), 3)
    assert command_line(controller, {}, Path("p.json"))[5:7] == ["--prompts", "p.json"]
