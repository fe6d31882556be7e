"""The shell command that does a session again, to the voxel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from volsweep.napari.controller import Controller
from volsweep.prompts.kinds import Box, Line, Point, Prompt
from volsweep.session.actions import Action, EditLabel, Propagate, Stop
from volsweep.volume import Label

_MOST_PROMPTS = 12
"""More make a command that nobody reads: they go into a session file."""
_PATIENCE = 2
"""The command line's own."""


def is_plain(controller: Controller) -> bool:
    """Whether prompts and one sweep, as options, lead to the same labels; otherwise a session file must.

    They do not where masks were painted, a sweep was stopped or corrected or ran on to the volume's
    end, an object was locked, or the window or the model changed on the way.
    """
    prompts, look = controller.state.prompts, controller.look
    done = [a for a in controller.done if not (isinstance(a, EditLabel) and a.locked is None)]
    before, sweep = _split(done)
    if sweep is None and any(isinstance(a, Propagate | Stop) for a in done):
        return False
    if any(isinstance(a, Propagate | Stop | EditLabel) for a in before):
        return False
    if sweep is not None and (sweep.patience != _PATIENCE or set(sweep.labels) != {p.label for p in prompts}):
        return False
    if len({getattr(a, "seen", None) for a in done} - {None}) > 1 or len(prompts) > _MOST_PROMPTS:
        return False
    kinds = [Box, Line, Point]
    if any(p.plane != look.plane or type(p) not in kinds for p in prompts):
        return False
    # The command line takes boxes first, then lines, then points.
    by_slice: dict[tuple[int, int], list[int]] = {}
    for prompt in prompts:
        by_slice.setdefault((prompt.label, prompt.slice), []).append(kinds.index(type(prompt)))
    return all(order == sorted(order) for order in by_slice.values())


def command_line(controller: Controller, sweep: Mapping[str, object], session_file: Path) -> list[str]:
    """Arguments of ``volsweep segment``.

    Parameters
    ----------
    controller
        Its volume, prompts, window, model.
    sweep
        ``direction``, ``slices`` and ``stride`` as the sweep panel has them, for a session that was
        not swept yet.
    session_file
        Where the session is saved if options do not tell it all (`is_plain`).
    """
    volume = controller.volume
    source = volume.source if volume is not None else None
    out = ["volsweep", "segment", str(source.path) if source is not None else "PATH", "-o", "labels.nii.gz"]
    if source is not None and source.series_uid:
        out += ["--series", source.series_uid]
    if volume is not None and not volume.grid.is_regular:
        out += ["--gaps", "keep"]
    if is_plain(controller):
        for prompt in controller.state.prompts:
            out += _option(prompt, controller.objects.label_of(prompt.label))
        out += _look(controller)
    else:
        out += ["--prompts", str(session_file)]
    if controller.look.device != "auto":
        out += ["--device", controller.look.device]
    swept = any(isinstance(a, Propagate) for a in controller.done)
    if is_plain(controller) or not swept:
        last = _split(controller.done)[1]
        if last is not None:
            sweep = {"direction": last.direction, "slices": (last.first, last.last), "stride": last.stride}
        out += _sweep(sweep, controller.look.slices)
    return out


def _split(done: tuple[Action, ...] | list[Action]) -> tuple[list[Action], Propagate | None]:
    """What was done before the last action, and that one if it is a sweep."""
    actions = [a for a in done if not (isinstance(a, EditLabel) and a.locked is None)]
    if actions and isinstance(actions[-1], Propagate):
        return actions[:-1], actions[-1]
    return actions, None


def _look(controller: Controller) -> list[str]:
    look, out = controller.look, []
    if look.plane != "axial":
        out += ["--plane", str(look.plane)]
    if look.window is not None:
        out += ["--window", f"{look.window.width:g}/{look.window.center:g}"]
    if not look.model.bundled:
        out += ["--model", look.model.id]
    return out


def _sweep(sweep: Mapping[str, object], slices: int) -> list[str]:
    out = []
    if sweep.get("direction", "both") != "both":
        out += ["--direction", str(sweep["direction"])]
    asked = sweep.get("slices")
    if isinstance(asked, tuple) and asked != (0, slices - 1):
        out += ["--range", "{}:{}".format(*asked)]
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
