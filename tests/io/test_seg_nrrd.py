"""3D Slicer's segmentations: what its guide says is read, and what is written is held against slicerio and pynrrd."""

from __future__ import annotations

import re
from pathlib import Path

import nrrd
import numpy as np
import pytest
import SimpleITK
import slicerio
from support.dicom_files import AXIAL, OBLIQUE, along, pattern, write_series

from volsweep.errors import GeometryError, InputError, OutputError
from volsweep.evaluate.agreement import compare
from volsweep.geometry import Grid
from volsweep.io import convert, read_labels, read_objects, read_volume, write_labels
from volsweep.io.formats import kind_of
from volsweep.io.overlaps import LabelledObject, Objects
from volsweep.prompts import read_prompt_source
from volsweep.prompts.source import SourceKind, kind_of_source
from volsweep.volume import Code, Label, LabelVolume, Meaning, Volume

SHAPE = (4, 12, 10)
MASS = (
    "Segmentation category and type - 3D Slicer General Anatomy list~SCT^49755003^Morphologically Altered Structure"
    "~SCT^4147007^Mass~^^~Anatomic codes - DICOM master list~SCT^23451007^Adrenal gland~SCT^24028007^Right"
)
GEOMETRY = {
    "space": "left-posterior-superior",
    "space directions": [[1.5, 0, 0], [0, 1.5, 0], [0, 0, 3.0]],
    "space origin": [-3.0, -4.0, 10.0],
}


def organ_and_lesion() -> tuple[np.ndarray, np.ndarray]:
    organ, lesion = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    organ[1:4, 2:10, 2:8] = 1
    lesion[2, 4:7, 6:10] = 1
    return organ, lesion


def as_slicer_writes(path: Path, layers: list[np.ndarray], keys: dict[str, str], **fields) -> Path:
    """Through pynrrd, whose arrays are (list, x, y, z)."""
    data = np.stack([layer.T for layer in layers]) if len(layers) > 1 else layers[0].T
    header = {**GEOMETRY, "kinds": ["domain"] * 3}
    if len(layers) > 1:
        header["space directions"] = [[np.nan] * 3, *GEOMETRY["space directions"]]
        header["kinds"] = ["list", "domain", "domain", "domain"]
    nrrd.write(str(path), data, {**header, **fields, **keys})
    return path


def segment(n: int, name: str, *, layer: int | None = 0, value: int | None = 1, **more: str) -> dict[str, str]:
    said = {"ID": f"Segment_{n + 1}", "Name": name, "Color": "1 0.5 0", **more}
    said |= {} if layer is None else {"Layer": str(layer)}
    said |= {} if value is None else {"LabelValue": str(value)}
    return {f"Segment{n}_{key}": text for key, text in said.items()}


def overlapping(grid: Grid, source=None) -> Objects:
    organ, lesion = organ_and_lesion()
    meaning = Meaning(
        Code("49755003", "SCT", "Morphologically Altered Structure"),
        Code("4147007", "SCT", "Mass"),
        None,
        Code("23451007", "SCT", "Adrenal gland"),
        Code("24028007", "SCT", "Right"),
    )
    found = [
        LabelledObject(2, Label("Nebenniere, links", "#dd8265")),
        LabelledObject(7, Label("mass | a~b^c", "#0099ff", meaning=meaning)),
        LabelledObject(9, Label("empty", "#ffffff")),
    ]
    for one, mask in zip(found, (organ, lesion), strict=False):
        for z in range(len(mask)):
            one.add(z, mask[z] > 0)
    return Objects(grid, found, source)


def test_layers_names_colours_and_codes_are_read(tmp_path):
    organ, lesion = organ_and_lesion()
    keys = segment(0, "Nebenniere") | segment(1, "mass", layer=1, Tags=f"Status:x|TerminologyEntry:{MASS}|")
    path = as_slicer_writes(tmp_path / "a.seg.nrrd", [organ, lesion], keys)
    objects = read_objects(path)
    assert np.array_equal(objects.mask_zyx(1), organ > 0)
    assert np.array_equal(objects.mask_zyx(2), lesion > 0)
    assert [(label.name, label.color) for label in objects.labels.values()] == [
        ("Nebenniere", "#ff8000"),
        ("mass", "#ff8000"),
    ]
    assert objects.labels[1].meaning is None
    meaning = objects.labels[2].meaning
    assert meaning.kind == ("4147007", "SCT", "Mass")
    assert (meaning.region.meaning, meaning.region_side.meaning) == ("Adrenal gland", "Right")
    np.testing.assert_allclose(objects.grid.to_lps_mm([[1, 2, 3]]), [[-3 + 4.5, -4 + 3, 13]])
    assert any("same number" in warning for warning in objects.warnings)
    painted = read_labels(path)
    assert np.array_equal(painted.array_zyx == 2, lesion > 0)
    assert any("overlap" in warning for warning in painted.warnings)


@pytest.mark.parametrize("axis", ["list", "vector"])
def test_layers_of_any_kind_of_axis(tmp_path, axis):
    organ, lesion = organ_and_lesion()
    path = as_slicer_writes(
        tmp_path / "a.seg.nrrd",
        [organ, lesion],
        segment(0, "a") | segment(1, "b", layer=1),
        kinds=[axis, "domain", "domain", "domain"],
    )
    assert np.array_equal(read_objects(path).mask_zyx(2), lesion > 0)


def test_layers_as_the_last_axis(tmp_path):
    organ, lesion = organ_and_lesion()
    keys = segment(0, "a") | segment(1, "b", layer=1)
    nrrd.write(
        str(tmp_path / "a.seg.nrrd"),
        np.stack([organ.T, lesion.T], axis=-1),
        {
            **GEOMETRY,
            "space directions": [*GEOMETRY["space directions"], [np.nan] * 3],
            "kinds": ["domain", "domain", "domain", "list"],
            **keys,
        },
    )
    objects = read_objects(tmp_path / "a.seg.nrrd")
    assert np.array_equal(objects.mask_zyx(1), organ > 0)
    assert np.array_equal(objects.mask_zyx(2), lesion > 0)


def test_files_of_slicer_before_layers(tmp_path):
    organ, lesion = organ_and_lesion()
    keys = segment(0, "a", layer=None, value=None) | segment(1, "b", layer=None, value=None)
    objects = read_objects(as_slicer_writes(tmp_path / "a.seg.nrrd", [organ, lesion], keys))
    assert np.array_equal(objects.mask_zyx(1), organ > 0)
    assert np.array_equal(objects.mask_zyx(2), lesion > 0)
    assert objects.warnings == ()
    alone = as_slicer_writes(tmp_path / "b.seg.nrrd", [organ * 255], segment(0, "a", layer=None, value=None))
    assert np.array_equal(read_objects(alone).mask_zyx(1), organ > 0)


def test_a_label_has_the_number_of_the_file(tmp_path):
    organ, lesion = organ_and_lesion()
    array = np.where(lesion, 300, organ.astype(np.int16))
    keys = segment(3, "lesion", value=300) | segment(10, "organ", value=1)
    labels = read_labels(as_slicer_writes(tmp_path / "a.seg.nrrd", [array], keys))
    assert {value: label.name for value, label in labels.labels.items()} == {1: "organ", 300: "lesion"}
    assert np.array_equal(labels.array_zyx, array)
    assert labels.warnings == ()


def test_it_is_told_by_its_keys_and_not_by_its_name(tmp_path):
    organ, _ = organ_and_lesion()
    renamed = as_slicer_writes(tmp_path / "renamed.nrrd", [organ], segment(0, "liver"))
    assert kind_of(renamed)[1] == "seg_nrrd"
    assert read_labels(renamed).labels[1].name == "liver"
    plain = as_slicer_writes(tmp_path / "plain.seg.nrrd", [organ], {})
    assert kind_of(plain)[1] == "nrrd"
    # As Volsweep wrote it before it knew the format.
    (tmp_path / "plain.seg.labels.json").write_text(
        '{"format": "volsweep labels", "version": 1, "labels": {"1": {"name": "milz", "color": "#123456", '
        '"locked": false}}, "slice_origins_mm": null, "series_uid": null, "study_uid": null, '
        '"frame_of_reference_uid": null}'
    )
    assert read_labels(plain).labels[1] == Label("milz", "#123456")
    with pytest.raises(InputError, match="holds labels"):
        read_volume(renamed)


def test_what_belongs_to_nobody_is_told(tmp_path):
    organ, lesion = organ_and_lesion()
    array = np.where(lesion, 5, organ).astype(np.uint8)
    keys = (
        segment(0, "organ")
        | segment(1, "far", layer=4, value=2)
        | segment(2, "background", value=0)
        | segment(3, "nothing", value=9)
    )
    objects = read_objects(as_slicer_writes(tmp_path / "a.seg.nrrd", [array], keys))
    assert objects.values() == [1]
    assert set(objects.labels) == {1, 9}
    told = " / ".join(objects.warnings)
    for expected in (
        "'far', whose layer",
        "'background', whose value is 0",
        r"12 voxels .*\(5\)",
        "'nothing' has no",
    ):
        assert re.search(expected, told), (expected, told)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (segment(0, "a", value=1) | {"Segment0_LabelValue": "one"}, "LabelValue"),
        (segment(0, "a") | {"Segment0_Layer": "0.5"}, "Layer"),
        (segment(0, "a", value=None), "LabelValue"),
        (segment(0, "a") | {"Segmentation_SourceRepresentation": "Fractional labelmap"}, "Fractional"),
        (segment(0, "a") | {"Segmentation_MasterRepresentation": "Fractional labelmap"}, "Fractional"),
    ],
)
def test_what_is_damaged_or_no_label(tmp_path, keys, says):
    path = as_slicer_writes(tmp_path / "a.seg.nrrd", [organ_and_lesion()[0]], keys)
    with pytest.raises(InputError, match=says):
        read_objects(path)


@pytest.mark.parametrize("wrong", [{"Segment1_LabelValue": "one"}, {"Segment1_Layer": "0.5"}])
def test_one_damaged_segment_costs_itself(tmp_path, wrong):
    organ, lesion = organ_and_lesion()
    keys = segment(0, "organ") | segment(1, "lesion", value=5) | wrong
    array = np.where(lesion, 5, organ).astype(np.uint8)
    objects = read_objects(as_slicer_writes(tmp_path / "a.seg.nrrd", [array], keys))
    assert np.array_equal(objects.mask_zyx(1), organ.astype(bool) & ~lesion.astype(bool))
    assert any("left out" in warning and "'lesion'" in warning for warning in objects.warnings)


def test_an_image_with_the_keys_of_a_segmentation_is_an_image(tmp_path, rng):
    noise = rng.integers(0, 1000, SHAPE).astype(np.int16)
    with pytest.raises(InputError, match="an image rather than labels"):
        read_objects(as_slicer_writes(tmp_path / "a.seg.nrrd", [noise], segment(0, "organ")))
    few = rng.integers(0, 20, SHAPE).astype(np.int16)
    warnings = read_objects(as_slicer_writes(tmp_path / "b.seg.nrrd", [few], segment(0, "organ"))).warnings
    assert len(warnings) == 1  # one for all values that are no segment's


@pytest.mark.parametrize("color", ["", "red", "1 2 3", "nan 0 0", "0.1 0.2"])
def test_a_colour_that_is_none_is_the_default(tmp_path, color):
    path = as_slicer_writes(tmp_path / "a.seg.nrrd", [organ_and_lesion()[0]], segment(0, "a", Color=color))
    assert read_labels(path).labels[1].color == Label.default(1).color


def test_a_single_voxel_stands_for_none(tmp_path):
    one = as_slicer_writes(tmp_path / "a.seg.nrrd", [np.ones((1, 1, 1), np.uint8)], segment(0, "to draw"))
    volume = Volume(np.zeros(SHAPE, np.int16), Grid.axis_aligned(SHAPE, (3, 1, 1)))
    objects = read_objects(one, source=volume)
    assert objects.values() == []
    assert objects.shape_zyx == SHAPE
    assert objects.labels[1].name == "to draw"
    assert read_labels(one).array_zyx.max() == 0


def test_a_part_of_the_series_is_put_on_it(tmp_path):
    """As Slicer saves what it crops: the origin is that of the part."""
    grid = Grid(SHAPE, np.array([[0, 0, 1.5, -3], [0, 1.5, 0, -4], [3.0, 0, 0, 10], [0, 0, 0, 1]]))
    _, lesion = organ_and_lesion()
    part = {"space origin": [-3 + 1.5 * 5, -4 + 1.5 * 3, 10 + 3.0], "Segmentation_ReferenceImageExtentOffset": "5 3 1"}
    path = as_slicer_writes(tmp_path / "a.seg.nrrd", [lesion[1:, 3:, 5:]], segment(0, "lesion") | part)
    volume = Volume(np.zeros(SHAPE, np.int16), grid)
    assert np.array_equal(read_labels(path, source=volume).array_zyx, lesion)
    shifted = as_slicer_writes(
        tmp_path / "b.seg.nrrd", [lesion], segment(0, "lesion") | {"space origin": [-2.5, -4.0, 10.0]}
    )
    with pytest.raises(GeometryError, match="another grid"):
        read_labels(shifted, source=volume)


def test_what_is_written_is_what_slicer_reads(tmp_path):
    """By the reader that Slicer's makers publish."""
    source = Volume(np.zeros(SHAPE, np.int16), Grid.axis_aligned(SHAPE, (3, 1, 1)))
    labels = overlapping(source.grid)
    path = tmp_path / "out.seg.nrrd"
    receipt = write_labels(path, labels)
    assert receipt.sidecar is None
    assert receipt.voxels == {2: 144, 7: 12}
    assert receipt.max_corner_error_mm < 1e-6
    assert [p.name for p in tmp_path.iterdir()] == ["out.seg.nrrd"]
    found = slicerio.read_segmentation(str(path))
    assert found["containedRepresentationNames"] == ["Binary labelmap"]
    segments = {s["name"]: s for s in found["segments"]}
    assert set(segments) == {label.name for label in labels.labels.values()}
    for value, label in labels.labels.items():
        one = next(s for s in found["segments"] if s["labelValue"] == value)
        voxels = found["voxels"][one["layer"]] if found["voxels"].ndim == 4 else found["voxels"]
        assert np.array_equal(value == voxels.T, labels.mask_zyx(value))
        assert np.allclose(one["color"], [int(label.color[i : i + 2], 16) / 255 for i in (1, 3, 5)], atol=1e-5)
    mass = next(s for s in found["segments"] if s["labelValue"] == 7)
    assert mass["extent"] == [6, 9, 4, 6, 2, 2]
    assert mass["terminology"]["type"] == ["SCT", "4147007", "Mass"]
    assert mass["terminology"]["anatomicRegionModifier"] == ["SCT", "24028007", "Right"]
    assert next(s for s in found["segments"] if s["labelValue"] == 9)["extent"] == [0, -1] * 3
    again = read_objects(path)
    assert again.labels == labels.labels
    assert [label.meaning for label in again.labels.values()][1] == labels.labels[7].meaning


@pytest.mark.parametrize("name", ["é", "two\nlines", "back\\nslash", "Å", "\u5e73", "=:=", "x" * 3000, "#"])
def test_names_come_back_and_itk_reads_them(tmp_path, name):
    array = organ_and_lesion()[0]
    labels = LabelVolume(array, Grid.axis_aligned(SHAPE, (3, 1, 1)), {1: Label(name, "#0099ff")})
    write_labels(tmp_path / "a.seg.nrrd", labels)
    assert read_labels(tmp_path / "a.seg.nrrd").labels == labels.labels
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(tmp_path / "a.seg.nrrd"))
    reader.ReadImageInformation()
    assert reader.GetMetaData("Segment0_Name") == name


def test_what_is_written_lies_on_the_series(tmp_path):
    write_series(tmp_path / "ct", pattern(5, 12, 10), along(OBLIQUE, 5, 3.0), orientation=OBLIQUE)
    volume = read_volume(tmp_path / "ct")
    labels = LabelVolume(np.zeros(volume.shape_zyx, np.uint8), volume.grid, source=volume.source)
    labels.array_zyx[1, 2, 3] = 1
    labels = LabelVolume(labels.array_zyx, volume.grid, {1: Label("x", "#010203")}, volume.source)
    receipt = write_labels(tmp_path / "x.seg.nrrd", labels)
    assert receipt.max_corner_error_mm < 1e-6
    header = nrrd.read_header(str(tmp_path / "x.seg.nrrd"))
    at = np.array(header["space origin"]) + np.array([3, 2, 1]) @ np.array(header["space directions"])
    np.testing.assert_allclose(at, volume.grid.to_lps_mm([[1, 2, 3]])[0], atol=1e-9)
    found = read_labels(tmp_path / "x.seg.nrrd")
    assert found.source.series_uid == volume.source.series_uid
    back = convert(tmp_path / "x.seg.nrrd", tmp_path / "x.seg.dcm", source=tmp_path / "ct")
    assert back.voxels == {1: 1}


def test_codes_and_overlaps_survive_seg_and_back(tmp_path):
    write_series(tmp_path / "ct", pattern(*SHAPE), along(AXIAL, 4, 3.0))
    volume = read_volume(tmp_path / "ct")
    labels = overlapping(volume.grid, volume.source)
    labels = Objects(labels.grid, labels.found[:2], labels.source)
    write_labels(tmp_path / "a.seg.nrrd", labels)
    convert(tmp_path / "a.seg.nrrd", tmp_path / "b.seg.dcm", source=tmp_path / "ct")
    convert(tmp_path / "b.seg.dcm", tmp_path / "c.seg.nrrd", source=tmp_path / "ct")
    for name in ("a.seg.nrrd", "b.seg.dcm", "c.seg.nrrd"):
        found = read_objects(tmp_path / name, source=volume)
        assert found.labels[7].meaning == labels.labels[7].meaning, name
        for value in (2, 7):
            assert np.array_equal(found.mask_zyx(value), labels.mask_zyx(value))


def test_kept_gaps_travel_in_the_file(tmp_path):
    grid = Grid.axis_aligned(SHAPE, (3, 1, 1))
    origins = grid.to_lps_mm([[z, 0, 0] for z in range(4)]).copy()
    origins[1] += [0, 0, 0.7]
    uneven = Grid(SHAPE, grid.affine, origins)
    write_labels(tmp_path / "a.seg.nrrd", overlapping(uneven))
    assert np.allclose(read_objects(tmp_path / "a.seg.nrrd").grid.slice_origins_mm, origins)


def test_compare_and_prompts_use_each_objects_own_mask(tmp_path):
    volume = Volume(np.zeros(SHAPE, np.int16), Grid.axis_aligned(SHAPE, (3, 1, 1)))
    labels = overlapping(volume.grid)
    write_labels(tmp_path / "a.seg.nrrd", labels)
    found = read_objects(tmp_path / "a.seg.nrrd")
    assert [row.dsc for row in compare(found, labels)] == [1.0, 1.0]
    assert kind_of_source(tmp_path / "a.seg.nrrd") is SourceKind.MASK
    prompts = read_prompt_source(tmp_path / "a.seg.nrrd", volume, kind="mask", only=["7"])
    (mask,) = prompts.prompts
    assert np.array_equal(mask.to_array(), labels.mask_zyx(7)[2])


def test_labels_below_one_are_refused(tmp_path):
    array = np.full(SHAPE, -1, np.int16)
    with pytest.raises(OutputError, match="-1"):
        write_labels(tmp_path / "a.seg.nrrd", LabelVolume(array, Grid.axis_aligned(SHAPE, (1, 1, 1))))
    assert not list(tmp_path.iterdir())


def test_a_header_without_end_is_refused(tmp_path):
    path = tmp_path / "a.seg.nrrd"
    path.write_bytes(b"NRRD0004\nSegment0_Name:=x" + b"y" * 100)
    with pytest.raises(InputError):
        read_objects(path)
