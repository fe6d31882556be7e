"""Whatever it is given, Volsweep answers with a result or a sentence: no traceback, hang, flood or stray file."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from support.mutations import Seeds, make_seeds, mutate

pytestmark = pytest.mark.long

IN_THE_SUITE, PARTS = 240, 4
NIGHTLY = 10_000
SECONDS = 10
"""Of the processor, which a busy machine does not take away."""
PATIENCE = 12
"""Times as long on the clock: what waits for something that never comes uses no processor."""
MEGABYTES = 2048


class Victim:
    """The process that reads; a new one whenever it hangs or dies."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def run(self, kind: str, path: Path, series: Path, out: Path) -> str:
        process = self.process or self.start()
        assert process.stdin is not None
        process.stdin.write(json.dumps([kind, str(path), str(series), str(out)]) + "\n")
        process.stdin.flush()
        return str(json.loads(answer)) if (answer := self._line(process, SECONDS)) else self._stop()

    def start(self) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("victim.py")), str(MEGABYTES)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip
        assert self._line(self.process, 60).strip() == "ready"
        return self.process

    def _line(self, process: subprocess.Popen[str], seconds: float) -> str:
        """Next line, or nothing where it does not come in so many seconds of the processor."""
        assert process.stdout is not None
        used, began = _processor(process), time.monotonic()
        while _processor(process) - used < seconds and time.monotonic() - began < PATIENCE * seconds:
            if select.select([process.stdout], [], [], min(seconds / 4, 1))[0]:
                return process.stdout.readline()
        return ""

    def _stop(self) -> str:
        assert self.process is not None
        code = self.process.poll()
        self.close()
        return f"hung for {SECONDS} s" if code is None else f"died with {code}"

    def close(self) -> None:
        if self.process is not None:
            with self.process as dying:  # closes its pipes
                dying.kill()
        self.process = None


def _processor(process: subprocess.Popen[str]) -> float:
    """Seconds of the processor that a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> Seeds:
    return make_seeds(tmp_path_factory.mktemp("seeds"))


@pytest.fixture(scope="module")
def victim():
    started = Victim()
    yield started
    started.close()


def attack(numbers: range, seeds: Seeds, victim: Victim, folder: Path) -> None:
    ended: Counter[tuple[str, str]] = Counter()
    wrong = {}
    for number in numbers:
        ground, out = folder / "in", folder / "out"
        ground.mkdir()
        out.mkdir()
        kind, path = mutate(number, seeds, ground)
        how = victim.run(kind, path, seeds.root / "series", out)
        ended[kind, how if how in ("result", "refused") else "wrong"] += 1
        if how not in ("result", "refused"):
            wrong[number, kind] = how
        strays = {p.name for p in folder.iterdir()} - {"in", "out"} | {p.name for p in out.glob(".volsweep-*")}
        if strays or list(Path("/tmp").glob("escaped-*")):
            wrong[number, kind] = f"files elsewhere: {strays}"
        shutil.rmtree(ground)
        shutil.rmtree(out)
    print(dict(sorted(ended.items())))
    first = list(wrong.items())[:5]
    summary = "\n".join(f"input {number} ({kind}): {how.strip()[-1500:]}" for (number, kind), how in first)
    assert not wrong, f"{len(wrong)} of {len(numbers)} inputs ended badly:\n{summary}"
    # A harness in which everything is refused, or nothing, tests nothing.
    for how in ("result", "refused"):
        assert sum(count for (_, ended_as), count in ended.items() if ended_as == how) > len(numbers) / 10, ended


@pytest.mark.parametrize("part", range(PARTS))
def test_hostile_input_ends_in_a_result_or_a_sentence(seeds, victim, tmp_path, part):
    share = IN_THE_SUITE // PARTS
    attack(range(part * share, (part + 1) * share), seeds, victim, tmp_path)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_ten_thousand_of_them(seeds, victim, tmp_path):
    attack(range(IN_THE_SUITE, IN_THE_SUITE + NIGHTLY), seeds, victim, tmp_path)


def test_the_harness_notices_a_hang_and_a_flood(tmp_path):
    """The limits are real: a process that sleeps or allocates does not pass."""
    code = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)); bytearray(2**31)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode != 0
    sleeper = Victim()
    sleeper.process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert sleeper._line(sleeper.process, 0.05) == ""
    assert sleeper._stop().startswith("hung")
    sleeper.process = subprocess.Popen(
        [sys.executable, "-c", "while True: pass"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert sleeper._line(sleeper.process, 0.4) == ""
    assert sleeper._stop().startswith("hung")
