"""What the options of batches stand for."""

from __future__ import annotations

import pytest
import typer

from volsweep.batch import LocalWorkers, Redo, in_process
from volsweep.cli.batch_options import executor_of, redo_of


def test_what_to_do_with_earlier_results():
    no = (False, False, False)
    assert redo_of(*no) is Redo.REFUSE
    asked = [redo_of(*(i == j for j in range(3))) for i in range(3)]
    assert asked == [Redo.RESUME, Redo.FAILED, Redo.ALL]
    with pytest.raises(typer.BadParameter, match="exclude each other"):
        redo_of(True, False, True)


def test_where_series_are_run():
    assert executor_of(None, "cpu", None, []) is in_process
    assert isinstance(executor_of(2, "cpu", None, []), LocalWorkers)
    for wrong in ((2, "cpu", "tcp://a", []), (None, "abacus", None, []), (None, "cpu", "tcp://a", ["GPU=x"])):
        with pytest.raises(typer.BadParameter):
            executor_of(*wrong)
