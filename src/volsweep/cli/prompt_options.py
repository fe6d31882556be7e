"""Prompts as they are written on the command line: ``LABEL@SLICE:NUMBERS``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.prompts import Box, Line, Point, Prompt, PromptSet
from volsweep.volume import Label

_FORM = re.compile(r"(?:(?P<name>[^=@]+)=)?(?P<label>\d+)@(?P<slice>\d+):(?P<rest>.+)")


@dataclass
class PromptOptions:
    """Collects ``--box``, ``--point`` and ``--line`` in one set."""

    plane: Plane
    prompts: list[Prompt] = field(default_factory=list)
    labels: dict[int, Label] = field(default_factory=dict)

    def boxes(self, texts: Sequence[str]) -> None:
        """Add boxes, each ``LABEL@SLICE:X0,Y0,X1,Y1``."""
        for text in texts:
            common, numbers, _ = self._parse("--box", text, 4, "LABEL@SLICE:X0,Y0,X1,Y1")
            self._add("--box", text, Box, {**common, "box_xyxy": numbers})

    def lines(self, texts: Sequence[str]) -> None:
        """Add RECIST diameters, each ``LABEL@SLICE:X0,Y0,X1,Y1``."""
        for text in texts:
            common, numbers, _ = self._parse("--line", text, 4, "LABEL@SLICE:X0,Y0,X1,Y1")
            self._add("--line", text, Line, {**common, "line_xyxy": numbers})

    def points(self, texts: Sequence[str]) -> None:
        """Add clicks, each ``LABEL@SLICE:X,Y``, or ``LABEL@SLICE:X,Y,-`` for a negative one."""
        for text in texts:
            common, numbers, positive = self._parse("--point", text, 2, "LABEL@SLICE:X,Y or LABEL@SLICE:X,Y,-")
            self._add("--point", text, Point, {**common, "point_xy": numbers, "positive": positive})

    def collected(self) -> PromptSet:
        """All of them, in the order boxes, lines, points."""
        return PromptSet(tuple(self.prompts), self.labels)

    def _parse(self, option: str, text: str, count: int, form: str) -> tuple[dict[str, Any], tuple[float, ...], bool]:
        match = _FORM.fullmatch(text.strip())
        parts = match["rest"].split(",") if match else []
        positive = True
        if count == 2 and len(parts) == 3 and parts[2].strip() in ("+", "-"):
            positive = parts.pop().strip() == "+"
        try:
            numbers = tuple(float(part) for part in parts)
        except ValueError:
            numbers = ()
        if match is None or len(numbers) != count:
            raise PromptError(f"{option} {text!r} is not of the form {form}, where LABEL is a number or name=number")
        label = int(match["label"])
        if match["name"]:
            self.labels[label] = Label(match["name"].strip(), Label.default(max(label, 1)).color)
        return {"label": label, "plane": self.plane, "slice": int(match["slice"])}, numbers, positive

    def _add(self, option: str, text: str, kind: type[Box | Line | Point], fields: dict[str, Any]) -> None:
        try:
            self.prompts.append(kind(**fields))
        except ValidationError as error:
            raise PromptError(f"{option} {text!r}: {error.errors()[0]['msg']}") from error
