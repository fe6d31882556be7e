"""Tasks on a Dask cluster: an existing scheduler, or a cluster object such as one of dask-jobqueue."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any

from volsweep.batch.tasks import Result, Task, record_failure, run_task
from volsweep.errors import BatchError

_TIMEOUT_S = 20
# Enough for a cluster that grows with its queue to see that there is work.
_LEAST_QUEUED = 32


class DaskCluster:
    """Tasks sent to the workers of a Dask scheduler.

    The workers must see the manifest's files and the output folder under the same paths, and
    have Volsweep installed. A task whose worker dies is given to another one, as often as the
    scheduler allows (``distributed.scheduler.allowed-failures``).

    Parameters
    ----------
    scheduler
        Address such as ``tcp://host:8786``, or a cluster object.
    resources
        What a task takes of the resources its worker was started with, such as ``{"GPU": 1}``.
    """

    def __init__(self, scheduler: Any, resources: dict[str, float] | None = None) -> None:
        self.scheduler = scheduler
        self.resources = resources or {}

    def __call__(self, tasks: Iterator[Task]) -> Generator[Result, None, None]:
        """Run tasks; when the generator is closed, what is queued is called back."""
        client = self._connect()
        running: dict[Any, Task] = {}
        try:
            from distributed import as_completed

            finished = as_completed(loop=client.loop)
            self._top_up(client, tasks, running, finished)
            for future in finished:
                task = running.pop(future)
                yield _result_of(future, task)
                self._top_up(client, tasks, running, finished)
        except (OSError, CancelledError):
            # Client-side futures are cancelled when the scheduler is gone.
            raise BatchError(
                'the connection to the Dask scheduler was lost; redo="resume" goes on from there'
            ) from None
        finally:
            with suppress(OSError, CancelledError):
                client.cancel(list(running))
            client.close()

    def _connect(self) -> Any:
        try:
            from distributed import Client
        except ImportError:
            raise BatchError("Dask is not installed; install it with: pip install 'napari-volsweep[batch]'") from None
        for name in ("distributed.client", "distributed.utils"):
            # They tell with tracebacks what is raised here as a sentence.
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            return Client(self.scheduler, timeout=_TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise BatchError(f"there is no Dask scheduler at {self.scheduler} ({error})") from None

    def _top_up(self, client: Any, tasks: Iterator[Task], running: dict[Any, Task], finished: Any) -> None:
        """Keep a few tasks queued for every thread of the cluster, however large it is by now."""
        threads = sum(client.nthreads().values())
        while len(running) < max(_LEAST_QUEUED, 3 * threads):
            task = next(tasks, None)
            if task is None:
                return
            future = client.submit(run_task, task, pure=False, resources=self.resources)
            running[future] = task
            finished.add(future)


def _result_of(future: Any, task: Task) -> Result:
    from distributed import KilledWorker

    try:
        result: Result = future.result()
    except KilledWorker as error:
        return record_failure(
            task, f"{error.allowed_failures + 1} Dask workers died while they ran this series; it may need more memory"
        )
    except (OSError, CancelledError):
        raise  # the connection, not the series: its result may be on the disk
    except Exception as error:  # a worker of another version, a task that could not be sent
        return record_failure(task, f"Dask could not run this series ({type(error).__name__})")
    return result
