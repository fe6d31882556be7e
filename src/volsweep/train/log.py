"""What a run writes down of its steps."""

from __future__ import annotations

import csv
import time
from pathlib import Path

from volsweep.errors import OutputError, unwritten
from volsweep.io.writing import write_whole


class StepLog:
    """A CSV of one line per step; lines after the step that a run resumes from are dropped."""

    _COLUMNS = (
        "step", "time", "slices", "seconds", "loss", "dice", "cross_entropy", "focal", "volume", "iou",
        "score_present", "score_absent", "absent_mask", "features", "tracking_features", "branches", "dsc",
        "score_right_present", "score_right_absent", "body", "body_prompted", "body_entropy", "body_dsc",
        "refined", "refined_prompted", "refined_entropy", "clicked", "clicked_plane", "refined_dsc", "refiner_norm",
        "grad_norm", "body_norm", "skipped", "spread_0", "spread_1", "spread_2",
        "largest_branch", "smallest_spread", "lr",
    )  # fmt: skip

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        kept: list[str] = []
        if path.is_file():
            kept = [line for line in path.read_text().splitlines()[1:] if line and int(line.split(",")[0]) <= step]
        write_whole(path, "\n".join([",".join(self._COLUMNS), *kept]) + "\n", overwrite=True)
        self.slices = int(kept[-1].split(",")[2]) if kept else 0
        self._recent: list[tuple[float, int]] = [(time.monotonic(), self.slices)]

    @property
    def slices_per_s(self) -> float:
        """Over the last steps."""
        (t0, n0), (t1, n1) = self._recent[0], self._recent[-1]
        return (n1 - n0) / (t1 - t0) if t1 > t0 else 0.0

    def add(self, step: int, slices: int, values: dict[str, float]) -> None:
        """Write down a step and how many slices it showed."""
        self.slices += slices
        self._recent = [*self._recent[-30:], (time.monotonic(), self.slices)]
        row: dict[str, object] = {"step": step, "time": round(time.time(), 1), "slices": self.slices}
        row |= {name: f"{value:.5g}" for name, value in values.items()}
        try:
            with self.path.open("a", newline="") as handle:
                csv.writer(handle).writerow([row.get(name, "") for name in self._COLUMNS])
        except OSError as error:
            raise OutputError(unwritten(self.path, error)) from None
