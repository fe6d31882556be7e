"""Learning beside a window: a process of its own, which the window asks by files and hears from line by line.

A thread would share Python's lock with the window's; a process can also be ended at any moment. The folder that it is
given holds the lesson: what volumes show and what was accepted in them, no name of anybody. It goes with the lesson.

python -m volsweep.train.apart FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from volsweep.errors import VolsweepError
from volsweep.intensity import Window

if TYPE_CHECKING:
    from volsweep.session.session import Session
    from volsweep.train.data.case import Case

_ASKED, _NICE = "asked.json", 10
"""How polite the process is: whatever the window does goes before it."""


def command(folder: Path) -> list[str]:
    """What carries out a lesson."""
    return [sys.executable, "-m", "volsweep.train.apart", str(folder)]


def write_case(path: Path, session: Session, only: Collection[int]) -> int:
    """Write a session's accepted objects, an ``.npz`` in a lesson's folder; return how many of them have voxels.

    Called by whoever may touch the session; its masks may have to be made for it.
    """
    from volsweep.train.learn import case_of  # torch: seconds to import

    case = case_of(session, only)
    if case is None:
        return 0
    window = (np.nan, np.nan) if case.window is None else (case.window.center, case.window.width)
    np.savez(
        path,
        image_zyx=case.image_zyx,
        labels_zyx=case.labels_zyx,
        spacing_zyx_mm=case.spacing_zyx_mm,
        values=[target.value for target in case.targets],
        window=window,
        words=[case.modality, case.name],
    )
    return len(case.targets)


def read_cases(folder: Path) -> list[Case]:
    """The cases of a lesson."""
    from volsweep.train.data.case import Case, find_targets

    cases = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as held:
            z, y, x = (float(mm) for mm in held["spacing_zyx_mm"])
            modality, name = (str(word) for word in held["words"])
            center, width = (float(value) for value in held["window"])
            labels_zyx = held["labels_zyx"]
            cases.append(
                Case(
                    image_zyx=held["image_zyx"],
                    labels_zyx=labels_zyx,
                    spacing_zyx_mm=(z, y, x),
                    modality=modality,
                    targets=find_targets(labels_zyx, [int(value) for value in held["values"]]),
                    name=name,
                    window=None if np.isnan(width) else Window(center, width),
                )
            )
    return cases


def ask(folder: Path, **asked: str | int | None) -> None:
    """Say what a lesson is to lead to: `model` (an id or a path), `output`, `name`, `device`, `steps`."""
    (folder / _ASKED).write_text(json.dumps(asked), encoding="utf-8")


def main(folder: Path) -> int:
    """Carry out a lesson: a line of JSON for each step, and one for what came of it."""
    from volsweep.engine.network.device import leave_a_core
    from volsweep.models import find_model
    from volsweep.train.learn import tune

    if hasattr(os, "nice"):
        os.nice(_NICE)
    leave_a_core()
    try:
        asked: Mapping[str, Any] = json.loads((folder / _ASKED).read_text(encoding="utf-8"))
        found = tune(
            find_model(asked["model"]),
            read_cases(folder),
            asked["output"],
            name=asked["name"],
            steps=asked.get("steps"),
            device=asked["device"],
            on_progress=lambda at: _tell(step=at.step, steps=at.steps),
        )
    except VolsweepError as error:
        _tell(error=str(error))
        return 1
    _tell(weights=str(found.weights))
    return 0


def _tell(**said: str | int) -> None:
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
