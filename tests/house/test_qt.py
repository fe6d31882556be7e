"""Qt stands in a few places of the plugin only: everything else runs, and is tested, without a screen."""

from __future__ import annotations

import ast
from pathlib import Path

ROOM = Path(__file__).resolve().parents[2] / "src" / "volsweep" / "napari"
ALLOWED = {
    "widget.py",
    "loader.py",
    "drop.py",
    "contributions/dock.py",
    "contributions/operations.py",
    "recovery/restore_bar.py",
    "worker/thread.py",
}
QT = ("qtpy", "superqt", "PySide6", "vispy", "napari.qt", "napari._qt", "napari.viewer")


def imported(file: Path) -> set[str]:
    """Modules that a file imports, wherever in it."""
    out = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            out |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            out.add(node.module)
    return out


def test_qt_only_in_panels_and_a_few_files():
    with_qt = set()
    for file in ROOM.rglob("*.py"):
        name = file.relative_to(ROOM).as_posix()
        if any(m == q or m.startswith(q + ".") for m in imported(file) for q in QT):
            with_qt.add(name)
    assert len(with_qt) > 10, "the test no longer sees Qt at all"
    assert {name for name in with_qt if not name.startswith(("panels/", "window/"))} <= ALLOWED
