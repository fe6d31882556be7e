"""A bar as full as what is done, seen in its own pixels."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtGui import QColor, QImage

from volsweep.napari.panels.progress import ProgressLine
from volsweep.napari.panels.theme import Palette

WIDTH = 200


def painted(line: ProgressLine) -> np.ndarray:
    """Red, green and blue of a row near the bar's lower edge, where no words are."""
    line.resize(WIDTH, 20)
    image = line.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return np.array([QColor(image.pixel(x, image.height() - 3)).getRgb()[:3] for x in range(image.width())])


@pytest.fixture
def line(qapp):
    line = ProgressLine()
    fields = dict.fromkeys(Palette.__dataclass_fields__, "#101010")
    line.paint_with(Palette(**fields | {"accent": "#00ff00", "field": "#0000ff", "text": "#ffffff"}))
    return line


@pytest.mark.parametrize(("share", "full"), [(0.25, 0.25), (0.5, 0.5), (1.0, 1.0), (7.0, 1.0), (0.0, 0.0), (-1.0, 0.0)])
def test_it_fills_up(line, share, full):
    line.show_progress(share, "")
    row = painted(line)[5:-5]
    green = (row[:, 1] > 200).mean()
    assert green == pytest.approx(full, abs=0.03)
    assert (row[:, 2] > 200).mean() == pytest.approx(1 - full, abs=0.03)


def test_an_end_that_is_not_known_is_pale_over_the_whole_length(line):
    line.show_progress(None, "")
    row = painted(line)[5:-5]
    assert (np.abs(row[:, 1] - 0.35 * 255) < 12).all()


def test_words_are_drawn_and_nothing_without_colours(qapp, line):
    line.show_progress(0.0, "slice 12 of 40")
    line.resize(WIDTH, 20)
    image = line.grab().toImage()
    white = sum(QColor(image.pixel(x, y)).lightness() > 200 for x in range(WIDTH) for y in range(20))
    assert white > 40
    plain = ProgressLine()
    plain.show_progress(1.0, "unseen")
    assert len({tuple(color) for color in painted(plain)}) == 1
