"""Many series from one manifest: one task each, on this machine or a cluster, resumable after any crash.

>>> from pathlib import Path
>>> from volsweep.batch import LocalWorkers, Options, Places, Redo, run_batch
>>> places, options = Places(Path("manifest.csv")), Options(Path("results"), Redo.RESUME)
>>> tally = run_batch(places, options, LocalWorkers(2))                     # doctest: +SKIP
"""

from volsweep.batch.checks import Places, problems_of
from volsweep.batch.dask_cluster import DaskCluster
from volsweep.batch.executors import Executor, LocalWorkers, in_process
from volsweep.batch.manifest import Entry, Row, read_manifest
from volsweep.batch.record import Record, read_record
from volsweep.batch.runner import Options, Tally, merge, run_batch
from volsweep.batch.series_index import SeriesIndex
from volsweep.batch.shard import Shard
from volsweep.batch.tasks import Redo, Result, Task

__all__ = [
    "DaskCluster",
    "Entry",
    "Executor",
    "LocalWorkers",
    "Options",
    "Places",
    "Record",
    "Redo",
    "Result",
    "Row",
    "SeriesIndex",
    "Shard",
    "Tally",
    "Task",
    "in_process",
    "merge",
    "problems_of",
    "read_manifest",
    "read_record",
    "run_batch",
]
