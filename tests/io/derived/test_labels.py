"""DICOM SEG and RTSTRUCT: read back by others, against experts' contours, and refused where they cannot be."""

from __future__ import annotations

import shutil
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from scipy import ndimage
from support.dicom_files import AXIAL, CORONAL, OBLIQUE, PATIENT, SAGITTAL, along, pattern, write_enhanced, write_series

from volsweep.errors import GeometryError, InputError, OutputError
from volsweep.geometry import Grid
from volsweep.io import check_can_hold, convert, read_labels, read_volume, write_labels
from volsweep.io.derived import codes as dicom_codes
from volsweep.io.derived.reference import read_headers
from volsweep.volume import Label, LabelVolume, Volume

KINDS = (".seg.dcm", ".rtstruct.dcm")
SARCOMAS = ["sarcoma_sts023/CT", "sarcoma_sts025/CT", "sarcoma_sts025/MR_T1", "sarcoma_sts025/PET"]
NIFTI = {"CT": "ct", "MR_T1": "t1", "PET": "pet"}
LABELS = {2: Label("liver tumour", "#e69f00"), 5: Label("Läsion", "#56b4e9"), 9: Label("left kidney", "#009e73")}


def drawn_on(volume: Volume, rng: np.random.Generator) -> LabelVolume:
    """Blobs with holes and islands in three labels, one of them on every slice."""
    smooth = ndimage.gaussian_filter(rng.random(volume.shape_zyx), 1.2)
    array = np.zeros(volume.shape_zyx, dtype=np.int32)
    for value, (low, high) in zip(LABELS, [(0.1, 0.4), (0.4, 0.5), (0.8, 0.95)], strict=True):
        array[(smooth > np.quantile(smooth, low)) & (smooth < np.quantile(smooth, high))] = value
    return LabelVolume(array, volume.grid, LABELS, volume.source)


def series(folder: Path, orientation=AXIAL, positions=None, **options) -> Volume:
    positions = along(orientation, 9, 2.5) if positions is None else positions
    write_series(folder, pattern(len(positions), 33, 29), positions, orientation=orientation, **options)
    return read_volume(folder, gaps="keep")


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, SAGITTAL, OBLIQUE], ids=["axial", "cor", "sag", "oblique"])
def test_round_trip_in_any_orientation(tmp_path, rng, orientation, suffix):
    labels = drawn_on(series(tmp_path / "in", orientation), rng)
    receipt = write_labels(tmp_path / f"out{suffix}", labels)
    back = read_labels(tmp_path / f"out{suffix}", source=tmp_path / "in")
    assert np.array_equal(back.array_zyx, labels.array_zyx)
    assert back.labels == labels.labels
    assert back.grid.matches(labels.grid)
    assert receipt.dice == {2: 1.0, 5: 1.0, 9: 1.0}
    assert receipt.max_corner_error_mm < 1e-6
    assert receipt.voxels == {v: int((labels.array_zyx == v).sum()) for v in LABELS}
    assert not list(tmp_path.glob(".volsweep-*"))


@pytest.mark.parametrize("suffix", KINDS)
def test_round_trip_on_tilted_and_unevenly_spaced_slices(tmp_path, rng, suffix):
    positions = along(AXIAL, 8, 2.0) + np.array([[0, 0.6 * z, 0] for z in range(8)])
    positions = positions[[0, 1, 2, 4, 5, 7]]
    volume = series(tmp_path / "in", AXIAL, positions)
    assert volume.grid.slice_origins_mm is not None
    labels = drawn_on(volume, rng)
    write_labels(tmp_path / f"out{suffix}", labels)
    assert np.array_equal(read_labels(tmp_path / f"out{suffix}", source=tmp_path / "in").array_zyx, labels.array_zyx)


@pytest.mark.parametrize("case", SARCOMAS)
def test_expert_contours_fill_to_the_masks_others_made_of_them(cases, tmp_path, case):
    folder = cases / "dicom" / case
    labels = read_labels(folder / "mask" / "RS.dcm", source=folder / "image")
    patient, modality = case.split("/")
    nifti = cases / "dev" / "sarcoma" / f"sts_{patient[-3:]}_{NIFTI[modality]}" / "label.nii.gz"
    mask = read_labels(nifti, source=folder / "image").array_zyx > 0
    ours = labels.array_zyx > 0
    assert 2 * (ours & mask).sum() / (ours.sum() + mask.sum()) > 0.999
    for suffix in KINDS:
        receipt = convert(nifti, tmp_path / f"out{suffix}", source=folder / "image")
        assert receipt.dice == {1: 1.0}
        again = read_labels(tmp_path / f"out{suffix}", source=folder / "image").array_zyx > 0
        assert np.array_equal(again, mask)


def test_a_real_tilted_series_with_uneven_slices(cases, tmp_path, rng):
    volume = read_volume(cases / "dicom" / "head_ct_tilted_variable_spacing", gaps="keep")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3:20, 200:300, 180:260] = 1
    array[5:9, 230:250, 200:220] = 3
    labels = LabelVolume(array, volume.grid, {}, volume.source)
    for suffix in KINDS:
        assert write_labels(tmp_path / f"out{suffix}", labels).dice == {1: 1.0, 3: 1.0}


def test_highdicom_reads_the_segments_where_they_are(tmp_path, rng):
    volume = series(tmp_path / "in", OBLIQUE)
    labels = drawn_on(volume, rng)
    write_labels(tmp_path / "out.seg.dcm", labels)
    seg = highdicom.seg.segread(tmp_path / "out.seg.dcm")
    assert seg.segmentation_type.value == "BINARY"
    assert volume.source is not None
    for number, value in enumerate(LABELS, start=1):
        planes = seg.get_pixels_by_source_instance(
            source_sop_instance_uids=list(volume.source.sop_instance_uids),
            segment_numbers=[number],
            assert_missing_frames_are_empty=True,
        )
        assert np.array_equal(planes[..., 0] > 0, labels.array_zyx == value)
    geometry = seg.get_volume_geometry()
    z, y, x = np.argwhere(labels.array_zyx > 0)[0]
    assert geometry is not None
    assert np.allclose(geometry.map_reference_to_indices(labels.grid.to_lps_mm([[z, y, x]])) % 1, [0, 0, 0], atol=1e-6)


def test_a_segmentation_says_what_it_is_of(tmp_path, rng):
    volume = series(tmp_path / "in")
    write_labels(tmp_path / "out.seg.dcm", drawn_on(volume, rng))
    seg = pydicom.dcmread(tmp_path / "out.seg.dcm")
    source = pydicom.dcmread(next((tmp_path / "in").iterdir()))
    tumour, lesion, kidney = seg.SegmentSequence
    assert [s.SegmentLabel for s in seg.SegmentSequence] == ["liver tumour", "Läsion", "left kidney"]
    assert tumour.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Neoplasm"
    assert lesion.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Lesion"
    assert kidney.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Kidney"
    modifier = kidney.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence[0]
    assert modifier.CodeMeaning == "Left"
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientName", "PatientID"):
        assert seg[keyword].value == source[keyword].value
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID


def test_every_code_is_the_one_of_the_standard():
    found = (getattr(codes.SCT, name) for name in dir(codes.SCT))
    known = {(c.value, c.meaning) for c in found if isinstance(c, Code)}
    mine = [dicom_codes.ANATOMY, dicom_codes.ABNORMAL, dicom_codes.TISSUE, *dicom_codes._SIDES.values()]
    mine += [*dicom_codes._ORGANS.values(), *dicom_codes._ABNORMAL_WORDS]
    wrong = [c for c in mine if (c.value, c.meaning) not in known]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "kind", "side"),
    [
        ("Liver", "Liver", None),
        ("right kidney", "Kidney", "Right"),
        ("lungs", "Lung", None),
        ("GTV_Mass_CT", "Neoplasm", None),
        ("lung nodule, left", "Nodule", "Left"),
        ("thing 3", "thing 3", None),
        ("delivery", "delivery", None),
    ],
)
def test_names_are_looked_up_by_whole_words(name, kind, side):
    meaning = dicom_codes.meaning_of(name)
    assert meaning.kind.meaning == kind
    assert (meaning.side.meaning if meaning.side else None) == side
    assert len(meaning.kind.value) <= 16


def test_a_segmentation_stands_on_its_own(tmp_path, rng):
    volume = series(tmp_path / "in", OBLIQUE)
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[2, 4:9, 5:9], array[5, 3:5, 3:5] = 1, 2
    write_labels(tmp_path / "out.dcm", LabelVolume(array, volume.grid, {}, volume.source))
    own = read_labels(tmp_path / "out.dcm")
    assert own.shape_zyx == (4, 33, 29)  # slices 2 to 5, the empty ones between filled in
    assert np.array_equal(own.array_zyx, array[2:6])
    assert np.allclose(own.grid.to_lps_mm([0, 0, 0]), volume.grid.to_lps_mm([2, 0, 0]))
    assert own.source is not None
    assert own.source.series_uid == volume.source.series_uid
    receipt = convert(tmp_path / "out.dcm", tmp_path / "out.nii.gz")
    assert receipt.voxels == {1: 20, 2: 4}


def test_an_enhanced_multi_frame_series(tmp_path, rng):
    positions = along(OBLIQUE, 6, 3.0)[::-1]  # frames in falling order
    frames = [{"position": p, "orientation": OBLIQUE, "spacing": (0.9, 0.8)} for p in positions]
    write_enhanced(tmp_path / "mr.dcm", pattern(6, 20, 22), frames)
    labels = drawn_on(read_volume(tmp_path / "mr.dcm"), rng)
    for suffix in KINDS:
        write_labels(tmp_path / f"out{suffix}", labels)
        back = read_labels(tmp_path / f"out{suffix}", source=tmp_path / "mr.dcm")
        assert np.array_equal(back.array_zyx, labels.array_zyx)
    seg = pydicom.dcmread(tmp_path / "out.seg.dcm")
    group = seg.PerFrameFunctionalGroupsSequence[0]
    referenced = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber
    assert np.allclose(group.PlanePositionSequence[0].ImagePositionPatient, positions[int(referenced) - 1])


def test_patients_and_labels_in_two_alphabets_meet_in_unicode(tmp_path, rng):
    def edit(ds, _):
        ds.SpecificCharacterSet = "ISO_IR 100"
        ds.PatientName = "Müller^Jörg"

    labels = drawn_on(series(tmp_path / "in", edit=edit), rng)
    named = LabelVolume(labels.array_zyx, labels.grid, {2: Label("腫瘍\\x\n" + "y" * 99, "#ff0000")}, labels.source)
    for suffix in KINDS:
        write_labels(tmp_path / f"out{suffix}", named)
        made = pydicom.dcmread(tmp_path / f"out{suffix}")
        assert str(made.PatientName) == "Müller^Jörg"
        assert read_labels(tmp_path / f"out{suffix}", source=tmp_path / "in").labels[2].name == "腫瘍/x" + "y" * 60


def test_labels_without_a_voxel_are_kept_by_name(tmp_path):
    volume = series(tmp_path / "in")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[4, 10:20, 10:20] = 1
    labels = LabelVolume(array, volume.grid, {1: Label("a", "#ff0000"), 4: Label("b", "#00ff00")}, volume.source)
    for suffix in KINDS:
        write_labels(tmp_path / f"out{suffix}", labels)
        assert read_labels(tmp_path / f"out{suffix}", source=volume).labels == labels.labels


@pytest.mark.parametrize("suffix", KINDS)
def test_what_has_no_series_to_refer_to_is_refused(tmp_path, rng, suffix):
    out = tmp_path / f"out{suffix}"
    volume = series(tmp_path / "in")
    labels = drawn_on(volume, rng)
    with pytest.raises(OutputError, match="refers to the DICOM series"):
        write_labels(out, LabelVolume(labels.array_zyx, labels.grid))
    shutil.make_archive(str(tmp_path / "in"), "zip", tmp_path / "in")
    with pytest.raises(OutputError, match="archive"):
        convert_drawn(tmp_path / "in.zip", out, rng)

    def edit(ds, _):
        del ds.FrameOfReferenceUID

    with pytest.raises(OutputError, match="has no FrameOfReferenceUID"):
        write_labels(out, drawn_on(series(tmp_path / "anonymous", edit=edit), rng))
    with pytest.raises(OutputError, match="FrameOfReferenceUID"):
        check_can_hold(out, read_volume(tmp_path / "anonymous").source)
    shutil.rmtree(tmp_path / "in")
    with pytest.raises(OutputError, match="is gone"):
        write_labels(out, labels)
    assert not out.exists()
    assert not list(tmp_path.glob(".volsweep-*"))


def convert_drawn(source: Path, out: Path, rng) -> None:
    write_labels(out, drawn_on(read_volume(source), rng))


def test_a_series_that_changed_meanwhile_is_noticed(tmp_path, rng):
    volume = series(tmp_path / "in")
    labels = drawn_on(volume, rng)
    shutil.rmtree(tmp_path / "in")
    series(tmp_path / "in")
    with pytest.raises(OutputError, match="no longer the file"):
        write_labels(tmp_path / "out.dcm", labels)


def test_a_deidentified_series_is_refused_with_what_is_missing(cases, tmp_path):
    volume = read_volume(cases / "dicom" / "chest_ct")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[5] = 1
    with pytest.raises(OutputError, match=r"SOPInstanceUID.*removed by de-identification"):
        write_labels(tmp_path / "out.dcm", LabelVolume(array, volume.grid, {}, volume.source))


def test_overlapping_segments_are_given_to_the_smaller_one(tmp_path):
    volume = series(tmp_path / "in")
    headers = read_headers(volume.source)
    masks = np.zeros((*volume.shape_zyx, 2), dtype=bool)
    masks[2:7, 5:25, 5:25, 0] = True
    masks[4, 10:14, 10:14, 1] = True
    write_foreign(tmp_path / "out.dcm", headers, masks, "BINARY")
    labels = read_labels(tmp_path / "out.dcm", source=tmp_path / "in")
    assert np.array_equal(labels.array_zyx == 2, masks[..., 1])
    assert np.array_equal(labels.array_zyx == 1, masks[..., 0] & ~masks[..., 1])
    assert len(labels.warnings) == 1
    assert "16 voxels" in labels.warnings[0]
    assert convert(tmp_path / "out.dcm", tmp_path / "out.nrrd").warnings == labels.warnings


def test_fractional_segments_are_cut_at_one_half(tmp_path):
    volume = series(tmp_path / "in")
    headers = read_headers(volume.source)
    fractions = np.zeros((*volume.shape_zyx, 1), dtype=np.float32)
    fractions[3, 5, 5:9, 0] = [0.2, 0.45, 0.55, 1.0]
    write_foreign(tmp_path / "out.dcm", headers, fractions, "FRACTIONAL")
    labels = read_labels(tmp_path / "out.dcm", source=tmp_path / "in")
    assert labels.array_zyx[3, 5, 5:9].tolist() == [0, 0, 1, 1]
    assert "fractional" in labels.warnings[0]


def test_labelmap_segmentations_are_read(tmp_path):
    volume = series(tmp_path / "in")
    headers = read_headers(volume.source)
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3, 5, 5:9], array[4, 5, 5:9] = 1, 2
    write_foreign(tmp_path / "out.dcm", headers, array, "LABELMAP")
    assert np.array_equal(read_labels(tmp_path / "out.dcm", source=tmp_path / "in").array_zyx, array)


def write_foreign(path: Path, headers, pixels, kind: str) -> None:
    """A segmentation as other software writes it: no label values in the descriptions."""
    segments = [
        highdicom.seg.SegmentDescription(n, f"segment {n}", codes.SCT.Tissue, codes.SCT.Tissue, "MANUAL")
        for n in range(1, 2 if kind == "FRACTIONAL" else 3)
    ]
    highdicom.seg.Segmentation(
        headers, pixels, kind, segments, highdicom.UID(), 1, highdicom.UID(), 1, "m", "m", "1", "1"
    ).save_as(path)


def test_segments_of_another_series_are_refused(tmp_path, rng):
    write_labels(tmp_path / "out.dcm", drawn_on(series(tmp_path / "in"), rng))
    series(tmp_path / "other", AXIAL, along(AXIAL, 9, 2.5, start=(-20, 11, 51.0)))
    with pytest.raises(GeometryError, match="another grid"):
        read_labels(tmp_path / "out.dcm", source=tmp_path / "other")


def test_the_series_is_found_among_others_by_its_uid(tmp_path, rng):
    volume = series(tmp_path / "study" / "a")
    series(tmp_path / "study" / "b", AXIAL, along(AXIAL, 30, 1.0))  # larger: read by default
    for suffix in KINDS:
        write_labels(tmp_path / f"out{suffix}", drawn_on(volume, rng))
        back = read_labels(tmp_path / f"out{suffix}", source=tmp_path / "study")
        assert back.source is not None
        assert back.source.series_uid == volume.source.series_uid


def contoured(path: Path, volume: Volume, contours, kind: str = "CLOSED_PLANAR", frame: str | None = None) -> Path:
    """A structure set by another hand: `contours` are lists of LPS points."""
    base = np.zeros(volume.shape_zyx, dtype=np.uint8)
    base[0, 0, 0] = 1
    write_labels(path, LabelVolume(base, volume.grid, {1: Label("ROI", "#00ff00")}, volume.source))
    ds = pydicom.dcmread(path)
    items = []
    for points in contours:
        item = deepcopy(ds.ROIContourSequence[0].ContourSequence[0])
        item.ContourGeometricType = kind
        item.ContourData = [f"{v:.5f}" for v in np.ravel(points)]
        item.NumberOfContourPoints = len(points)
        items.append(item)
    ds.ROIContourSequence[0].ContourSequence = items
    if frame:
        ds.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = frame
        ds.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = frame
    ds.save_as(path)
    return path


def square(grid: Grid, z: float, first: float, last: float) -> np.ndarray:
    return grid.to_lps_mm([[z, first, first], [z, first, last], [z, last, last], [z, last, first]])


def test_contours_of_others(tmp_path):
    volume = series(tmp_path / "in", OBLIQUE)
    grid, out = volume.grid, tmp_path / "x.rtstruct.dcm"
    holed = contoured(out, volume, [square(grid, 3, 4.5, 20.5), square(grid, 3, 9.5, 12.5)])
    assert (read_labels(holed, source=volume).array_zyx == 1).sum() == 16 * 16 - 9
    out.unlink()
    off = contoured(out, volume, [square(grid, 3.2, 4.5, 8.5), square(grid, 3.45, 4.5, 20.5), square(grid, 60, 1, 5)])
    labels = read_labels(off, source=volume)
    assert (labels.array_zyx == 1).sum() == 16  # of two planes on one slice the nearer one
    assert any("0.20 slices" in w for w in labels.warnings)
    assert any("beyond the series" in w and "between slices" in w for w in labels.warnings)


def test_contours_that_do_not_fit_are_refused(tmp_path):
    volume = series(tmp_path / "in")
    grid, out = volume.grid, tmp_path / "x.rtstruct.dcm"
    tilted = grid.to_lps_mm([[1, 4, 4], [1, 4, 20], [6, 20, 20], [6, 20, 4]])
    with pytest.raises(GeometryError, match="not parallel"):
        read_labels(contoured(out, volume, [tilted]), source=volume)
    out.unlink()
    with pytest.raises(GeometryError, match="frame of reference"):
        read_labels(contoured(out, volume, [square(grid, 3, 4, 9)], frame="1.2.3"), source=volume)
    out.unlink()
    with pytest.raises(GeometryError, match=r"no area.*1 contours of type POINT"):
        read_labels(contoured(out, volume, [square(grid, 3, 4, 9)], kind="POINT"), source=volume)
    with pytest.raises(InputError, match="give the series"):
        read_labels(out)


def for_rt_utils(folder: Path) -> tuple[Volume, np.ndarray]:
    """Square slices of square pixels (rt-utils 1.2 takes rows for columns) and a mask of a ring and a disc."""
    write_series(folder, pattern(6, 32, 32), along(AXIAL, 6, 2.5), spacing=(0.8, 0.8))
    volume = read_volume(folder)
    y, x = np.indices((32, 32))
    ring = np.hypot(y - 17, x - 13)
    mask = np.zeros(volume.shape_zyx, dtype=bool)
    mask[:3], mask[3:] = (ring < 12) & (ring > 5), ring < 11
    return volume, mask


def test_rt_utils_fills_the_same_objects(tmp_path):
    rt_utils = pytest.importorskip("rt_utils")
    volume, mask = for_rt_utils(tmp_path / "in")
    labels = LabelVolume(mask.astype(np.uint8), volume.grid, {1: Label("ring", "#ff0000")}, volume.source)
    write_labels(tmp_path / "x.rtstruct.dcm", labels)
    theirs = rt_utils.RTStructBuilder.create_from(str(tmp_path / "in"), str(tmp_path / "x.rtstruct.dcm"))
    found = np.moveaxis(theirs.get_roi_mask_by_name("ring"), -1, 0)
    # It rounds contours to whole pixels and counts those on the line: a pixel more at the edges, holes kept.
    assert not (found & ~ndimage.binary_dilation(mask, np.ones((1, 3, 3)))).any()
    assert not (~found & mask).any()
    assert not found[:3, 17, 13].any()


def test_contours_of_rt_utils_are_read(tmp_path):
    rt_utils = pytest.importorskip("rt_utils")
    _, mask = for_rt_utils(tmp_path / "in")
    theirs = rt_utils.RTStructBuilder.create_new(str(tmp_path / "in"))
    theirs.add_roi(mask=np.moveaxis(mask, 0, -1), name="disc", color=[0, 0, 255])
    theirs.save(str(tmp_path / "theirs.dcm"))
    labels = read_labels(tmp_path / "theirs.dcm", source=tmp_path / "in")
    assert labels.labels[1] == Label("disc", "#0000ff")
    # Its contours run through the centres of the edge pixels, half a pixel within the mask.
    ours = labels.array_zyx == 1
    assert not (ours & ~ndimage.binary_dilation(mask, np.ones((1, 3, 3)))).any()
    assert not (~ours & ndimage.binary_erosion(mask, np.ones((1, 3, 3)))).any()


def test_nothing_about_the_patient_is_said(tmp_path, rng, capsys):
    volume = series(tmp_path / "in")
    receipt = write_labels(tmp_path / "out.dcm", drawn_on(volume, rng))
    told = str(receipt.to_dict()) + "".join(capsys.readouterr())
    assert not any(part in told for part in (*PATIENT.split("^"), "LAMANCHA", "15470929"))


def test_existing_files_and_strange_names(tmp_path, rng):
    labels = drawn_on(series(tmp_path / "in"), rng)
    write_labels(tmp_path / "out.dcm", labels)
    with pytest.raises(OutputError, match="exists already"):
        write_labels(tmp_path / "out.dcm", labels)
    write_labels(tmp_path / "out.dcm", labels, overwrite=True, dicom="rtstruct")
    assert pydicom.dcmread(tmp_path / "out.dcm").Modality == "RTSTRUCT"
    with pytest.raises(OutputError, match=r"end it with \.dcm"):
        write_labels(tmp_path / "out.nii", labels, dicom="seg")
    with pytest.raises(InputError, match="is a folder"):
        read_labels(tmp_path / "in")
    with pytest.raises(InputError, match="modality CT"):
        read_labels(next((tmp_path / "in").iterdir()))


def test_masks_of_other_tools_are_put_on_the_series(tmp_path, rng):
    """The same voxels, flipped, transposed and cropped: exactly what ITK and nibabel tools return."""
    volume = series(tmp_path / "in", OBLIQUE)
    labels = drawn_on(volume, rng)
    array = labels.array_zyx.copy()
    array[:2], array[-1:] = 0, 0
    affine = np.asarray(volume.affine).copy()
    flipped = affine.copy()
    flipped[:3, 3] = affine[:3, 3] + affine[:3, 0] * 7 + affine[:3, 1] * 32
    flipped[:3, 0], flipped[:3, 1] = -affine[:3, 2], -affine[:3, 1]
    flipped[:3, 2] = -affine[:3, 0]
    flipped[:3, 3] += affine[:3, 2] * 28
    turned = np.transpose(array[:8], (2, 1, 0))[::-1, ::-1, ::-1]
    write_labels(tmp_path / "t.nii.gz", LabelVolume(turned.copy(), Grid(turned.shape, flipped)))
    assert np.array_equal(read_labels(tmp_path / "t.nii.gz", source=volume).array_zyx, array)
    receipt = convert(tmp_path / "t.nii.gz", tmp_path / "t.seg.dcm", source=tmp_path / "in")
    assert receipt.voxels == {int(v): int((array == v).sum()) for v in LABELS}
    short = Volume(volume.array_zyx[:4], Grid((4, 33, 29), affine))
    with pytest.raises(GeometryError, match="beyond the series"):
        read_labels(tmp_path / "t.nii.gz", source=short)
    fine = Grid((17, 33, 29), affine @ np.diag([0.5, 1, 1, 1]))
    with pytest.raises(GeometryError, match="another grid"):
        read_labels(tmp_path / "t.nii.gz", source=Volume(np.zeros((17, 33, 29)), fine))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.5.1.4.1.1.2", "9.9", ""])
def test_a_damaged_transfer_syntax_ends_in_labels_or_a_sentence(tmp_path, rng, syntax):
    labels = drawn_on(series(tmp_path / "in"), rng)
    write_labels(tmp_path / "out.dcm", labels)
    stored = (tmp_path / "out.dcm").read_bytes()
    known = b"1.2.840.10008.1.2.1\0"
    assert stored.count(known) == 1
    (tmp_path / "out.dcm").write_bytes(stored.replace(known, syntax.encode().ljust(len(known), b"\0")[: len(known)]))
    with suppress(InputError):
        assert np.array_equal(read_labels(tmp_path / "out.dcm", source=tmp_path / "in").array_zyx, labels.array_zyx)
