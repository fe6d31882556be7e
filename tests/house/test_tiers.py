"""Which tests `make test` runs: none of them calls a program that only `make test-integration` installs."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def marked(node: ast.AST) -> bool:
    return "pytest.mark.integration" in ast.unparse(node)


def test_who_calls_other_programs_is_marked_so():
    unmarked = []
    for path in TESTS.rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        if "support.programs" not in text:
            continue
        tree = ast.parse(text)
        taken = {
            name.asname or name.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module == "support.programs"
            for name in node.names
        }
        if any(isinstance(node, ast.Assign) and marked(node) for node in tree.body):
            continue  # the whole file
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and not any(map(marked, node.decorator_list)):
                calls = {c.func.id for c in ast.walk(node) if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)}
                unmarked += [f"{path.relative_to(TESTS)}:{node.lineno} {node.name}" for name in calls & taken]
    assert not unmarked
