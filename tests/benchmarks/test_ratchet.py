"""The ratchet: what falls by more than its noise needs a line, whatever measured it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import ratchet  # noqa: E402


def figures(**means: float) -> dict:
    return {name: ratchet.row({"a": mean - 0.05, "b": mean + 0.05}) for name, mean in means.items()}


def test_what_rises_or_stays_within_its_noise_is_fine():
    before = figures(A=0.80, B=0.85)
    assert ratchet.unexplained(before, figures(A=0.795, B=0.9), "") == []
    # One target up, the other down by as much more than another machine would move it: the mean says nothing.
    now = {**before, "A": ratchet.row({"a": 0.80, "b": 0.77})}
    assert now["A"]["mean"] < before["A"]["mean"] - ratchet.LEAST_NOISE
    assert ratchet.unexplained(before, now, "") == []


def test_what_falls_is_named_until_the_change_log_tells_of_it():
    before, now = figures(**{"sarcoma CT A": 0.80, "ct_phantom": 0.85}), figures(**{"sarcoma CT A": 0.77})
    problems = ratchet.unexplained(before, now, "- the ratchet of something else\n- sarcoma CT A is better now")
    assert [text.partition(";")[0] for text in problems] == [
        "sarcoma CT A fell from 0.8 to 0.77",
        "ct_phantom fell from 0.85 to 0",
    ]
    told = "- ratchet: sarcoma CT A, ct_phantom: the new trunk sees less of large tumours"
    assert ratchet.unexplained(before, now, told) == []
    assert "| sarcoma CT A | 0.8 | 0.77 | 0.010 | FELL |" in ratchet.table(before, now)


@pytest.mark.parametrize(("ratio", "fell"), [(15, False), (13, True)])
def test_a_busy_machine_is_no_fall(ratio, fell):
    before, now = ({ratchet.SPEED: {"mean": value, "targets": {}}} for value in (18, ratio))
    assert bool(ratchet.fallen(before, now)) is fell


def test_the_bundled_weights_are_the_ones_measured():
    if not ratchet.FIGURES.exists():
        pytest.skip("no figures were kept yet: `make ratchet-update` measures them")
    kept = json.loads(ratchet.FIGURES.read_text(encoding="utf-8"))
    assert kept["sha256"] == hashlib.sha256(ratchet.WEIGHTS.read_bytes()).hexdigest(), "run `make ratchet-update`"
    for name in ("ct_phantom", "mr_phantom"):
        assert kept["figures"][name]["mean"] > 0.8
    done = subprocess.run([sys.executable, ratchet.__file__], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "are the ones measured" in done.stdout
