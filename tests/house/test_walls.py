"""The walls between rooms that only a running interpreter can show."""

from __future__ import annotations

import subprocess
import sys

import pytest

import volsweep

HEAVY = ("torch", "sam2", "napari", "qtpy", "PySide6", "SimpleITK", "matplotlib", "highdicom", "hydra", "scipy")


@pytest.mark.parametrize("command", ["import volsweep", "import runpy, sys; sys.argv = ['volsweep', '--help']; RUN"])
def test_light_commands_load_nothing_heavy(command):
    run = "import contextlib\nwith contextlib.suppress(SystemExit): runpy.run_module('volsweep', run_name='__main__')"
    code = command.replace("RUN", "\n" + run) + f"\nprint('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", "import sys\n" + code], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_no_error_is_a_runtime_error():
    def tree(kind):
        return {kind, *(sub for child in kind.__subclasses__() for sub in tree(child))}

    errors = tree(volsweep.VolsweepError)
    assert len(errors) > 8
    assert not any(issubclass(error, RuntimeError) for error in errors)
