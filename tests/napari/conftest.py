"""Volumes, controllers without a screen, and windows with one."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("QT_API", "pyside6")

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from support.napari_fakes import FakeSession, InlineRunner

from volsweep.geometry import Grid
from volsweep.napari.canvas.layers import image_layer
from volsweep.napari.controller import Controller
from volsweep.volume import Volume


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path, monkeypatch):
    """Nothing of a test lands in the user's own folders."""
    monkeypatch.setenv("VOLSWEEP_DATA", str(tmp_path / "volsweep-data"))


@pytest.fixture(autouse=True, scope="module")
def little_to_search():
    """Napari looks for garbage with each layer that it removes: what is alive now is left out of that."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def volume(rng) -> Volume:
    grid = Grid.axis_aligned((12, 40, 48), (5.0, 1.0, 0.8), (-20.0, -30.0, 100.0))
    return Volume(rng.integers(-100, 200, grid.shape_zyx).astype(np.int16), grid, "CT")


@pytest.fixture
def runner() -> InlineRunner:
    return InlineRunner()


@pytest.fixture
def said() -> list[tuple[str, str]]:
    """Everything the controller says."""
    return []


@pytest.fixture
def controller(volume, runner, said) -> Controller:
    """A controller with a volume open, a fake network, and no screen."""
    controller = Controller(ViewerModel(), runner, FakeSession)
    controller.said.connect(lambda text, kind: said.append((kind, text)))
    image = Layer.create(*image_layer(volume, "CT"))
    controller.viewer.layers.append(image)
    controller.open(image)
    return controller


@pytest.fixture(scope="session")
def shared_window(qapp, tmp_path_factory):
    """A real window, opened once for the whole suite: it takes seconds. Needs Xvfb or a screen with OpenGL."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_CONFIG", str(tmp_path_factory.mktemp("napari") / "settings.yaml"))
        patch.setenv("VOLSWEEP_DATA", str(tmp_path_factory.mktemp("volsweep-data")))
        from support.napari_window import Window

        window = Window()
        gc.collect()
        gc.freeze()  # it stays for the whole suite, and is no garbage
        yield window
        window.close()


@pytest.fixture
def window(shared_window):
    """The window, empty."""
    if shared_window.viewer.layers:  # the small volume, which tests keep for each other
        shared_window.clear()
    shared_window.find_left()
    yield shared_window
    shared_window.clear()


@pytest.fixture(scope="session")
def kept_small(shared_window):
    """The small volume, which tests share."""
    from support.kept_small import KeptSmall

    return KeptSmall(shared_window)


@pytest.fixture
def arithmetic(monkeypatch):
    """Lets a window's sessions run on an engine of arithmetic, where a test is about the window."""
    from support.napari_window import WITHOUT_A_NETWORK
    from support.tiny_engine import TinySession

    def use(window) -> None:
        monkeypatch.setattr(window.controller, "make_session", TinySession)
        monkeypatch.setattr(window, "longest", WITHOUT_A_NETWORK)

    return use


@pytest.fixture
def small(kept_small, arithmetic):
    """The window with a small volume, two objects and no network."""
    arithmetic(kept_small.window)
    yield kept_small.take()
    kept_small.put_back()


@pytest.fixture
def own_window(qapp, tmp_path, monkeypatch):
    """A window of the test's own, for tests that close it; those that fail before leave none behind."""
    monkeypatch.setenv("NAPARI_CONFIG", str(tmp_path / "settings.yaml"))
    from support.napari_window import Window

    window = Window()
    yield window
    window.close()
