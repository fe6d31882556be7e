"""Retired words come back nowhere; what lies in files of before keeps its name where it is read."""

from __future__ import annotations

import re
from pathlib import Path

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


def faults_in(path: Path) -> list[str]:
    """Where a file says a retired word."""
    near_the_network = {"engine", "train"} & set(path.parts)
    retired = RETIRED | OF_THE_NETWORK if near_the_network else RETIRED
    text = path.read_text(encoding="utf-8")
    squeezed = text.lower().replace("_", "")
    if not any(word.replace("_", "") in squeezed for word in retired):  # nearly always, and a tenth of the work
        return []
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = re.findall(r"[a-z]+(?:_through)?", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", KEPT.sub("", line)).lower())
        here = f"{path.relative_to(REPOSITORY)}:{number}"
        found += [f"{here}: {word} is retired; say {retired[word]}" for word in words if word in retired]
    return found


def test_retired_words_stay_away():
    faults = [fault for path in FILES if path != Path(__file__) for fault in faults_in(path)]
    assert not faults, "\n".join(faults)


def test_a_retired_word_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.REPOSITORY", tmp_path)
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "a.py").write_text("x = 1\nsession.desk.lookThrough = DeskHints()\nself.hints = 2\n")
    (tmp_path / "b.md").write_text("A hint. RuntimeError at runtime, ONNX Runtime\n")
    assert len(faults_in(tmp_path / "engine" / "a.py")) == 4
    assert faults_in(tmp_path / "b.md") == []
