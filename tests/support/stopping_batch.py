"""`volsweep batch run` on an engine of arithmetic, which gets no further than some series: to be ended there.

python -m support.stopping_batch ARGUMENTS: what the N-th series of a process (`SERIES` of the environment) comes to is
written and has not got its name yet when the process stops itself, or, being a worker, does nothing more. Who started
it waits for that, and looks for no moment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing import parent_process
from pathlib import Path

import pytest
from support.tiny_engine import TinySession

from volsweep.io.writing import WholeFolder

TESTS = Path(__file__).resolve().parents[1]
SERIES = "STOPPING_BATCH_SERIES"


def started(series: int, *arguments: object) -> subprocess.Popen[str]:
    """Run a batch in a process of its own, as far as its or its workers' `series`-th."""
    found = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", "support.stopping_batch", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(found), SERIES: str(series)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listen_to_interrupts,
    )


def listen_to_interrupts() -> None:
    """What runs in the background of a shell ignores Ctrl-C, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def killed_in_the_middle(series: int, *arguments: object) -> None:
    """Run a batch in a process of its own, and kill it when it stops in that series."""
    process = started(series, *arguments)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), process.stderr.read()
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def on_an_abacus(patch: pytest.MonkeyPatch) -> None:
    """Have batches of this process run on arithmetic, and not ask torch in what this machine multiplies."""
    patch.setattr("volsweep.job.run.Session", TinySession)
    patch.setattr("volsweep.batch.tasks.arithmetic", lambda _: TinySession._arithmetic(TinySession))


def prepare() -> None:
    """What runs in that process and in its workers."""

    publish, seen = WholeFolder.publish, []

    def publish_or_stop(folder: WholeFolder) -> None:
        seen.append(folder)
        while len(seen) == int(os.environ[SERIES]):
            if parent_process() is None:
                os.kill(os.getpid(), signal.SIGSTOP)
            signal.pause()
        publish(folder)

    WholeFolder.publish = publish_or_stop
    on_an_abacus(pytest.MonkeyPatch())


if __name__ in ("__main__", "__mp_main__"):
    prepare()
if __name__ == "__main__":
    from volsweep.cli import main

    main()
