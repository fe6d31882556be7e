"""Whatever the library hands out can be sent to another process, and copied."""

from __future__ import annotations

import copy
import dataclasses
import enum
import importlib
import inspect
import pickle
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel
from support.tiny_engine import TinySession

import volsweep
from volsweep import batch, evaluate, io, measurement, models, pacs, prompts
from volsweep.batch.fingerprint import Fingerprint
from volsweep.evaluate.metrics import Summary
from volsweep.io.overlaps import LabelledObject

PUBLIC = ("volsweep", "volsweep.io", "volsweep.prompts", "volsweep.batch", "volsweep.pacs", "volsweep.models")
FACES = (*PUBLIC, "volsweep.evaluate", "volsweep.measurement", "volsweep.errors")

LIVING = {batch.DaskCluster, batch.LocalWorkers, models.ResumingDownloader}
"""Hold workers, connections and callbacks: nothing to send."""


def exported() -> list[type]:
    """Every class in the public modules."""
    found: dict[type, None] = {}
    for name in FACES:
        module = importlib.import_module(name)
        names = getattr(module, "__all__", None) or [n for n in vars(module) if n.endswith("Error")]
        for each in (getattr(module, n) for n in names):
            if inspect.isclass(each) and each.__module__.startswith("volsweep") and each not in LIVING:
                found[each] = None
    return list(found)


def session() -> TinySession:
    grid = volsweep.Grid.axis_aligned((5, 10, 12), (3, 1, 1))
    made = TinySession(volsweep.Volume(np.zeros(grid.shape_zyx, np.int16), grid, "CT"), device="cpu")
    made.add_box(label=1, slice=2, box_xyxy=(3, 3, 7, 7))
    return made


def some() -> dict[type, Any]:
    """One of each, with something in it."""
    swept = session()
    (step, *_) = swept.sweep()
    labels, grid = swept.labels, swept.volume.grid
    measured = volsweep.measure(labels, swept.volume)[1]
    task = batch.Task("a", Path("a"), None, Path())
    record = batch.Record(name="a", status="done", inputs=Fingerprint(files=1, listing="l", times="t", content="c"))
    remote = pacs.RemoteSeries("1.2", "1.3")
    method, summary = evaluate.Method("m"), Summary(1, 0.5, (0.4, 0.6), 0.5, (0.4, 0.6))
    score = evaluate.Score("g", "c", 1, method, (0.5,), (0.5,), 0.5, 0, 0)
    given = (volsweep.Point(label=1, slice=2, point_xy=(3, 4)),)
    there = [
        volsweep.Box(label=1, slice=2, box_xyxy=(1, 2, 3, 4)),
        volsweep.Line(label=1, slice=2, line_xyxy=(1, 2, 3, 4)),
        volsweep.Mask.from_array(np.eye(5, dtype=bool), label=1, slice=2),
        *given,
        prompts.Extent(label=1, first=2),
        prompts.SideBox(plane="coronal", slice=2, box_xyxy=(1, 2, 3, 4)),
        prompts.Recist(label=1, slice=2, axes_xyxy=(1, 3, 5, 3, 3, 1, 3, 5)),
        prompts.Scribble(label=1, slice=2, path_xy=(1, 3, 5, 3), width=2),
        volsweep.PromptSet(given, {1: volsweep.Label("a", "#102030")}),
        volsweep.Job(Path("a"), Path("b")),
        volsweep.Label("a", "#102030", True),
        volsweep.SweepOptions(1, 2),
        volsweep.SecondSeries.beside(swept.volume, volsweep.Volume(np.ones(grid.shape_zyx), grid)),
        measurement.DrawnMeasure(kind="ruler", slice=2, points_xy=((1, 2), (4, 6))),
        volsweep.Window(40, 400),
        *(swept, step, labels, swept.volume, grid, measured, measured.diameters, measured.intensity),
        io.Objects(
            grid, (LabelledObject(1, volsweep.Label("a", "#102030"), patches={2: (0, 0, np.eye(3, dtype=bool))}),)
        ),
        io.Receipt(Path("a"), "0", None, None, (1, 2, 3), np.dtype(np.uint8), np.eye(4), {1: 2}, 0.1),
        io.SeriesInfo("1", "dicom", "CT", 1, "", 1, 1, (1, 2, 3), (1.0, 1, 1), "SPL"),
        batch.Entry(1, "a", batch.Row(series="a", prompts="b")),
        batch.Row(series="a", prompts="b"),
        *(
            batch.Options(Path("a")),
            batch.Places(Path("a")),
            batch.SeriesIndex(Path()),
            batch.Shard(1, 2),
            batch.Tally(1),
        ),
        *(task, record, batch.Result(record)),
        *(
            remote,
            pacs.Pulled(remote, Path("a"), 1, 1),
            pacs.Query("1.2"),
            pacs.Server("https://a"),
            pacs.Stored(Path("a")),
        ),
        models.find_model("volsweep-nano"),
        models.Verification(Path("a"), "0", "published"),
        evaluate.Case("a", Path("a"), Path("b")),
        *(method, score, evaluate.Scored(score), evaluate.Options(), evaluate.Report((evaluate.Scored(score),))),
        evaluate.Row("g", method, 1, 1, summary, summary, summary, 0.5),
    ]
    return {type(one): one for one in there}


def content(thing: Any) -> Any:
    """What a thing holds, as far down as it goes, to be compared."""
    if isinstance(thing, np.ndarray):
        return thing.dtype, thing.tolist()
    if isinstance(thing, BaseModel):
        return thing.model_dump()
    if isinstance(thing, TinySession):
        return thing.journal.effective, thing.window, thing.zoom, content(thing.labels)
    if dataclasses.is_dataclass(thing):
        return [
            content(getattr(thing, field.name)) for field in dataclasses.fields(thing) if hasattr(thing, field.name)
        ]
    if isinstance(thing, dict | MappingProxyType):
        return {key: content(value) for key, value in thing.items()}
    return [content(one) for one in thing] if isinstance(thing, list | tuple) else thing


SOME = some()


@pytest.mark.parametrize("kind", exported(), ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"])
def test_what_is_exported_can_be_copied_and_sent(kind, copied):
    if issubclass(kind, enum.Enum):
        assert all(copied(one) is one for one in kind)
    elif issubclass(kind, Exception):
        again = copied(kind("what is wrong"))
        assert (type(again), str(again)) == (kind, "what is wrong")
    else:
        thing = next((one for made, one in SOME.items() if issubclass(made, kind)), None)
        assert thing is not None, f"say in some() how a {kind.__name__} is made"
        again = copied(thing)
        assert type(again) is type(thing)
        if kind is not batch.SeriesIndex:
            assert content(again) == content(thing)


def test_a_copied_session_goes_on_by_itself():
    first = session()
    again = copy.deepcopy(first)
    again.sweep()
    assert (again.labels.array_zyx != 0).sum() > (first.labels.array_zyx != 0).sum()
    again.undo()
    np.testing.assert_array_equal(again.labels.array_zyx, first.labels.array_zyx)
