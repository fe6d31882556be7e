"""Contact sheets."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from volsweep import Grid, Plane
from volsweep.evaluate import Protocol
from volsweep.evaluate.sheets import RESULT_COLOR, TRUTH_COLOR, contact_sheet, strip
from volsweep.evaluate.targets import Target


@pytest.mark.cases
def test_sheets_show_truth_and_result(report, tmp_path):
    files = report.write(tmp_path / "out")
    sheets = [f for f in files if f.suffix == ".png"]
    assert len(sheets) == 2 * len(Protocol)  # ideal and jittered
    image = np.array(Image.open(BytesIO(sheets[0].read_bytes())).convert("RGB"))
    for color in (TRUTH_COLOR, RESULT_COLOR):
        assert (image == color).all(axis=-1).sum() > 200


def test_a_strip_spans_truth_and_result_and_outlines_both():
    truth, found = np.zeros((30, 40, 50), dtype=bool), np.zeros((30, 40, 50), dtype=bool)
    truth[10:15, 10:30, 10:20] = True
    found[12:20, 10:30, 25:35] = True
    target = Target.of("one", 1, truth, Plane.AXIAL, Grid.axis_aligned(truth.shape, (3.0, 1.0, 1.0)))
    picture = strip(target, found, np.full(truth.shape, 0.5, dtype=np.float32))
    height = len(picture)
    tiles = [picture[:, i * (height + 4) : i * (height + 4) + height] for i in range(8)]
    green = [bool((t == TRUTH_COLOR).all(-1).any()) for t in tiles]
    orange = [bool((t == RESULT_COLOR).all(-1).any()) for t in tiles]
    # From slice 10, where the truth begins, to 19, where the result ends, in seven steps, one of them prompted.
    slices = sorted(set(np.linspace(10, 19, 7).round().astype(int).tolist()) | {10})
    assert green[: len(slices)] == [10 <= s < 15 for s in slices]
    assert orange[: len(slices)] == [12 <= s < 20 for s in slices]
    # Truth lies left of the result, and the square's middle between both.
    (columns,) = np.nonzero((tiles[slices.index(13)] == TRUTH_COLOR).all(-1).any(0))
    assert columns.max() < height / 2
    assert (tiles[7] == 255).all()


def test_a_sheet_is_as_wide_as_its_widest_strip():
    colour = (200, 3, 90)
    narrow, wide = (np.full((20, width, 3), colour, dtype=np.uint8) for width in (600, 700))
    sheet = np.array(Image.open(BytesIO(contact_sheet("title", [("one", narrow), ("two", wide)]))))
    assert sheet.shape[1] == 700 + 8
    assert (sheet == colour).all(-1).sum() == 20 * (600 + 700)
