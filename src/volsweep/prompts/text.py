"""Prompts as a person types them: ``LABEL@SLICE:NUMBERS``, on the command line and in manifests; read and written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import ValidationError

from volsweep.errors import PromptError
from volsweep.geometry import Plane
from volsweep.prompts.extent import Extent
from volsweep.prompts.kinds import DRAWN, Prompt, PromptSet
from volsweep.volume import Label

PromptKind = Literal["box", "line", "point", "extent"]

FORMS: dict[PromptKind, str] = {
    "box": "LABEL@SLICE:X0,Y0,X1,Y1",
    "line": "LABEL@SLICE:X0,Y0,X1,Y1",
    "point": "LABEL@SLICE:X,Y or LABEL@SLICE:X,Y,-",
    "extent": "LABEL@FIRST:LAST, either left out where it is not known",
}

_PATTERN = re.compile(r"(?:(?P<name>[^=@]+)=)?(?P<label>\d+)@(?P<slice>\d+):(?P<rest>.+)")
_EXTENT = re.compile(r"(?:(?P<name>[^=@]+)=)?(?P<label>\d+)@\s*(?P<first>\d*)\s*:\s*(?P<last>\d*)")


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
    extents: list[Extent] = []
    labels: dict[int, Label] = {}
    for kind, text in texts:
        read, name = _parse_extent(text, plane) if kind == "extent" else _parse(kind, text, plane)
        if isinstance(read, Extent):
            extents.append(read)
        else:
            prompts.append(read)
        if name:
            labels[read.label] = Label(name, Label.default(read.label).color)
    return PromptSet(tuple(prompts), labels, extents=tuple(extents))


def prompt_text(prompt: Prompt, label: Label) -> str:
    """Write a point, box or line as it is typed, so that `parse_prompts` reads the same prompt.

    A name that the form cannot hold, because it has an equals sign or an at sign in it, is left out.

    Raises
    ------
    PromptError
        If the prompt is a mask, which nobody types.
    """
    if prompt.is_painted:
        raise PromptError("a mask has no form to type; write it into a prompt file or a session")
    named = label.name.strip() and label != Label.default(prompt.label) and not set("=@") & set(label.name)
    numbers = ",".join(f"{v:.10g}" for v in prompt.points_xy().ravel())
    sign = "" if getattr(prompt, "positive", True) else ",-"
    return f"{label.name.strip() + '=' if named else ''}{prompt.label}@{prompt.slice}:{numbers}{sign}"


def extent_text(extent: Extent) -> str:
    """Write an extent as it is typed."""
    return f"{extent.label}@{extent.first_to_last}"


def _parse_extent(text: str, plane: Plane) -> tuple[Extent, str]:
    match = _EXTENT.fullmatch(text.strip())
    if match is None or not (match["first"] or match["last"]):
        raise PromptError(
            f"extent {text!r} is not of the form {FORMS['extent']}, where LABEL is a number or name=number; "
            "give at least one end"
        )
    first, last = (int(match[end]) if match[end] else None for end in ("first", "last"))
    try:
        extent = Extent(label=int(match["label"]), plane=plane, first=first, last=last)
    except ValidationError as error:
        raise PromptError(f"extent {text!r}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
    return extent, (match["name"] or "").strip()


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
    if not positive:
        where["positive"] = False
    try:
        prompt = DRAWN[kind].from_numbers(numbers, **where)
    except ValidationError as error:
        raise PromptError(f"{kind} {text!r}: {error.errors()[0]['msg']}") from error
    return prompt, (match["name"] or "").strip()
