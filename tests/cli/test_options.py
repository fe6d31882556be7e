"""What a shell completes, and what the options of batches stand for."""

from __future__ import annotations

import pytest
import typer

from volsweep.batch import LocalWorkers, Redo, in_process
from volsweep.cli.options import executor_of, known_devices, known_models, known_windows, redo_of
from volsweep.engine.network.device_name import check_device_name
from volsweep.intensity import window_named
from volsweep.models import find_model


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


def test_what_a_shell_completes_is_taken():
    windows = {name: window_named(name) for name in known_windows()}
    assert [name for name, window in windows.items() if window is None] == ["auto", "percentile"]
    assert [find_model(name).id for name in known_models()] == known_models()
    assert {check_device_name(name) for name in known_devices()} == {None}
