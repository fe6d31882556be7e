"""Stages are named as they begin and measured when they end."""

from __future__ import annotations

import time

import pytest

from volsweep.job.stopwatch import Stopwatch


def test_stages():
    told = []
    watch = Stopwatch(told.append)
    with watch.stage("read"):
        assert told == ["read"], "before it is over"
        time.sleep(0.02)
    with pytest.raises(ValueError, match="damaged"), watch.stage("sweep"):
        raise ValueError("damaged")
    assert told == ["read", "sweep"]
    assert watch.seconds["read"] >= 0.02
    assert watch.seconds["sweep"] < 0.02
