"""The table of changes as a DICOM SR, from studies to file."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import highdicom.sr
import numpy as np
import pytest
from pydicom.sr.codedict import codes
from support.annotation_files import presence_in
from support.drawn_labels import series

from volsweep.follow import Change, Fate, FollowUp, Registration, to_sr
from volsweep.follow.tracking import tracked
from volsweep.measurement import measure
from volsweep.prompts import PromptSet
from volsweep.volume import Label, LabelVolume


@pytest.fixture
def found(tmp_path):
    """One that shrank to half its columns and one that is gone; both studies."""
    march, june = series(tmp_path / "march"), series(tmp_path / "june")
    array = np.zeros(march.shape_zyx, dtype=np.uint8)
    array[3:6, 4:24, 4:24], array[7, 27:30, 27:29] = 1, 2
    before = LabelVolume(array, march.grid, {1: Label("GTV", "#e69f00"), 2: Label("node", "#56b4e9")})
    later = np.where((array == 1) & (np.arange(array.shape[2]) < 14), 1, 0).astype(np.uint8)
    after = LabelVolume(later, june.grid, tracked(before, march), june.source)
    old, new = measure(before, march), measure(after, june)
    changes = (Change(1, "GTV", Fate.FOUND, old[1], new[1]), Change(2, "node", Fate.GONE, old[2]))
    return FollowUp(after, changes, Registration(np.eye(4), "rigid"), PromptSet(())), march, june


def test_every_object_is_in_it_twice_with_its_tracking_uid(found):
    result, march, june = found
    report = highdicom.sr.srread(BytesIO(to_sr(result, march, june)))
    groups = report.content.get_image_measurement_groups()
    uids = [group.tracking_uid for group in groups[:4]]
    assert uids[0] == uids[1] == result.labels.labels[1].tracking_uid
    assert uids[2] == uids[3] == result.labels.labels[2].tracking_uid
    (percent,) = [m.value for m in groups[1].get_measurements() if m.unit == codes.UCUM.Percent]
    assert percent == -50
    assert presence_in(groups[3]) == "Absent"


def test_the_sum_and_its_category_are_those_of_the_table(found):
    result, march, june = found
    report = highdicom.sr.srread(BytesIO(to_sr(result, march, june)))
    summed = report.content.get_image_measurement_groups()[-1]
    numbers = [m.value for m in summed.get_measurements()]
    assert numbers == [round(result.response.sum_after_mm, 2), round(result.response.percent, 1)]
    assert summed.get_qualitative_evaluations()[0].value.meaning.startswith("Target Lesion ")


def test_what_was_not_imaged_is_not_evaluable(found):
    result, march, june = found
    away = replace(result, changes=(replace(result.changes[0], fate=Fate.NOT_IMAGED, after=None),))
    report = highdicom.sr.srread(BytesIO(to_sr(away, march, june)))
    groups = report.content.get_image_measurement_groups()
    assert presence_in(groups[1]) == "Not imaged"
    assert groups[-1].get_qualitative_evaluations()[0].value.meaning == "Not evaluable"
