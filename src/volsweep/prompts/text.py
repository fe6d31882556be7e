"""Prompts as a person types them: ``LABEL@SLICE:NUMBERS``, on the command line and in manifests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import ValidationError

from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.prompts.kinds import Box, Line, Point, Prompt, PromptSet
from volsweep.volume import Label

PromptKind = Literal["box", "line", "point"]

FORMS: dict[PromptKind, str] = {
    "box": "LABEL@SLICE:X0,Y0,X1,Y1",
    "line": "LABEL@SLICE:X0,Y0,X1,Y1",
    "point": "LABEL@SLICE:X,Y or LABEL@SLICE:X,Y,-",
}

_PATTERN = re.compile(r"(?:(?P<name>[^=@]+)=)?(?P<label>\d+)@(?P<slice>\d+):(?P<rest>.+)")


def parse_prompts(texts: Iterable[tuple[PromptKind, str]], plane: Plane) -> PromptSet:
    """Read prompts in the order given.

    Parameters
    ----------
    texts
        Pairs of kind and text (see `FORMS`); LABEL is a number or ``name=number``, a point
        that ends in ``,-`` is negative.
    plane
        The plane whose slices SLICE counts.

    Raises
    ------
    PromptError
        If a text is not of its form.
    """
    prompts: list[Prompt] = []
    labels: dict[int, Label] = {}
    for kind, text in texts:
        prompt, name = _parse(kind, text, plane)
        prompts.append(prompt)
        if name:
            labels[prompt.label] = Label(name, Label.default(prompt.label).color)
    return PromptSet(tuple(prompts), labels)


def _parse(kind: PromptKind, text: str, plane: Plane) -> tuple[Prompt, str]:
    count = 2 if kind == "point" else 4
    match = _PATTERN.fullmatch(text.strip())
    parts = match["rest"].split(",") if match else []
    positive = True
    if kind == "point" and len(parts) == 3 and parts[2].strip() in ("+", "-"):
        positive = parts.pop().strip() == "+"
    try:
        numbers = tuple(float(part) for part in parts)
    except ValueError:
        numbers = ()
    if match is None or len(numbers) != count:
        raise PromptError(f"{kind} {text!r} is not of the form {FORMS[kind]}, where LABEL is a number or name=number")
    where: dict[str, Any] = {"label": int(match["label"]), "plane": plane, "slice": int(match["slice"])}
    try:
        prompt: Prompt
        if kind == "box":
            prompt = Box.model_validate({**where, "box_xyxy": numbers})
        elif kind == "line":
            prompt = Line.model_validate({**where, "line_xyxy": numbers})
        else:
            prompt = Point.model_validate({**where, "point_xy": numbers, "positive": positive})
    except ValidationError as error:
        raise PromptError(f"{kind} {text!r}: {error.errors()[0]['msg']}") from error
    return prompt, (match["name"] or "").strip()
