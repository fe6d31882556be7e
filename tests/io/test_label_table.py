"""Names in the header of a NIfTI: those of TotalSegmentator, and headers that are damaged or hostile."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from volsweep.geometry import Grid
from volsweep.io import read_labels, write_labels
from volsweep.io.label_table import label_table
from volsweep.volume import Label, LabelVolume

ROWS = (
    '<Label Key="1" Red="1.0" Green="0.0" Blue="0.2" Alpha="1"><![CDATA[spleen]]></Label>\n'
    '<Label Key="5" Red="0.0" Green="0.5" Blue="1.0" Alpha="1"><![CDATA[liver]]></Label>\n'
    '<Label Key="7" Alpha="1"><![CDATA[not there]]></Label>'
)
XML = (
    '<?xml version="1.0" encoding="UTF-8"?> <CaretExtension>  <Date><![CDATA[2013-07-14T05:45:09]]></Date>   '
    '<VolumeInformation Index="0">   <LabelTable>\n{}\n  </LabelTable>  <VolumeType><![CDATA[Label]]></VolumeType>   '
    "</VolumeInformation></CaretExtension>\n              "
)


def save(path, xml: str) -> None:
    array = np.zeros((6, 5, 4), np.uint8)
    array[1:3, 1:3, 1:3], array[4, 3, 2] = 1, 5
    image = nibabel.Nifti1Image(array, np.diag([-1.0, -1, 3, 1]))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, xml.encode()))
    nibabel.save(image, path)


def test_organs_have_the_names_and_colours_of_the_table(tmp_path):
    save(tmp_path / "total.nii.gz", XML.format(ROWS))
    found = read_labels(tmp_path / "total.nii.gz")
    assert dict(found.labels) == {1: Label("spleen", "#ff0033"), 5: Label("liver", "#0080ff")}
    assert found.values() == [1, 5]


def test_a_sidecar_of_ours_counts_before_the_table(tmp_path):
    grid = Grid.axis_aligned((4, 5, 6), (3, 1, 1))
    array = np.zeros(grid.shape_zyx, np.uint8)
    array[1, 1, 1] = 1
    write_labels(tmp_path / "total.nii.gz", LabelVolume(array, grid, {1: Label("mine", "#010203")}))
    save(tmp_path / "total.nii.gz", XML.format(ROWS))
    assert read_labels(tmp_path / "total.nii.gz").labels[1].name == "mine"


@pytest.mark.parametrize(
    "xml",
    [
        "nothing",
        XML.format("<Label Key="),
        XML.format('<!DOCTYPE x [<!ENTITY a "aaaa">]><Label Key="1">&a;</Label>'),
        XML.format('<Label Key="-1">a</Label><Label Key="99999999">a</Label><Label Key="²">a</Label><Label>b</Label>'),
    ],
)
def test_what_is_damaged_or_hostile_names_nothing(tmp_path, xml):
    save(tmp_path / "l.nii.gz", xml)
    assert label_table(tmp_path / "l.nii.gz") == {}
    assert read_labels(tmp_path / "l.nii.gz").labels[1].name == "object 1"
