"""A reader's day: twelve cases of ../shared/cases worked through a worklist in the real window, with a picture of each.

QT_API=pyside6 xvfb-run -a -s "-screen 0 1600x1000x24" python benchmarks/worklist_day.py --pictures FOLDER

AB draws the truth's box on its largest slice, sweeps and accepts; one case is skipped with a reason and taken up again,
one is rejected, one is held by another reader on the same share meanwhile. CD then reads three cases a second time,
blind to AB. What is written is held against the truth, and against what the list says of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from scene import print_table, rest, save

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
CASES = Path(os.environ.get("VOLSWEEP_CASES", HERE.parents[1] / "shared" / "cases")).absolute()
DAY = (
    "sarcoma/sts_001_ct", "sarcoma/sts_001_pet", "nodule/LIDC-IDRI-0015_pnod1", "heart/SC-HF-I-6_ED",
    "leftatrium/1D7CUD19", "prostate/AR-nifti", "breast/pyradiomics-breast1", "lungtumour/LUNG1-002",
    "glioma/brats21_01483_flair", "mslesion/ljlong_p12_s1_l10", "stroke/atlas_r001s004", "vertebra/vb1_10",
)  # fmt: skip
AGAIN = DAY[3:6]
"""Read a second time."""
HOLDER = """
import sys, time
from pathlib import Path
from volsweep.worklist import Progress, read_worklist
path = Path(sys.argv[1])
working = Progress(path, read_worklist(path)).begin(sys.argv[2], "EF")
print("held", flush=True)
time.sleep(3600)
"""
"""Another reader's program, on the same share."""


def main() -> None:
    """Work through the day, then read a part of it again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=Path, default=Path("runs") / "worklist_day")
    parser.add_argument("--cases", type=int, default=len(DAY), help="the first so many; at least 5")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arguments.pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("QT_API", "pyside6")
        os.environ |= {"VOLSWEEP_DATA": folder, "NAPARI_CONFIG": str(Path(folder) / "napari.yaml")}
        rows = Day(Path(folder), arguments.pictures, DAY[: arguments.cases]).work()
    print_table(list(rows[0]), [list(row.values()) for row in rows])
    save({"cases": rows}, arguments.json)


class Day:
    """The window, the list, and where pictures go.

    Parameters
    ----------
    folder
        For the lists.
    pictures
        For what is seen.
    cases
        Their paths below ``dev``.
    """

    def __init__(self, folder: Path, pictures: Path, cases: tuple[str, ...]) -> None:
        from support.napari_window import Window

        self.folder, self.pictures, self.cases = folder, pictures, cases
        self.window = Window((1600, 1000))
        self.list = self.window.widget.worklist
        self.rows: list[dict[str, Any]] = []

    def work(self) -> list[dict[str, Any]]:
        """The day, and what came of each case."""
        from volsweep.napari.canvas.layers import is_volume

        path = self._listed("day.json", self.cases, readings=1, due=self.cases[2])
        held, rejected, skipped = (name_of(self.cases[i]) for i in (1, 3, 4))
        with self._held_elsewhere(path, held):
            self.list.begin(path, "AB")
            self._opened(name_of(self.cases[2]), "what is due comes first")
            self._draw_and_accept("AB")
            self._opened(name_of(self.cases[0]), "then the order of the list")
            self._draw_and_accept("AB")
            self._opened(rejected, "what another reader holds is passed over")
            self._answer("the patient moved", self.list.reject)
            self._opened(skipped, "after a rejected case comes the next")
            self._draw()
            self._answer("ask Dr. B", self.list.skip)
            after = self.list.working.case.name
            self.list.previous.click()
            self._opened(skipped, "the one before, with what was drawn of it")
            self.window.until(lambda: 1 in self.window.controller.opened.sizes)
            self._picture("previous")
            assert len(list(filter(is_volume, self.window.viewer.layers))) == 1, "cases pile up in the window"
            self.list.next.click()
            self._opened(after, "and back")
            while self.list.working is not None and self.list.working.case.name != skipped:
                self._draw_and_accept("AB")
                self.window.until(lambda: not self.list._opening and self.window.controller.is_idle, 120)
        if self.list.working is not None:
            self._opened(skipped, "skipped cases come last")
            self._draw_and_accept("AB", drawn=True)
        self.list.search.setText(held)
        self._picture("search")
        self.list.search.setText("")
        self.list.open_case(held)
        self._opened(held, "the other reader's program has ended, and its lock with it")
        self._draw_and_accept("AB")
        self.window.until(lambda: self.list.working is None)
        self._picture("done")
        self._check(path, {rejected: "rejected"})
        self._second_reading()
        return self.rows

    def _second_reading(self) -> None:
        """Two readers, blind to each other."""
        path = self._listed("second.json", AGAIN, readings=2)
        for reader in ("AB", "CD"):
            self.list.begin(path, reader)
            for case in AGAIN:
                self._opened(name_of(case), f"{reader} reads it, whatever the other made of it")
                shown = [self.list.cases.item(i).text() for i in range(self.list.cases.count())]
                here = shown[[name_of(c) for c in AGAIN].index(name_of(case))]
                assert here == name_of(case), f"{reader} is shown {here!r}"
                assert not self.window.controller.state.prompts, f"{reader} is shown another's drawing"
                self._draw_and_accept(reader)
            self.window.until(lambda: self.list.working is None)
        told = subprocess.run(
            [sys.executable, "-m", "volsweep", "agreement", str(path), "--json"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for row in json.loads(told)["rows"]:
            assert {row["first"], row["second"]} == {"AB", "CD"}
            assert row["dsc"] > 0.9, "both drew the same box"

    # --- one case ----------------------------------------------------------------------------

    def _opened(self, name: str, why: str) -> None:
        window, began = self.window, time.perf_counter()

        def there() -> bool:
            volume = window.controller.volume
            working = self.list.working is not None and self.list.working.case.name == name
            return working and volume is not None and volume.source.path.parent.name == name and not self.list._opening

        window.until(there, 180)
        window.idle()
        print(f"{name}: {why} ({time.perf_counter() - began:.1f} s)", flush=True)

    def _draw(self) -> None:
        """The truth's box on its largest slice, with the mouse; then sweep."""
        from qtpy.QtCore import Qt

        window, truth = self.window, self._truth()
        index = int(truth.sum(axis=(1, 2)).argmax())
        ys, xs = np.nonzero(truth[index])
        window.controller.display.go_to(index)
        rest(window, 0.2)
        for _ in range(3):  # on a busy machine the canvas may miss a drag, as it may miss a reader's
            window.key(Qt.Key.Key_B)
            window.drag((index, ys.min() - 0.3, xs.min() - 0.3), (index, ys.max() + 0.3, xs.max() + 0.3))
            rest(window, 1.0)
            if window.controller.state.prompts:
                break
        window.until(lambda: bool(window.controller.state.prompts), 60)
        window.idle()
        window.key(Qt.Key.Key_S)
        window.until(lambda: not window.controller.sweeping and window.controller.is_idle, 300)
        window.until(lambda: 1 in window.controller.opened.sizes, 60)

    def _draw_and_accept(self, reader: str, *, drawn: bool = False) -> None:
        working, began, name = self.list.working, time.perf_counter(), self.list.working.case.name
        if drawn:
            self.window.until(lambda: 1 in self.window.controller.opened.sizes, 120)
        else:
            self._draw()
        truth = self._truth()
        self._picture(f"{reader}_{name}")
        self.list.accept.click()
        self.window.until(lambda: self.list.working is not working, 120)
        reading = self.list.progress.of(name, reader)
        from volsweep.io import read_labels

        found = read_labels(self.list.progress.folder / name / reading.labels).mask_zyx(1)
        dsc = 2 * (found & truth).sum() / (found.sum() + truth.sum())
        self.rows.append(
            {
                "case": name,
                "reader": reader,
                "seconds": round(time.perf_counter() - began, 1),
                "DSC": round(float(dsc), 3),
            }
        )

    def _truth(self) -> np.ndarray:
        from volsweep.io import read_labels

        path = Path(self.list.working.case.series)
        labels = read_labels(path.with_name("label.nii.gz"))
        return labels.mask_zyx(labels.values()[0])

    def _answer(self, text: str, button: Any) -> None:
        """Press a button that asks why, and answer in its dialog."""
        from qtpy.QtCore import QTimer
        from qtpy.QtWidgets import QApplication, QInputDialog

        def type_it() -> None:
            dialog = QApplication.activeModalWidget()
            assert isinstance(dialog, QInputDialog)
            dialog.setTextValue(text)
            dialog.grab().save(str(self.pictures / f"why_{button.text().strip('…').lower()}.png"))
            dialog.accept()

        name = self.list.working.case.name
        QTimer.singleShot(300, type_it)
        button.click()
        self.window.until(lambda: self.list.working is None or self.list.working.case.name != name, 60)
        self.window.until(lambda: not self.list._opening and self.window.controller.is_idle, 120)

    def _picture(self, name: str) -> None:
        rest(self.window, 0.3)
        self.window.main.grab().save(str(self.pictures / f"{len(self.rows):02d}_{name}.png"))
        self.list.grab().save(str(self.pictures / f"{len(self.rows):02d}_{name}_list.png"))

    # --- the list ----------------------------------------------------------------------------

    def _listed(self, file: str, cases: tuple[str, ...], readings: int, due: str = "") -> Path:
        from volsweep.worklist import Case, Task, Worklist, write_worklist
        from volsweep.worklist.listing import TaskLabel

        made = tuple(
            Case(
                name=name_of(case),
                series=str(CASES / "dev" / case / "image.nii.gz"),
                due="2026-12-01" if case == due else None,
            )
            for case in cases
        )
        task = Task(labels={1: TaskLabel(name="Lesion", color="#ffb000")}, measured=("Lesion",))
        write_worklist(self.folder / file, Worklist(readings=readings, task=task, cases=made))
        return self.folder / file

    @contextmanager
    def _held_elsewhere(self, path: Path, case: str) -> Iterator[None]:
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path), case], stdout=subprocess.PIPE, text=True)
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            yield
        finally:
            holder.kill()
            holder.wait()

    def _check(self, path: Path, others: dict[str, str]) -> None:
        """What the disk says of the day."""
        from volsweep.worklist import Progress, read_worklist

        progress = Progress(path, read_worklist(path))
        for case in self.cases:
            reading = progress.of(name_of(case), "AB")
            assert reading is not None
            assert reading.outcome == others.get(name_of(case), "accepted"), reading
            assert reading.seconds > 0
        assert not list(progress.waiting("AB"))


def name_of(case: str) -> str:
    """What a case is called: its folder."""
    return Path(case).name


if __name__ == "__main__":
    main()
