"""`volsweep batch run` on an engine of arithmetic, which stops in the middle of a series: to be killed there.

python -m support.stopping_batch N ARGUMENTS: what the N-th series comes to is written and has not got its name yet when
the process stops itself. Who started it waits for that, and looks for no moment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def killed_in_the_middle(series: int, *arguments: object) -> None:
    """Run a batch in a process of its own, and kill it when it stops in that series."""
    command = [sys.executable, "-m", "support.stopping_batch", str(series), *map(str, arguments)]
    found = [str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": os.pathsep.join(found)}, stderr=subprocess.PIPE, text=True
    )
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), process.stderr.read()
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def main() -> None:
    """What runs in that process."""
    from support.tiny_engine import TinySession

    import volsweep.job.run
    from volsweep.cli import main as command
    from volsweep.io.writing import WholeFolder

    stop_at, publish, seen = int(sys.argv.pop(1)), WholeFolder.publish, []

    def publish_or_stop(folder: WholeFolder) -> None:
        seen.append(folder)
        if len(seen) == stop_at:
            os.kill(os.getpid(), signal.SIGSTOP)
        publish(folder)

    volsweep.job.run.Session, WholeFolder.publish = TinySession, publish_or_stop
    command()


if __name__ == "__main__":
    main()
