"""Retired words come back nowhere; what lies in files of before keeps its name where it is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
RETIRED = {
    "desk": "SessionWorker",
    "look_through": "Session.use",
    "nudge": "moved_outline",
    "nudged": "moved_outline",
    "foresight": "BodyNet, BodyPredictor, Body",
    "foresee": "predict",
    "foreseen": "predicted",
    "expectations": "start: the logits the decoder starts from",
    "runtime": "Engine",
}
OF_THE_NETWORK = {"hint": "KnownSlice, prompt map", "hints": "KnownSlice, prompt maps"}
"""Elsewhere they are English (and Qt's)."""
FILES = [
    *sorted((REPOSITORY / "src").rglob("*.py")),
    *sorted((REPOSITORY / "tests").rglob("*.py")),
    *sorted((REPOSITORY / "benchmarks").rglob("*.py")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]
KEPT = re.compile(
    r"[\"'`*]*foresight(\.\*|\.|: (true|false))?[\"'`*]+|foresight_lr|self\.hints"
    r"|Runtime_?Errors?|runtime_errors?|ONNX Runtime|onnx_runtime|[Aa]t runtime"
)
"""A key of yaml files, names of tensors and settings; Python's own error; and English."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_retired_words_stay_away(path):
    if path == Path(__file__):
        return
    near_the_network = {"engine", "train"} & set(path.parts)
    retired = RETIRED | OF_THE_NETWORK if near_the_network else RETIRED
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = re.findall(r"[a-z]+(?:_through)?", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", KEPT.sub("", line)).lower())
        for word in words:
            assert word not in retired, f"line {number}: {word} is retired; say {retired[word]}"
