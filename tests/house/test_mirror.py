"""Tests mirror the tree: a module's tests bear its name and lie in its room's folder."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE, TESTS = REPOSITORY / "src" / "volsweep", REPOSITORY / "tests"

ELSEWHERE = {
    "__main__.py": "starts the command line; `python -m volsweep` is run in tests/cli",
    "napari/__main__.py": "run in tests/napari/test_main.py",
    "napari/host.py": "a protocol; who keeps to it is mypy's to say",
    "napari/worker/tasks.py": "plain values and a protocol, without a line that does anything",
    "serve/exports.py": "asked over the line in tests/serve/test_handlers.py",
    "serve/folders.py": "asked over the line in tests/serve/test_attacks.py and test_handlers.py",
    "serve/opened.py": "asked over the line in tests/serve/test_handlers.py and test_sessions.py",
    "serve/speech.py": "asked over the line in tests/serve/test_attacks.py and test_handlers.py",
    "serve/uploads.py": "asked over the line in tests/serve/test_attacks.py and test_sessions.py",
    "prompt_sources.py": "the name of before, which warns; tested in tests/prompts/test_source.py",
}
"""Modules that have no test of their name for good, and where they are tested."""


def _without_a_test() -> set[str]:
    modules = [path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path.name != "__init__.py"]
    return {path.as_posix() for path in modules if not (TESTS / path.parent / f"test_{path.name}").is_file()}


def test_a_module_has_a_test_of_its_name():
    missing = _without_a_test() - ELSEWHERE.keys()
    assert not missing, f"tests/ROOM/test_NAME.py is missing for {', '.join(sorted(missing))}"


def test_no_exception_outlives_its_reason():
    settled = ELSEWHERE.keys() - _without_a_test()
    assert not settled, f"tested by name, or gone: take out of the list {', '.join(sorted(settled))}"


def test_the_drawing_of_the_house_names_every_room():
    drawing = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.parent.relative_to(SOURCE) for path in SOURCE.rglob("__init__.py") if path.parent != SOURCE]
    missing = [room.as_posix() for room in rooms if f"{room.name}/" not in drawing]
    assert not missing, f"docs/architecture.md does not name {', '.join(missing)}"
