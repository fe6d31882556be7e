"""The table of changes as a DICOM SR, from studies to file."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import highdicom.sr
import pytest
from pydicom.sr.codedict import codes
from support.annotation_files import presence_in
from support.changed_objects import shrunk_and_gone

from volsweep.follow import Fate, to_sr


@pytest.fixture
def found(tmp_path):
    return shrunk_and_gone(tmp_path)


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
