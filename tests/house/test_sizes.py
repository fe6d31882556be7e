"""The house stays small enough to be found one's way in: rooms, files, functions."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "volsweep"
FILES = sorted(SOURCE.rglob("*.py"))
ROOMS = sorted({path.parent for path in FILES})
LONGEST_FILE, LONGEST_FUNCTION, MOST_FILES, MOST_LOOSE, MOST_PARAMETERS = 300, 60, 16, 8, 5


@cache
def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _id(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def _too_long(path: Path) -> list[str]:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    found = [f"{_id(path)}: {lines} lines"] if lines > LONGEST_FILE else []
    for function in _functions(path):
        if path.parent.name == "cli":
            continue  # a command names its options one by one
        lines = function.end_lineno - function.lineno + 1
        docstring = ast.get_docstring(function, clean=False) or ""
        if lines - docstring.count("\n") > LONGEST_FUNCTION:
            found.append(f"{_id(path)}: {function.name}: {lines} lines")
    return found


def test_a_file_holds_one_idea():
    faults = [fault for path in FILES for fault in _too_long(path)]
    assert not faults, "\n".join(faults)


def test_rooms_hold_few_files():
    for room in ROOMS:
        files = [p for p in room.glob("*.py") if p.name != "__init__.py"]
        most = MOST_LOOSE if room == SOURCE else MOST_FILES
        loose = [p for p in files if p.name != "__main__.py"]
        assert len(loose) <= most, f"{_id(room)}: {len(loose)} files"


def test_functions_of_the_house_take_few_parameters():
    """Private ones and those inside rooms; what users call names its options one by one, keyword by keyword."""
    for path in FILES:
        if path.parts[-2] == "cli":
            continue
        for function in _functions(path):
            given = function.args
            positional = [a for a in (*given.posonlyargs, *given.args) if a.arg not in ("self", "cls")]
            if function.name != "__init__":
                assert len(positional) <= MOST_PARAMETERS, f"{_id(path)}: {function.name} takes {len(positional)}"


def test_a_room_says_what_it_is_and_nothing_else():
    for path in SOURCE.rglob("__init__.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        if path.parent in (SOURCE, SOURCE / "cli"):
            continue  # the version and the log's handler; the command's entry
        for node in tree.body[1:]:
            named = isinstance(node, ast.Assign) and [t.id for t in node.targets if isinstance(t, ast.Name)]
            assert isinstance(node, ast.ImportFrom | ast.Import) or named == ["__all__"], f"{path}: {ast.unparse(node)}"
