"""What a server adds to the engine: a preview and the first slice of a sweep, here and over loopback.

    python benchmarks/serve.py            the CT phantom, the bundled network
    python benchmarks/serve.py --rounds 40

Promised: at most 30 ms more for a preview, at most 100 ms for a sweep's first slice (medians). Beside what the clock
says stands the processor time of all threads, server and client included. Beside a busy network neither shows what
the server adds; so the same box is taken back and done again, which the engine answers from memory: the rest is the
server's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from scene import save

from volsweep.io import read_volume
from volsweep.remote.wire import PREFIX, unpack
from volsweep.serve.app import server_of
from volsweep.serve.options import Options, folders_named
from volsweep.session.session import Session

BOX, SLICE = (55, 98, 86, 126), 20
PREVIEW_MS, FIRST_MS = 30.0, 100.0
LOOKING_S = 0.5


@contextmanager
def serving(port: int) -> Iterator[tuple[requests.Session, str]]:
    options = Options(folders_named([]), port=port, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        server = server_of(options, Path(folder) / "served")
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        http = requests.Session()
        http.trust_env = False
        http.headers["authorization"] = f"Bearer {options.token}"
        yield http, f"http://127.0.0.1:{port}{PREFIX}"
        server.should_exit = True
        thread.join(20)


def box(number: int) -> list[int]:
    """Another box each time: nothing is answered from memory."""
    return [BOX[0] - number % 5, BOX[1] - number // 5 % 5, BOX[2] + number % 4, BOX[3] + number // 25 % 5]


def timed(do: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the clock, and of processor time."""
    started, worked = time.perf_counter(), time.process_time()
    do()
    return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - worked)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--rounds", type=int, default=20)
    words.add_argument("--port", type=int, default=8791)
    words.add_argument("--json", type=Path)
    given = words.parse_args()
    here = Session(read_volume("sample:ct_phantom"), device="cpu")
    kinds = ("preview", "again", "click", "first")
    names = tuple(f"{kind} {where}" for kind in kinds for where in ("here", "served"))
    rows: dict[str, list[float]] = {name: [] for name in names}
    work: dict[str, list[float]] = {name: [] for name in names}
    with serving(given.port) as (http, url):
        asked = {"where": {"folder": "samples", "path": "ct_phantom"}}
        session = f"{url}/sessions/{http.post(f'{url}/sessions', json=asked).json()['id']}"

        def prompt_here(number: int) -> None:
            here.add_box(label=1, slice=SLICE, box_xyxy=box(number))
            here.label_slice(SLICE)

        def prompt_there(number: int) -> None:
            prompt = {"kind": "box", "label": 1, "plane": "axial", "slice": SLICE, "box_xyxy": box(number)}
            action = {"action": "add_prompts", "prompts": [prompt]}
            act(action)

        def act(action: dict[str, Any]) -> None:
            assert http.post(f"{session}/actions", json={"action": action}).status_code == 200

        def click_here(number: int) -> None:
            here.add_point(label=1, point_zyx=(SLICE, 105 + number % 10, 62 + number // 10 % 10), positive=False)
            here.label_slice(SLICE)

        def click_there(number: int) -> None:
            at = [62 + number // 10 % 10, 105 + number % 10]
            prompt = {"kind": "point", "label": 1, "plane": "axial", "slice": SLICE, "point_xy": at, "positive": False}
            act({"action": "add_prompts", "prompts": [prompt]})

        def again_here() -> None:
            here.redo()
            here.label_slice(SLICE)

        def first_here() -> None:
            steps = here.steps(labels=[1])
            next(steps)
            steps.close()

        def first_there() -> None:
            with http.post(f"{session}/sweep", json={"labels": [1]}, stream=True) as answer:
                next(unpack(answer.iter_content(None)))

        for number in range(given.rounds + 2):
            found = [timed(lambda n=number: prompt_here(n)), timed(lambda n=number: prompt_there(n))]
            here.undo()
            act({"action": "undo"})
            found += [timed(again_here), timed(lambda: act({"action": "redo"}))]
            here.get_ready()
            time.sleep(LOOKING_S)
            found += [timed(lambda n=number: click_here(n)), timed(lambda n=number: click_there(n))]
            found += [timed(first_here), timed(first_there)]
            if number >= 2:  # the first ones load and warm up
                for name, (value, worked) in zip(names, found, strict=True):
                    rows[name].append(value)
                    work[name].append(worked)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    medians = {name: statistics.median(values) for name, values in rows.items()}
    for name, value in medians.items():
        print(
            f"{name:14} {value:7.1f} ms (median of {given.rounds}; most {max(rows[name]):.1f}), "
            f"{statistics.median(work[name]):.1f} of CPU"
        )
    more = medians["again served"] - medians["again here"]
    first = medians["first served"] - medians["first here"]
    of_cpu = statistics.median(work["again served"]) - statistics.median(work["again here"])
    print(f"the server adds {more:.1f} ms to a preview (at most {PREVIEW_MS:g} are promised), {of_cpu:.1f} ms of CPU")
    print(f"and {first:.1f} ms to a sweep's first slice (at most {FIRST_MS:g})")
    told = {"preview_adds_ms": more, "preview_adds_cpu_ms": of_cpu, "first_slice_adds_ms": first}
    save({"medians_ms": medians, **told}, given.json)


if __name__ == "__main__":
    main()
