"""From "Next" in a worklist to the first mask of the next case, in the real window, with and without encoding it ahead.

QT_API=pyside6 xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/next_case.py [--random sam2.1-tiny]

The reader looks at each case for `--looking` seconds, presses *Next* and draws a box on the slice that it opens on.
Also how long a box on the open case takes while the next one is encoded as fast as it can be, and while nothing is.
Random weights draw nonsense and take as long as any.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from scene import print_table, rest, save

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
CASES = Path(os.environ.get("VOLSWEEP_CASES", HERE.parents[1] / "shared" / "cases")).absolute()
LIST = (
    "nodule/LIDC-IDRI-0015_pnod1", "heart/SC-HF-I-6_ED", "leftatrium/1D7CUD19", "prostate/AR-nifti",
    "lungtumour/LUNG1-002", "glioma/brats21_01483_flair", "mslesion/ljlong_p12_s1_l10",
)  # fmt: skip
BOXES = 4
"""On the open case, each on a slice of its own."""


def main() -> None:
    """Work through the list twice a way, in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", help="a registered model's architecture, with random weights")
    parser.add_argument("--image-size", type=int, default=512)
    parser.add_argument("--looking", type=float, default=20.0)
    parser.add_argument("--cases", type=int, default=len(LIST))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ.setdefault("QT_API", "pyside6")
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"VOLSWEEP_DATA": folder, "NAPARI_CONFIG": str(Path(folder) / "napari.yaml")}
        model = None
        if arguments.random:
            model = str(random_model(arguments.random, arguments.image_size, Path(folder)))
        rows = Reader(Path(folder), model, arguments).work()
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    save({"rows": rows}, arguments.json)


def random_model(name: str, image_size: int, folder: Path) -> Path:
    """A model file of random weights, with its yaml beside it."""
    from volsweep.engine.network.build import build
    from volsweep.models import find_model

    torch.manual_seed(0)
    path = folder / "random.safetensors"
    text = find_model(name).config_path.read_text()
    path.with_suffix(".yaml").write_text(text.replace("image_size: 1024", f"image_size: {image_size}"))
    net = build(path.with_suffix(".yaml"))
    save_file({key: value.contiguous() for key, value in net.sam2.state_dict().items()}, path)
    return path


class Reader:
    """One window and who works it."""

    def __init__(self, folder: Path, model: str | None, arguments: argparse.Namespace) -> None:
        from support.napari_window import Window

        self.window = Window((1600, 1000))
        self.list = self.window.widget.worklist
        self.folder, self.model = folder, model
        self.cases, self.looking = LIST[: arguments.cases], arguments.looking
        self.encode_ahead = self.list.ahead._encode
        self.drawn_at = 0.0
        self.window.controller.redrawn.connect(self._on_redrawn)

    def work(self) -> list[dict[str, Any]]:
        """A table: seconds, median and worst."""
        found: dict[tuple[str, str], list[float]] = {}
        for way in ("without", "with", "without", "with"):
            self.list.ahead._encode = self.encode_ahead if way == "with" else lambda *_: None
            nexts, boxes = self._through()
            found.setdefault(("Next to the first mask", way), []).extend(nexts)
            found.setdefault(("a box meanwhile", way), []).extend(boxes)
        return [
            {
                "what": what,
                "encoded ahead": way,
                "median (s)": round(statistics.median(each), 2),
                "worst (s)": round(max(each), 2),
                "n": len(each),
            }
            for (what, way), each in found.items()
        ]

    def _through(self) -> tuple[list[float], list[float]]:
        """The list from its first case to its last."""
        from volsweep.napari.window.beside import encoded
        from volsweep.worklist import Case, Task, Worklist, write_worklist

        path = Path(tempfile.mkdtemp(dir=self.folder)) / "list.json"
        series = [str(CASES / "dev" / case / "image.nii.gz") for case in self.cases]
        cases = tuple(Case(name=Path(s).parent.name, series=s) for s in series)
        write_worklist(path, Worklist(task=Task(model=self.model), cases=cases))
        self.list.begin(path, "AB")
        self._opened(cases[0].name)
        self._box(0)  # the network is loaded
        nexts, boxes = [], []
        for number, case in enumerate(cases[1:]):
            if number == 0:
                encoded.QUIET_S = 0.0  # as fast as it can be
                boxes = [self._box(away) for away in range(1, 1 + BOXES)]
                encoded.QUIET_S = 2.0
            rest(self.window, self.looking)
            began = time.perf_counter()
            self.list.next.click()
            self._opened(case.name)
            self._box(0)
            nexts.append(self.drawn_at - began)
        return nexts, boxes

    def _opened(self, name: str) -> None:
        def there() -> bool:
            volume = self.window.controller.volume
            working = self.list.working is not None and self.list.working.case.name == name
            return working and volume is not None and volume.source.path.parent.name == name and not self.list._opening

        self.window.until(there, 180)

    def _box(self, away: int) -> float:
        """A box in the middle of a slice near the one on the screen; seconds until its mask is painted."""
        from volsweep.prompts.kinds import Box

        controller = self.window.controller
        plane = controller.display.plane
        count, rows, columns = controller.volume.grid.plane_shape(plane)
        box = (columns * 0.4, rows * 0.4, columns * 0.6, rows * 0.6)
        began, self.drawn_at = time.perf_counter(), 0.0
        controller.tools.drawn(Box(label=1, plane=plane, slice=min(count // 2 + away, count - 1), box_xyxy=box))
        self.window.until(lambda: self.drawn_at > 0, 180)
        rest(self.window, 0.1)
        return self.drawn_at - began

    def _on_redrawn(self, _: object) -> None:
        self.drawn_at = time.perf_counter()


if __name__ == "__main__":
    main()
