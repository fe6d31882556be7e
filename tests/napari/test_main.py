"""``python -m volsweep.napari`` where no window can open."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("display", [None, "", ":4711"])
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_without_a_display_a_sentence_and_exit_2(display):
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    if display is not None:
        env["DISPLAY"] = display
    done = subprocess.run(
        [sys.executable, "-m", "volsweep.napari"], env=env, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 2
    assert done.stderr.startswith("volsweep: there is no display")
    assert len(done.stderr.splitlines()) == 1


def test_without_napari_a_sentence_and_no_traceback():
    code = "import runpy, sys; sys.modules['napari'] = None; sys.argv[1:] = []; "
    code += "runpy.run_module('volsweep.napari', run_name='__main__')"
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=500)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.endswith('pip install "napari-volsweep[napari]"')
