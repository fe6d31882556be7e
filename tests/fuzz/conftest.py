"""The helper modules lie beside these tests and those of io; importlib mode does not put them on the path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "io")]
