"""A test says what must be so: one that only runs passes whatever comes out."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
OF_LIBRARIES = {"raises", "warns", "fail", "waitUntil", "waitSignal", "run_state_machine_as_test"}
"""What asserts for a test, of pytest, pytest-qt and hypothesis; numpy's and torch's are called `assert_...`."""


def _uses(node: ast.AST) -> set[str]:
    """The names that stand in it; `assert_` for the statement and whatever is called so."""
    found = set()
    for part in ast.walk(node):
        name = part.id if isinstance(part, ast.Name) else part.attr if isinstance(part, ast.Attribute) else ""
        found.add("assert_" if isinstance(part, ast.Assert) or name.startswith("assert_") else name)
    return found


def _functions(tree: ast.Module) -> list[tuple[str, set[str]]]:
    """Functions and methods, and what each uses; not fixtures: every test that takes one would have what it asserts."""
    inside = [one for node in tree.body for one in (node.body if isinstance(node, ast.ClassDef) else [node])]
    functions = [one for one in inside if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [(one.name, _uses(one)) for one in functions if not any("fixture" in _uses(d) for d in one.decorator_list)]


def _silent(texts: dict[str, str]) -> list[str]:
    """Tests of which neither they nor what they call asserts anything."""
    functions = [(path, *found) for path, text in texts.items() for found in _functions(ast.parse(text))]
    asserting = OF_LIBRARIES | {"assert_"}
    while found := {name for _, name, uses in functions if uses & asserting} - asserting:
        asserting |= found
    return [f"{path}: {name}" for path, name, uses in functions if name.startswith("test_") and not uses & asserting]


def test_every_test_asserts_something():
    texts = {str(path.relative_to(TESTS)): path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("*.py"))}
    silent = _silent(texts)
    assert not silent, "\n".join(silent)


def test_one_that_only_runs_is_found():
    assert _silent({"x": "def holds(): assert 1\ndef test_a(): holds()\ndef test_b(): print()\n"}) == ["x: test_b"]
