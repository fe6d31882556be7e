"""Prompts as a person types them: ``LABEL@SLICE:NUMBERS``, on the command line and in manifests; read and written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite
from typing import Any, Literal

from pydantic import ValidationError

from volsweep.errors import PromptError, did_you_mean, why_invalid
from volsweep.geometry import Plane
from volsweep.prompts.extent import Extent, SideBox
from volsweep.prompts.kinds import DRAWN, Prompt, PromptSet
from volsweep.terminology import called
from volsweep.volume import Label

PromptKind = Literal["box", "line", "recist", "point", "scribble", "extent"]

FORMS: dict[PromptKind, str] = {
    "box": "LABEL@SLICE:X0,Y0,X1,Y1",
    "line": "LABEL@SLICE:X0,Y0,X1,Y1",
    "recist": "LABEL@SLICE:X0,Y0,X1,Y1/X2,Y2,X3,Y3",
    "point": "LABEL@SLICE:X,Y or LABEL@SLICE:X,Y,-",
    "scribble": "LABEL@SLICE:X,Y,X,Y,... then ,- where it is not, and /WIDTH or /WIDTHmm",
    "extent": "LABEL@FIRST:LAST, either left out where it is not known, or a box LABEL@PLANE:SLICE:X0,Y0,X1,Y1",
}

EXAMPLES: dict[PromptKind, str] = {
    "box": "1@20:55,98,86,126 or lesion=1@20:55,98,86,126",
    "line": "1@20:55,112,86,112",
    "recist": "1@20:55,112,86,112/70,98,70,126",
    "point": "1@20:70,112 or 1@20:10,10,-",
    "scribble": "1@20:70,112,78,116,80,120/3 or 1@20:10,10,30,12,-/2.5mm",
    "extent": "1@12:30, 1@12: or 1@coronal:112:55,12,86,30",
}

_NAMES: dict[PromptKind, tuple[str, ...]] = {
    "box": ("X0", "Y0", "X1", "Y1"),
    "line": ("X0", "Y0", "X1", "Y1"),
    "recist": ("X0", "Y0", "X1", "Y1", "X2", "Y2", "X3", "Y3"),
    "point": ("X", "Y"),
}

_WIDTH = re.compile(r"\s*(?P<width>\d+\.?\d*|\.\d+)\s*(?P<unit>px|mm)?\s*")
_COUNTED = re.compile(r"\d+")
_EXTENT = re.compile(r"(?:(?P<name>[^=@]+)=)?(?P<label>\d+)@\s*(?P<first>\d*)\s*:\s*(?P<last>\d*)")

_SIDE = re.compile(
    r"(?:(?P<name>[^=@]+)=)?(?P<label>\d+)@\s*(?P<plane>[a-z]+)\s*:\s*(?P<slice>\d+)\s*:(?P<box>.*)", re.IGNORECASE
)


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
            named = called(name, read.label)
            if labels.setdefault(read.label, named).name != named.name:
                raise PromptError(
                    f"label {read.label} is called {labels[read.label].name!r} and {named.name!r}; give each object "
                    f"a number of its own, such as {name}={read.label + 1}"
                )
    return PromptSet(tuple(prompts), labels, extents=tuple(extents))


def prompt_text(prompt: Prompt, label: Label) -> str:
    """Write a prompt as it is typed, so that `parse_prompts` reads the same prompt.

    A name that the form cannot hold, because it has an equals sign or an at sign in it, is left out.

    Raises
    ------
    PromptError
        If the prompt is a mask, which nobody types.
    """
    if prompt.is_painted:
        raise PromptError("a mask has no form to type; write it into a prompt file or a session")
    named = label.name.strip() and label != Label.default(prompt.label) and not set("=@") & set(label.name)
    numbers = "/".join(",".join(f"{v:.10g}" for v in part) for part in _parts_of(prompt))
    sign = "" if getattr(prompt, "positive", True) else ",-"
    width = f"/{prompt.width:.10g}{prompt.unit}" if prompt.kind == "scribble" else ""
    return f"{label.name.strip() + '=' if named else ''}{prompt.label}@{prompt.slice}:{numbers}{sign}{width}"


def _parts_of(prompt: Prompt) -> list[list[float]]:
    """The coordinates of a prompt as they are typed: both axes apart, all others in one."""
    numbers: list[float] = prompt.points_xy().ravel().tolist()
    return [numbers[:4], numbers[4:]] if prompt.kind == "recist" else [numbers]


def extent_text(extent: Extent) -> str:
    """Write an extent as it is typed."""
    if extent.drawn is not None:
        numbers = ",".join(f"{v:.10g}" for v in extent.drawn.box_xyxy)
        return f"{extent.label}@{extent.drawn.plane}:{extent.drawn.slice}:{numbers}"
    return f"{extent.label}@{extent.first_to_last}"


def _parse_extent(text: str, plane: Plane) -> tuple[Extent, str]:
    if side := _SIDE.fullmatch(text.strip()):
        return _parse_side_box(text, side, plane)
    match = _EXTENT.fullmatch(text.strip())
    if match is None or not (match["first"] or match["last"]):
        raise PromptError(
            f"extent {text!r} is not of the form {FORMS['extent']}, where LABEL is a number or name=number; "
            f"give at least one end, as in {EXAMPLES['extent']}"
        )
    first, last = (int(match[end]) if match[end] else None for end in ("first", "last"))
    try:
        extent = Extent(label=int(match["label"]), plane=plane, first=first, last=last)
    except ValidationError as error:
        raise PromptError(f"extent {text!r}: {why_invalid(error)}") from None
    return extent, (match["name"] or "").strip()


def _parse_side_box(text: str, side: re.Match[str], plane: Plane) -> tuple[Extent, str]:
    try:
        numbers, _ = _numbers("box", side["box"])
        where = {"plane": _plane(side["plane"]), "slice": int(side["slice"])}
        drawn = SideBox.model_validate({**where, "box_xyxy": numbers})
        extent = Extent(label=int(side["label"]), plane=plane, drawn=drawn)
    except ValidationError as error:
        raise PromptError(f"extent {text!r}: {why_invalid(error)}") from None
    except ValueError as error:
        raise PromptError(f"extent {text!r} is not of the form {FORMS['extent']}: {error}") from None
    return extent, (side["name"] or "").strip()


def _plane(text: str) -> Plane:
    """The plane of a name, however it is spelt.

    Raises
    ------
    ValueError
        If there is none.
    """
    if text.lower() in list(Plane):
        return Plane(text.lower())
    raise ValueError(f"there is no plane {text!r}; {did_you_mean(text, Plane)}give {', '.join(Plane)}")


def _parse(kind: PromptKind, text: str, plane: Plane) -> tuple[Prompt, str]:
    try:
        where, name, rest = _place(text.strip())
        numbers, said = _numbers(kind, rest)
    except ValueError as error:
        raise PromptError(
            f"{kind} {text!r} is not of the form {FORMS[kind]}: {error}; for instance {EXAMPLES[kind]}"
        ) from None
    if kind == "box" and (better := _ordered(numbers)) != numbers:
        typed = ",".join(f"{v:.10g}" for v in better)
        raise PromptError(
            f"{kind} {text!r} ends before it begins: X0 is the left column and Y0 the upper row; "
            f"did you mean {text.partition(':')[0]}:{typed}?"
        )
    try:
        return DRAWN[kind].from_numbers(numbers, plane=plane, **where, **said), name
    except ValidationError as error:
        raise PromptError(f"{kind} {text!r}: {why_invalid(error)}") from None


def _place(text: str) -> tuple[dict[str, int], str, str]:
    """Label and slice, the label's name, and what stands behind the colon.

    Raises
    ------
    ValueError
        Naming the part that is wrong.
    """
    before, at, behind = text.partition("@")
    if not at:
        raise ValueError("there is no @ between the label and the slice")
    name, named, label = before.rpartition("=")
    if not _COUNTED.fullmatch(label.strip()):
        raise ValueError(f"the label {before!r} is not a number, nor name=number")
    if "=" in name or (named and not name.strip()):
        raise ValueError(f"the label's name {name!r} is empty or holds an equals sign")
    slice_, colon, rest = behind.partition(":")
    if not colon:
        raise ValueError("there is no colon between the slice and the coordinates")
    if not _COUNTED.fullmatch(slice_.strip()):
        raise ValueError(f"the slice {slice_!r} is not a whole number from 0 on")
    return {"label": int(label), "slice": int(slice_)}, name.strip(), rest


def _numbers(kind: PromptKind, text: str) -> tuple[tuple[float, ...], dict[str, Any]]:
    """Coordinates, and the fields that stand behind them.

    Raises
    ------
    ValueError
        Naming the part that is wrong.
    """
    said: dict[str, Any] = {}
    if kind == "scribble":
        text, slash, behind = text.partition("/")
        said = _width(behind) if slash else {}
    parts = text.split(",")
    if kind in ("point", "scribble") and len(parts) % 2 and parts[-1].strip() in ("+", "-"):
        said["positive"] = parts.pop().strip() == "+"
    names = _NAMES.get(kind, ("X", "Y") * (len(parts) // 2))
    if kind == "recist":
        if text.count("/") != 1:
            raise ValueError("a slash stands between the ends of one axis and those of the other")
        parts = text.replace("/", ",").split(",")
    if len(parts) != len(names):
        given = sum(bool(part.strip()) for part in parts)
        asked = f"{len(names)} ({','.join(names)})" if kind in _NAMES else "x and y of every point"
        commas = "" if given > 1 or re.fullmatch(r"[\d.]*", text.strip()) else ", with commas between them"
        told = f"{given} coordinate{' is' if given == 1 else 's are'}"
        raise ValueError(f"{told} given, and a {kind} has {asked}{commas}")
    numbers = []
    for name, part in zip(names, parts, strict=True):
        try:
            numbers.append(float(part))
        except ValueError:
            raise ValueError(f"{name} {part.strip()!r} is not a number") from None
        if not isfinite(numbers[-1]):
            raise ValueError(f"{name} {part.strip()!r} is not a finite number")
    return tuple(numbers), said


def _width(text: str) -> dict[str, Any]:
    found = _WIDTH.fullmatch(text)
    if found is None:
        raise ValueError(f"the width {text!r} is not a number, nor one with px or mm")
    return {"width": float(found["width"]), "unit": found["unit"] or "px"}


def _ordered(numbers: tuple[float, ...]) -> tuple[float, ...]:
    x0, y0, x1, y1 = numbers
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
