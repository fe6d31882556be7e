"""A session as a shell command that does it again, to the voxel."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from volsweep.engine.sweep.plan import DEFAULT_PATIENCE, Direction, SweepOptions
from volsweep.geometry import Plane
from volsweep.intensity import Window
from volsweep.models import ModelSpec
from volsweep.prompts.text import extent_text, prompt_text
from volsweep.session.actions import Action, EditLabel, Propagate, Relate, Stop, Tick
from volsweep.session.state import State
from volsweep.volume import Label, Volume

_ORDER = ("box", "line", "recist", "point", "scribble")
"""In which the command line takes prompts."""
_MOST_PROMPTS, _MOST_NUMBERS = 12, 48
"""More prompts, or coordinates of one, make a command that nobody reads: they go into a session file."""


@dataclass(frozen=True)
class SessionCommand:
    """What was done on one volume, to be repeated.

    Parameters
    ----------
    volume
        The image; its source is what the command reads.
    state
        Prompts and labels as they are now.
    done
        The actions that count, in order.
    plane, window, model, device
        What the session prompts, and what its network sees, is and runs on.
    """

    volume: Volume
    state: State
    done: tuple[Action, ...]
    plane: Plane
    window: Window | None
    model: ModelSpec
    device: str = "auto"

    @property
    def is_plain(self) -> bool:
        """Whether prompts and one sweep, as options, lead to the same labels; otherwise a session file must.

        They do not where masks were painted, a sweep was stopped or corrected, an object was locked or may overlap,
        the window or the model changed on the way, or a second series was looked at.
        """
        prompts = self.state.prompts
        before, sweep = self._split()
        if sweep is None and any(isinstance(a, Propagate | Stop) for a in self.done):
            return False
        if any(isinstance(a, Propagate | Stop | EditLabel | Relate) for a in before):
            return False
        if sweep is not None and (set(sweep.labels) != {p.label for p in prompts}):
            return False
        looks = {look for a in self.done if (look := getattr(a, "made_with", None)) is not None}
        if len(looks) > 1 or any(look.second for look in looks) or len(prompts) > _MOST_PROMPTS:
            return False
        if any(p.plane != self.plane or p.is_painted or p.points_xy().size > _MOST_NUMBERS for p in prompts):
            return False
        if any(extent.plane != self.plane or extent.within is not None for extent in self.state.extents):
            return False
        by_slice: dict[tuple[int, int], list[int]] = {}
        for prompt in prompts:
            by_slice.setdefault((prompt.label, prompt.slice), []).append(_ORDER.index(prompt.kind))
        return all(order == sorted(order) for order in by_slice.values())

    def words(self, sweep: SweepOptions, session_file: Path) -> list[str]:
        """Arguments of ``volsweep segment``.

        Parameters
        ----------
        sweep
            How a session that was not swept yet is swept.
        session_file
            Where the session is saved if options do not tell it all (`is_plain`).
        """
        source = self.volume.source
        out = ["volsweep", "segment", str(source.path) if source is not None else "PATH", "-o", "labels.nii.gz"]
        if source is not None and source.asked_as:
            out += ["--series", source.asked_as]
        if not self.volume.grid.is_regular:
            out += ["--gaps", "keep"]
        if self.is_plain:
            for prompt in self.state.prompts:
                label = self.state.labels.get(prompt.label, Label.default(prompt.label))
                out += [f"--{prompt.kind}", prompt_text(prompt, label)]
            for extent in self.state.extents:
                out += ["--extent", extent_text(extent)]
            out += self._sees()
        else:
            out += ["--prompts", str(session_file)]
            if self.model.weights_path is not None:
                out += ["--trust-model"]
        if self.device != "auto":
            out += ["--device", self.device]
        swept = any(isinstance(a, Propagate) for a in self.done)
        if self.is_plain or not swept:
            last = self._split()[1]
            if last is not None:
                sweep = SweepOptions(last.first, last.last, Direction(last.direction), last.stride, last.patience)
            out += _options(sweep, self.volume.grid.plane_shape(self.plane)[0])
        return out

    def _split(self) -> tuple[list[Action], Propagate | None]:
        """What was done before the last action, and that one if it is a sweep.

        Names, colours and ticks change no voxel.
        """
        actions: list[Action] = [
            a for a in self.done if not (isinstance(a, Tick) or (isinstance(a, EditLabel) and a.locked is None))
        ]
        if actions and isinstance(actions[-1], Propagate):
            return actions[:-1], actions[-1]
        return actions, None

    def _sees(self) -> list[str]:
        out = []
        if self.plane != self.volume.grid.own_plane:
            out += ["--plane", str(self.plane)]
        if self.window is not None:
            out += ["--window", self.window.text]
        if not self.model.bundled:
            out += ["--model", self.model.asked_as]
        return out


def shell_line(words: Sequence[str], platform: str = sys.platform) -> str:
    """Words as they are typed into the platform's shell; on Windows PowerShell, and cmd where that can be."""
    return " ".join(map(_for_windows, words)) if platform == "win32" else shlex.join(words)


def _for_windows(word: str) -> str:
    if re.fullmatch(r"[\w.:/\\+-]+", word):
        return word
    if not set('"“”„$`%') & set(word):  # a backslash before the closing quote would take its meaning away
        return f'"{word}{chr(92) * (len(word) - len(word.rstrip(chr(92))))}"'
    return "'" + re.sub("['‘’‚‛]", r"\g<0>\g<0>", word) + "'"  # typographic ones end a word there as well


def _options(sweep: SweepOptions, count: int) -> list[str]:
    out = []
    if sweep.direction != Direction.BOTH:
        out += ["--direction", str(sweep.direction)]
    if sweep.slices not in (None, (0, count - 1)):
        out += ["--range", f"{sweep.first}:{sweep.last}"]
    if sweep.stride != 1:
        out += ["--stride", str(sweep.stride)]
    if sweep.patience != DEFAULT_PATIENCE:
        out += ["--patience", str(sweep.patience)]
    return out
