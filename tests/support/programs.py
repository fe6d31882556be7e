"""Programs of others that hold our files against the standard."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Path of a program: on PATH, or beside the interpreter where pip put it."""
    found = shutil.which(name, path=None) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.fail(f"{name} is not installed; `make test-integration` installs it")
    return found


def complaints(path: Path) -> list[str]:
    """Errors that dciodvfy finds."""
    done = subprocess.run([program("dciodvfy"), str(path)], capture_output=True, text=True, check=False, timeout=500)
    said = (done.stdout + done.stderr).splitlines()
    assert any(line in ("Segmentation", "RTStructureSet", "Comprehensive3DSR") for line in said), (
        said
    )  # it knew what it looked at
    # Coding schemes that begin with 99 are everybody's own (PS3.16, 8.2); it knows those of the standard.
    wrong = [line for line in said if line.startswith(("Error", "Abort")) or "Unrecognized" in line]
    return [line for line in wrong if "<99VOLSWEEP>" not in line or line.startswith(("Error", "Abort"))]
