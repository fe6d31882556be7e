"""The shell command that repeats a session."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from volsweep.napari.controller import Controller
from volsweep.prompts import Box, Line, Point, Prompt
from volsweep.volume import Label


def command_line(controller: Controller, sweep: Mapping[str, object], prompts_file: Path) -> list[str]:
    """Arguments of ``volsweep segment``.

    Parameters
    ----------
    controller
        Its volume, prompts, window, model.
    sweep
        ``direction``, ``slices`` and ``stride`` as the sweep panel has them.
    prompts_file
        Named where prompts cannot be written as options: drawn masks, and clicks that must stay
        in order with boxes of other slices.
    """
    source = controller.volume.source if controller.volume is not None else None
    path = str(source.path) if source is not None else "PATH"
    out = ["volsweep", "segment", path, "-o", "labels.nii.gz"]
    if source is not None and source.series_uid:
        out += ["--series", source.series_uid]
    prompts = [p for p in controller.state.prompts if p.plane == controller.look.plane]
    if all(isinstance(p, Box | Line | Point) for p in prompts) and len(prompts) <= 12:
        for prompt in prompts:
            out += _option(prompt, controller.objects.label_of(prompt.label))
    else:
        out += ["--prompts", str(prompts_file)]
    if controller.look.plane != "axial":
        out += ["--plane", str(controller.look.plane)]
    window = controller.look.window
    if window is not None:
        out += ["--window", f"{window.width:g}/{window.center:g}"]
    if not controller.look.model.bundled:
        out += ["--model", controller.look.model.id]
    if controller.look.device != "auto":
        out += ["--device", controller.look.device]
    if sweep.get("direction", "both") != "both":
        out += ["--direction", str(sweep["direction"])]
    slices = sweep.get("slices")
    if isinstance(slices, tuple) and slices != (0, controller.look.slices - 1):
        out += ["--range", "{}:{}".format(*slices)]
    if sweep.get("stride", 1) != 1:
        out += ["--stride", str(sweep["stride"])]
    return out


def _option(prompt: Prompt, label: Label) -> list[str]:
    name = "" if label == Label.default(prompt.label) or set("=@") & set(label.name) else f"{label.name}="
    where = f"{name}{prompt.label}@{prompt.slice}:"
    if isinstance(prompt, Point):
        return ["--point", where + _numbers(prompt.point_xy) + ("" if prompt.positive else ",-")]
    if isinstance(prompt, Box):
        return ["--box", where + _numbers(prompt.box_xyxy)]
    assert isinstance(prompt, Line)
    return ["--line", where + _numbers(prompt.line_xyxy)]


def _numbers(values: tuple[float, ...]) -> str:
    return ",".join(f"{v:g}" for v in values)
