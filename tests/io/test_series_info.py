"""What is told of a series."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from volsweep.io.series_info import SeriesInfo

KNOWN = SeriesInfo(
    uid="1.2.3", kind="DICOM", modality="CT", number=4, description="thorax", files=2, images=2, shape_zyx=(2, 3, 4),
    spacing_zyx_mm=(5.0, 1.5, 1.0), orientation="SPL", warnings=("tilted",),
)  # fmt: skip


def test_as_json_it_is_what_it_was():
    told = json.loads(json.dumps(KNOWN.to_dict()))
    assert told.pop("loadable") is True
    told["shape_zyx"], told["spacing_zyx_mm"] = tuple(told["shape_zyx"]), tuple(told["spacing_zyx_mm"])
    assert SeriesInfo(**{**told, "warnings": tuple(told["warnings"])}) == KNOWN


@pytest.mark.parametrize("gaps", [False, True])
def test_a_problem_keeps_it_from_loading(gaps):
    broken = replace(KNOWN, problem="slices are missing", loads_with_gaps=gaps)
    assert not broken.loadable
    told = broken.to_dict()
    assert (told["loadable"], told["problem"], told["loads_with_gaps"]) == (False, "slices are missing", gaps)


def test_what_is_no_volume_has_no_shape():
    told = replace(KNOWN, shape_zyx=None, spacing_zyx_mm=None, orientation=None).to_dict()
    assert (told["shape_zyx"], told["spacing_zyx_mm"], told["orientation"]) == (None, None, None)
