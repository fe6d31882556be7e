"""What the documentation names is there: modules, files, commands, anchors."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md"), REPOSITORY / "checkpoints/MODEL_CARD.md"]
)
PUBLIC = (
    "volsweep",
    "io",
    "prompts",
    "models",
    "evaluate",
    "batch",
    "pacs",
    "operations",
    "finder",
    "follow",
    "defaults",
    "surfaces",
    "worklist",
)


def _id(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def _resolves(dotted: str) -> bool:
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            if hasattr(found, name):
                found = getattr(found, name)
            else:
                return name in getattr(found, "__dataclass_fields__", {})
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_name_imports(page):
    text = page.read_text(encoding="utf-8")
    for dotted in sorted(set(re.findall(r"(?<![\w/.])volsweep(?:\.[A-Za-z_]\w*)+", text))):
        assert _resolves(dotted), f"{dotted} is not there"
    for module, names in re.findall(r"^from (volsweep[\w.]*) import ([\w, ]+)$", text, re.MULTILINE):
        for name in names.split(","):
            assert _resolves(f"{module}.{name.strip()}"), f"{module} has no {name.strip()}"


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_every_path_is_there(page):
    if page.name == "CHANGELOG.md":
        return  # tells of what was
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    roots = (REPOSITORY, REPOSITORY / "src" / "volsweep", page.parent)
    for path in sorted(set(re.findall(r"`([\w./-]+/[\w./-]*\.(?:py|md|json|yaml|toml|sh))`", text))):
        if not path.startswith(("..", "runs/", "results/", "/", "~")) and "NAME" not in path:
            assert any((root / path).exists() for root in roots), f"{path} is not there"
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"link to {target}"


def test_public_rooms_have_a_page_of_reference():
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (REPOSITORY / "docs" / "reference").glob("*.md")}
    assert set(pages) == set(PUBLIC)
    for name, text in pages.items():
        module = "volsweep" if name == "volsweep" else f"volsweep.{name}"
        assert f"::: {module}\n" in text
        face = importlib.import_module(module)
        for exported in face.__all__:
            thing = getattr(face, exported)
            if isinstance(thing, type) or hasattr(thing, "__code__"):
                assert thing.__doc__, f"{module}.{exported} has no docstring for the reference"


@pytest.mark.slow
def test_the_reference_is_built_without_a_network(tmp_path):
    pytest.importorskip("mkdocstrings", reason="the extra `docs` is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    assert "read_volume" in (tmp_path / "reference" / "io" / "index.html").read_text(encoding="utf-8")
