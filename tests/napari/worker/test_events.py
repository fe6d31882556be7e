"""How a sweep ended, in a sentence for its reader."""

from __future__ import annotations

import pytest

from volsweep.napari.worker.events import SweepEnded


@pytest.mark.parametrize(
    ("ended", "sentence"),
    [
        (SweepEnded("finished", 40, 2.0), "Swept 40 slices in 2.0 s, 20 per second"),
        (SweepEnded("finished", 7, 0.3), "Swept 7 slices in 0.3 s"),
        (SweepEnded("stopped", 6, 1.0), "Stopped after 6 slices in 1.0 s, 6 per second"),
        (SweepEnded("corrected", 3, 0.1), "The sweep made way for your correction after 3 slices in 0.1 s"),
        (SweepEnded("failed", 0, 0.0), "The sweep ended with an error after 0 slices in 0.0 s"),
        (SweepEnded("cancelled", 0, 0.0), "The sweep was cancelled before it began."),
        (SweepEnded("resumed", 0, 0.0), "Everything is as it was."),
    ],
)
def test_every_end_has_a_sentence(ended, sentence):
    assert ended.sentence == sentence
