"""The mutants of `tools/mutants.py` are still mutants of this code; `make test-nightly` lets the tests kill them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_each_line_to_break_is_there_once_and_so_are_the_tests_that_notice(monkeypatch):
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tools" / "mutants.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "mutants", module)
    spec.loader.exec_module(module)
    assert [one.name for one in module.MUTANTS if not one.is_current] == []
    assert len({one.name for one in module.MUTANTS}) == len(module.MUTANTS) >= 8
    for one in module.MUTANTS:
        assert one.new.strip() != one.old.strip()
        assert all((ROOT / test).is_file() for test in one.tests)
