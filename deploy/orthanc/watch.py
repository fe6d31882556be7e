"""Follows an Orthanc: what a reader draws on one slice and stores there comes back swept through the volume.

An RTSTRUCT that has become stable is fetched with the image series of its study, made into a manifest, run as a batch,
and what comes out (DICOM SEG, or RTSTRUCT) is stored beside it. It speaks Orthanc's REST alone and needs Volsweep on
the path and Python's own library:

    ORTHANC_USER=volsweep ORTHANC_PASSWORD=... python watch.py http://127.0.0.1:8042 /var/lib/volsweep

The folder holds what is known between two runs (where in Orthanc's changes it is, and what it stored itself, which it
does not take for a reader's). Each job's files are removed when it is done. The log tells Orthanc's own identifiers
and nothing of a patient.
"""

from __future__ import annotations

import argparse
import base64
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

IMAGES = ("CT", "MR", "PT", "NM")
FORMATS = ("seg.dcm", "rtstruct.dcm")
_TIMEOUT_S, _MOST_CHANGES = 120, 100


class Orthanc:
    """An Orthanc, by its REST API."""

    def __init__(self, url: str, user: str, password: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise SystemExit(f"{url!r} is no address of an Orthanc; give http://127.0.0.1:8042")
        self._url = url.rstrip("/")
        key = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {key}"} if user else {}

    def read(self, path: str) -> bytes:
        """Bytes at a path."""
        return self._ask(urllib.request.Request(self._url + path, headers=self._headers))

    def get(self, path: str) -> Any:
        """JSON at a path."""
        return json.loads(self.read(path))

    def store(self, content: bytes) -> Any:
        """Store an instance."""
        headers = {**self._headers, "Content-Type": "application/dicom"}
        return json.loads(self._ask(urllib.request.Request(f"{self._url}/instances", content, headers)))

    def _ask(self, request: urllib.request.Request) -> bytes:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            return bytes(answer.read())


class Watch:
    """Goes through an Orthanc's changes, one after the other, and remembers how far it came."""

    def __init__(self, orthanc: Orthanc, folder: Path, written: str, device: str) -> None:
        self._orthanc, self._folder, self._format, self._device = orthanc, folder, written, device
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = folder / "state.json"
        state = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._last, self._own = int(state.get("last", 0)), set(state.get("own", []))

    def once(self) -> int:
        """Do what there is to do; how many drawings were swept."""
        swept = 0
        while True:
            told = self._orthanc.get(f"/changes?since={self._last}&limit={_MOST_CHANGES}")
            for change in told["Changes"]:
                if change["ChangeType"] == "StableSeries" and change["ID"] not in self._own:
                    swept += self._look_at(change["ID"])
                self._remember(int(change["Seq"]))
            if told["Done"]:
                self._remember(int(told["Last"]))
                return swept

    def _remember(self, last: int) -> None:
        self._last = max(self._last, last)
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps({"last": self._last, "own": sorted(self._own)}))
        new.replace(self._file)

    def _look_at(self, series: str) -> int:
        try:
            about = self._orthanc.get(f"/series/{series}")
            if about["MainDicomTags"].get("Modality") != "RTSTRUCT":
                return 0
            say(f"series {series}: drawn on, sweeping")
            count = self._sweep(series, about["ParentStudy"])
        except subprocess.CalledProcessError as error:
            say(f"series {series}: volsweep ended with code {error.returncode}; it is passed over")
            return 0
        except (OSError, ValueError, KeyError) as error:
            say(f"series {series}: {type(error).__name__}; it is passed over")
            return 0
        say(f"series {series}: {count} results stored")
        return 1

    def _sweep(self, drawn: str, study: str) -> int:
        work = Path(tempfile.mkdtemp(prefix="job-", dir=self._folder))
        try:
            for series in self._orthanc.get(f"/studies/{study}")["Series"]:
                about = self._orthanc.get(f"/series/{series}")
                if series == drawn or about["MainDicomTags"].get("Modality") in IMAGES:
                    self._fetch(series, about["Instances"], work / "dicom")
            return self._run(work)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _fetch(self, series: str, instances: list[str], folder: Path) -> None:
        (folder / series).mkdir(parents=True)
        for number, instance in enumerate(instances):
            (folder / series / f"{number}.dcm").write_bytes(self._orthanc.read(f"/instances/{instance}/file"))

    def _run(self, work: Path) -> int:
        manifest, results = work / "manifest.csv", work / "results"
        volsweep("batch", "make", str(work / "dicom"), "-o", str(manifest))
        with manifest.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        with manifest.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, [*rows[0], "format"])
            writer.writeheader()
            writer.writerows({**row, "format": self._format} for row in rows)
        volsweep("batch", "run", str(manifest), "-o", str(results), "--device", self._device, "--quiet")
        found = sorted((results / "series").glob(f"*/*.{self._format}"))
        for path in found:
            told = self._orthanc.store(path.read_bytes())
            self._own.add(told["ParentSeries"])
            self._remember(self._last)
        return len(found)


def volsweep(*words: str) -> None:
    """Run the command line; what it says may name patients, and goes nowhere."""
    command = [shutil.which("volsweep") or "volsweep", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def say(text: str) -> None:
    """A line of the log."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Follow until someone ends it."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("url", help="of the Orthanc, http://127.0.0.1:8042")
    words.add_argument("folder", type=Path, help="its own; made where it is not there")
    words.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="of what is stored")
    words.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    words.add_argument("--every", type=float, default=5.0, metavar="S", help="seconds between two looks")
    words.add_argument("--once", action="store_true", help="do what there is to do, and leave")
    given = words.parse_args()
    orthanc = Orthanc(given.url, os.environ.get("ORTHANC_USER", ""), os.environ.get("ORTHANC_PASSWORD", ""))
    watch = Watch(orthanc, given.folder, given.format, given.device)
    while True:
        try:
            watch.once()
        except (OSError, ValueError, KeyError) as error:
            say(f"Orthanc cannot be asked ({type(error).__name__}); trying again")
            if given.once:
                raise SystemExit(1) from None
        if given.once:
            return
        time.sleep(given.every)


if __name__ == "__main__":
    main()
