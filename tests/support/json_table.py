"""docs/json.md as rules: which keys each command's JSON has."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "json.md"


@dataclass(frozen=True)
class Rule:
    """Of a command's document, or of what stands under one of its keys."""

    under: str
    shape: str
    always: frozenset[str]
    sometimes: frozenset[str]

    def faults_of(self, document: Any) -> list[str]:
        if self.shape and isinstance(document, list) != (self.shape == "list"):
            return [f"is no {self.shape}"]
        if self.under:
            document = document.get(self.under.removesuffix("[]"), [])  # whether it may be absent, another rule says
        found = document if isinstance(document, list) else [document]
        at = self.under or "the document"
        missing = [f"{at} has no {key}" for one in found for key in self.always - one.keys()]
        unknown = [f"{at} has {key}" for one in found for key in one.keys() - self.always - self.sometimes]
        return sorted({*missing, *unknown})


@cache
def rules() -> dict[str, tuple[Rule, ...]]:
    """Command -> its rules."""
    found: dict[str, tuple[Rule, ...]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not (row := re.fullmatch(r"\| `([a-z ]+)`(?: `([a-z_\[\]]+)`)? \| (\w*) ?\| (.*) \|", line)):
            continue
        command, under, shape, keys = row.groups()
        if alike := re.fullmatch(r"as `(\w+)`'s `(\w+)`", keys):
            (same,) = (rule for rule in found[alike[1]] if rule.under == alike[2])
            always, sometimes = same.always, same.sometimes
        else:
            always = frozenset(re.findall(r"`(\w+)`(?!\?)", keys))
            sometimes = frozenset(re.findall(r"`(\w+)`\?", keys))
        found[command] = (*found.get(command, ()), Rule(under or "", shape, always, sometimes))
    return found


def faults(command: str, text: str) -> list[str]:
    """What a command printed that the page does not say, and what it says that was not printed."""
    document = json.loads(text)
    return [fault for rule in rules()[command] for fault in rule.faults_of(document)]
