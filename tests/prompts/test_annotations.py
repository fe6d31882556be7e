"""Prompts from measurements in DICOM SR and graphics in presentation states, written with highdicom."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from highdicom import sr
from pydicom.sr.codedict import codes
from support.annotation_files import (
    graphic,
    group,
    headers_of,
    inferred,
    length,
    measured,
    region,
    region_3d,
    write_presentation,
    write_report,
)
from support.dicom_files import AXIAL, along, pattern, write_enhanced, write_series

from volsweep.errors import GeometryError, InputError, PromptError
from volsweep.io import read_labels, read_volume, write_labels
from volsweep.prompts.kinds import Box, Line, Point
from volsweep.prompts.mask import Mask
from volsweep.prompts.recist import Recist
from volsweep.prompts.source import read_prompt_source

ROWS, COLUMNS = 40, 50
ELLIPSE = [[10.5, 20.5], [30.5, 20.5], [20.5, 14.5], [20.5, 26.5]]
ARMS = [[5, 5], [25, 7], [5, 28], [25, 20]]
TILT = sr.CodedConcept("T1", "99TEST", "Pelvic tilt angle")
SQUARE = [[10, 12], [18, 12], [18, 20], [10, 20], [10, 12]]


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    """A CT series, whose file names are not in slice order, and its headers in slice order."""
    folder = tmp_path_factory.mktemp("series")
    files = write_series(folder, pattern(7, ROWS, COLUMNS, np.int32) % 999, along(AXIAL, 7, 3.0), spacing=(0.5, 0.8))
    return read_volume(folder), headers_of(files)


def test_half_a_pixel_is_right(series, tmp_path):
    """SCOORD counts from the corner of the first pixel: 0.5 is its centre."""
    volume, images = series
    path = write_report(tmp_path / "sr.dcm", images, [group("dot", region(images[3], "POINT", [[7.5, 9.5]]))])
    found = read_prompt_source(path, volume)
    assert found.prompts == (Point(label=1, slice=3, point_xy=(7, 9)),)
    assert found.labels[1].name == "dot"
    path = write_presentation(tmp_path / "pr.dcm", images, [(3, [graphic("POINT", [[7.5, 9.5]])])])
    assert read_prompt_source(path, volume).prompts == found.prompts


@pytest.mark.parametrize("kind", ["box", "mask", "line"])
def test_outlines_become_what_labels_become(series, tmp_path, kind):
    volume, images = series
    square = group("square", region(images[2], "POLYLINE", SQUARE))
    (prompt,) = read_prompt_source(write_report(tmp_path / "x", images, [square]), volume, kind=kind).prompts
    expected = {
        "box": Box(label=1, slice=2, box_xyxy=(10, 12, 17, 19)),
        "mask": Mask.from_array(_square(), label=1, slice=2),
        "line": None,
    }[kind]
    if kind == "line":
        assert isinstance(prompt, Line)
        x0, y0, x1, y1 = prompt.line_xyxy
        # 8 x 8 pixels of 0.8 x 0.5 mm, from corner to corner.
        assert np.hypot((x1 - x0) * 0.8, (y1 - y0) * 0.5) == pytest.approx(np.hypot(6.4, 4.0), rel=0.15)
    else:
        assert prompt == expected


def _square() -> np.ndarray:
    mask = np.zeros((ROWS, COLUMNS), dtype=bool)
    mask[12:20, 10:18] = True
    return mask


def test_ellipses_and_circles(series, tmp_path):
    """Against the equation of an ellipse at every pixel's centre."""
    volume, images = series
    path = write_report(tmp_path / "sr.dcm", images, [group("e", region(images[1], "ELLIPSE", ELLIPSE))])
    (mask,) = read_prompt_source(path, volume, kind="mask").prompts
    y, x = np.indices((ROWS, COLUMNS)) + 0.5
    inside = ((x - 20.5) / 10) ** 2 + ((y - 20.5) / 6) ** 2 < 1
    assert (mask.to_array() ^ inside).sum() <= 0.03 * inside.sum()
    for name, objects in {
        "ellipse.dcm": [graphic("ELLIPSE", ELLIPSE)],
        "circle.dcm": [graphic("CIRCLE", [[20.5, 20.5], [23.5, 24.5]])],
    }.items():
        path = write_presentation(tmp_path / name, images, [(1, objects)])
        (found,) = read_prompt_source(path, volume, kind="mask").prompts
        if name == "ellipse.dcm":
            assert found == mask
        else:
            radius = np.hypot(x - 20.5, y - 20.5)
            assert (found.to_array() ^ (radius < 5)).sum() <= 0.05 * np.pi * 25


def test_recist_keeps_both_axes(series, tmp_path):
    volume, images = series
    axes = {"short": [[20, 10], [20, 24]], "long": [[10, 20], [30, 20]]}
    path = write_report(tmp_path / "sr.dcm", images, [group("T01", None, measured(images[4], axes), images[4])])
    found = read_prompt_source(path, volume)
    expected = Recist(label=1, slice=4, axes_xyxy=(9.5, 19.5, 29.5, 19.5, 19.5, 9.5, 19.5, 23.5))
    assert found.prompts == (expected,)
    assert found.labels[1].name == "T01"
    # Of lines that do not cross, and of those on two slices, the longest alone.
    for beside, at in (([[40, 10], [40, 24]], 4), ([[20, 10], [20, 24]], 5)):
        lines = [*measured(images[4], {"long": axes["long"]}), *measured(images[at], {"short": beside})]
        path = write_report(tmp_path / "sr.dcm", images, [group("T01", None, lines, images[4])])
        assert read_prompt_source(path, volume).prompts == (Line(label=1, slice=4, line_xyxy=(9.5, 19.5, 29.5, 19.5)),)
    # Of lines that cross in one drawing, and of those in one group; millimetres count, not pixels.
    upright = [[20, 10], [20, 34]]
    assert np.ptp(upright) > 20 * 0.8
    for name, options in (("cross.dcm", {}), ("tracked.dcm", {"tracking_id": "T01", "tracking_uid": "1.2.3"})):
        lines = [graphic("POLYLINE", line, **options) for line in (upright, [[10, 20], [30, 20]])]
        path = write_presentation(tmp_path / name, images, [(4, lines)])
        (crossed,) = read_prompt_source(path, volume).prompts
        assert crossed.axes_xyxy == (9.5, 19.5, 29.5, 19.5, 19.5, 9.5, 19.5, 33.5)


def test_angles_and_lines_that_measure_nothing_are_left_out_by_name(series, tmp_path):
    volume, images = series
    groups = [
        group("lesion", None, measured(images[3], {"long": [[10, 20], [30, 20]]}), images[3]),
        group("spine", None, [inferred(images[5], codes.SCT.Angle, codes.UCUM.Degree, ARMS)], images[5]),
        group("other", None, [inferred(images[5], TILT, codes.UCUM.NoUnits, ARMS[:3])], images[5]),
        group("bare", region(images[4], "POLYLINE", ARMS[:2])),
    ]
    found = read_prompt_source(write_report(tmp_path / "sr.dcm", images, groups), volume)
    assert [(found.labels[p.label].name, p.kind) for p in found.prompts] == [("lesion", "line")]
    assert found.notes == ("left out of sr.dcm: 2 graphics that are angles, 1 lines that measure no length",)


def test_of_an_arrow_the_tip_is_a_click_and_the_tail_nothing(series, tmp_path):
    volume, images = series
    arrow = "Cornerstone3DTools@^0.1.0:ArrowAnnotate"
    path = write_report(
        tmp_path / "sr.dcm", images, [group(arrow, region(images[3], "POLYLINE", [[7.5, 9.5], [30, 30]]))]
    )
    assert read_prompt_source(path, volume).prompts == (Point(label=1, slice=3, point_xy=(7, 9)),)
    # Saved as one point of four numbers, which the standard does not know.
    report = pydicom.dcmread(path)
    for item in report.iterall():
        if item.keyword == "GraphicType":
            item.value = "POINT"
    report.save_as(path)
    assert read_prompt_source(path, volume).prompts == (Point(label=1, slice=3, point_xy=(7, 9)),)


def test_a_presentation_line_is_a_diameter_where_a_length_stands_beside_it(series, tmp_path):
    volume, images = series
    line, arrow = [[10, 20], [30, 20]], [[40, 5], [33, 11]]

    def kinds(name, objects, *texts):
        path = write_presentation(tmp_path / name, images, [(3, objects, texts)])
        try:
            return [p.line_xyxy for p in read_prompt_source(path, volume).prompts]
        except InputError as error:
            return str(error)

    one = [graphic("POLYLINE", line)]
    assert "1 lines that measure no length" in kinds("bare.dcm", one)
    assert kinds("length.dcm", one, ("20.1 mm", (31, 20))) == [(9.5, 19.5, 29.5, 19.5)]
    both = [graphic("POLYLINE", arrow), *one]
    assert kinds("both.dcm", both, ("Length: 2.0 cm", (31, 20)), ("see here", (40, 4))) == [(9.5, 19.5, 29.5, 19.5)]
    corner = [graphic("POLYLINE", ARMS[:3])]
    assert "1 graphics that are angles" in kinds("angle.dcm", corner, ("32.5°", (5, 5)))


SHAFT = [[30.5, 30.5], [10.5, 12.5]]
"""From the tail to the tip."""
TIP = Point(label=1, slice=3, point_xy=(10, 12))
BARBS = [[11.5, 17.5], [16.5, 13.5]]


@pytest.mark.parametrize(
    ("objects", "texts"),
    [
        ([SHAFT, [BARBS[0], SHAFT[1], BARBS[1]]], [("", SHAFT[1])]),  # as Agfa's IMPAX writes them
        ([SHAFT[::-1], [SHAFT[1], *BARBS, SHAFT[1]]], []),  # a closed head
        ([SHAFT, [SHAFT[1], BARBS[0]], [BARBS[1], SHAFT[1]]], []),  # three lines
        ([[*SHAFT, BARBS[0], SHAFT[1], BARBS[1]]], []),  # in one go
        ([SHAFT], [("see here", SHAFT[1])]),  # no head: the text says at which end
        ([], [("metastasis?", SHAFT[1])]),  # no arrow at all
    ],
)
def test_of_an_arrow_of_a_presentation_state_the_tip_is_a_click(series, tmp_path, objects, texts):
    volume, images = series
    path = write_presentation(tmp_path / "pr.dcm", images, [(3, [graphic("POLYLINE", one) for one in objects], texts)])
    assert read_prompt_source(path, volume).prompts == (TIP,)


@pytest.mark.parametrize(
    ("objects", "texts"),
    [
        ([SHAFT], [("see here", [20.5, 20.5])]),  # the text stands at neither end
        ([SHAFT, [[20.5, 30.5], SHAFT[1], [5.5, 13.5]]], []),  # strokes that go on ahead of it: no head
        ([SHAFT, [BARBS[0], SHAFT[1], BARBS[1]], [[30.5, 25.5], SHAFT[0], [25.5, 30.5]]], []),  # heads at both ends
        ([], [("18 mm", SHAFT[1])]),  # measured
    ],
)
def test_what_is_no_arrow_is_no_click(series, tmp_path, objects, texts):
    volume, images = series
    path = write_presentation(tmp_path / "pr.dcm", images, [(3, [graphic("POLYLINE", one) for one in objects], texts)])
    try:
        kinds = {prompt.kind for prompt in read_prompt_source(path, volume).prompts}
    except InputError:
        kinds = set()
    assert "point" not in kinds


def test_two_arrows_point_at_two_objects_and_a_measured_line_stays_a_line(series, tmp_path):
    volume, images = series
    moved = (np.add(one, (12, 5)) for one in (SHAFT, [BARBS[0], SHAFT[1], BARBS[1]]))
    arrows = [graphic("POLYLINE", one) for one in (SHAFT, [BARBS[0], SHAFT[1], BARBS[1]], *moved)]
    measured_line = [graphic("POLYLINE", [[10, 20], [30, 20]])]
    path = write_presentation(tmp_path / "pr.dcm", images, [(3, arrows), (5, measured_line, [("20.1 mm", (31, 20))])])
    found = read_prompt_source(path, volume).prompts
    assert [(p.kind, p.label, p.slice) for p in found] == [("point", 1, 3), ("point", 2, 3), ("line", 3, 5)]
    assert found[1].point_xy == (22, 17)


def test_of_a_compound_arrow_the_end_that_a_text_is_anchored_at_is_the_tip(series, tmp_path):
    """Programs do not agree on which of its two points that is."""
    volume, images = series
    path = write_presentation(tmp_path / "pr.dcm", images, [(3, [], [("here", SHAFT[1])])])
    state = pydicom.dcmread(path)
    (drawing,) = state.GraphicAnnotationSequence
    arrow = pydicom.Dataset()
    arrow.CompoundGraphicType, arrow.CompoundGraphicUnits, arrow.CompoundGraphicInstanceID = "ARROW", "PIXEL", 1
    arrow.GraphicDimensions, arrow.NumberOfGraphicPoints = 2, 2
    drawing.CompoundGraphicSequence = [arrow]
    for points in (SHAFT, SHAFT[::-1]):
        arrow.GraphicData = np.ravel(points).tolist()
        state.save_as(path)
        assert read_prompt_source(path, volume).prompts == (TIP,)
    arrow.GraphicData = [1.0, 1.0, 5.0, 5.0]
    state.save_as(path)
    with pytest.raises(InputError, match="without a point"):
        read_prompt_source(path, volume)


def test_every_object_is_a_label_of_its_own(series, tmp_path):
    volume, images = series
    groups = [
        group("liver lesion", region(images[2], "POLYLINE", SQUARE)),
        group("node", None, measured(images[5], {"long": [[30, 5], [40, 5]]}), images[5]),
        group("clicks", None, measured(images[1], {"long": [[3.5, 4.5], [6.5, 7.5]]}, "MULTIPOINT"), images[1]),
    ]
    path = write_report(tmp_path / "sr.dcm", images, groups)
    found = read_prompt_source(path, volume)
    assert [(p.kind, p.label, p.slice) for p in found.prompts] == [
        ("box", 1, 2), ("line", 2, 5), ("point", 3, 1), ("point", 3, 1)
    ]  # fmt: skip
    assert [found.labels[v].name for v in (1, 2, 3)] == ["liver lesion", "node", "clicks"]
    assert read_prompt_source(path, volume, only=["NODE"]).prompts == found.prompts[1:2]
    assert [p.label for p in read_prompt_source(path, volume, only=["clicks", "1"]).prompts] == [1, 3, 3]
    with pytest.raises(PromptError, match="no label 'spleen'; there are: 1 liver lesion, 2 node, 3 clicks"):
        read_prompt_source(path, volume, only=["spleen"])
    with pytest.raises(PromptError, match="nothing of 'liver lesion' was drawn on slices 4 to 6"):
        read_prompt_source(path, volume, slices=(4, 6))


def test_the_same_groups_as_highdicom_finds(series, tmp_path):
    from highdicom import sr

    volume, images = series
    groups = [group(f"g{i}", region(images[i], "POLYLINE", SQUARE)) for i in range(4)]
    path = write_report(tmp_path / "sr.dcm", images, groups)
    theirs = sr.srread(path).content.get_planar_roi_measurement_groups()
    mine = read_prompt_source(path, volume)
    assert [mine.labels[v].name for v in sorted(mine.labels)] == [str(g.tracking_identifier) for g in theirs]
    uids = [g.roi.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID for g in theirs]
    assert [volume.source.sop_instance_uids[p.slice] for p in mine.prompts] == uids


def test_millimetres(series, tmp_path):
    volume, images = series
    frame = images[0].FrameOfReferenceUID
    at = volume.grid.to_lps_mm([[2, 12, 10], [2, 12, 17], [2, 19, 17], [2, 19, 10]])
    shapes = {
        "polygon": region_3d(frame, "POLYGON", [*at, at[0]]),
        "line": region_3d(frame, "POLYLINE", at[[0, 2]]),
        "point": region_3d(frame, "POINT", at[:1]),
    }
    groups = [group(name, shape, [length()] if name == "line" else ()) for name, shape in shapes.items()]
    path = write_report(tmp_path / "sr.dcm", images, groups)
    box, line, point = read_prompt_source(path, volume).prompts
    assert (box.kind, box.slice) == ("box", 2)
    assert np.allclose(box.box_xyxy, (10, 12, 17, 19), atol=1.01)
    assert line.slice == point.slice == 2
    assert np.allclose(line.line_xyxy, (10, 12, 17, 19), atol=1e-4)
    assert np.allclose(point.point_xy, (10, 12), atol=1e-4)
    # The same millimetres, swept in another plane: points are about any of them, lines are not.
    path = write_report(tmp_path / "dot.dcm", images, [group("dot", shapes["point"])])
    (sagittal,) = read_prompt_source(path, volume, plane="sagittal").prompts
    assert (sagittal.slice, *np.round(sagittal.point_xy, 4)) == (10, 12, 2)
    path = write_report(tmp_path / "line.dcm", images, [group("line", shapes["line"], [length()])])
    with pytest.raises(PromptError, match="runs through sagittal slices"):
        read_prompt_source(path, volume, plane="sagittal")


def test_what_is_about_another_series_is_refused(series, tmp_path):
    volume, images = series
    files = write_series(tmp_path / "other", pattern(3, ROWS, COLUMNS, np.int32) % 999, along(AXIAL, 3, 3.0))
    others = headers_of(files)
    at = volume.grid.to_lps_mm([[2, 12, 10]])
    for shape in (region(others[1], "POINT", [[7.5, 9.5]]), region_3d(others[0].FrameOfReferenceUID, "POINT", at)):
        path = write_report(tmp_path / "sr.dcm", others, [group("dot", shape)])
        with pytest.raises(GeometryError, match=r"none of the 1 graphics in sr.dcm is about this series"):
            read_prompt_source(path, volume)
    beyond = region_3d(images[0].FrameOfReferenceUID, "POINT", volume.grid.to_lps_mm([[40, 12, 10]]))
    path = write_report(tmp_path / "sr.dcm", images, [group("dot", beyond)])
    with pytest.raises(GeometryError, match="none of the 1 graphics"):
        read_prompt_source(path, volume)
    beside = region(images[1], "POINT", [[7.5, 900.0]])
    path = write_report(tmp_path / "sr.dcm", images, [group("dot", beside)])
    with pytest.raises(PromptError, match="outside the axial slice"):
        read_prompt_source(path, volume)


def test_planes_and_volumes_that_do_not_fit(series, tmp_path):
    volume, images = series
    path = write_report(tmp_path / "sr.dcm", images, [group("dot", region(images[1], "POINT", [[7.5, 9.5]]))])
    with pytest.raises(PromptError, match="drawn on axial slices, so that is the plane to sweep"):
        read_prompt_source(path, volume, plane="coronal")
    from dataclasses import replace

    with pytest.raises(GeometryError, match="does not know its own; give their series"):
        read_prompt_source(path, replace(volume, source=None))


def test_graphics_without_a_place(series, tmp_path):
    volume, images = series
    path = write_presentation(tmp_path / "pr.dcm", images, [(1, [graphic("POINT", [[0.5, 0.5]], "DISPLAY")])])
    with pytest.raises(InputError, match=r"presentation state without .* \(1 graphics placed on the display \(DISPLAY"):
        read_prompt_source(path, volume)
    state = pydicom.dcmread(write_presentation(path, images, [(1, [graphic("POINT", [[5, 5]])])]))
    del state.GraphicAnnotationSequence[0].ReferencedImageSequence
    state.save_as(path)
    with pytest.raises(InputError, match="1 graphics on all images of a series"):
        read_prompt_source(path, volume)
    report = pydicom.dcmread(write_report(path, images, [group("dot", region(images[1], "POINT", [[7.5, 9.5]]))]))
    report.ContentSequence.clear()
    report.save_as(path)
    with pytest.raises(InputError, match="structured report without"):
        read_prompt_source(path, volume)


def test_open_paths_and_tiny_outlines_become_boxes(series, tmp_path):
    volume, images = series
    objects = [
        graphic("POLYLINE", [[5, 5], [9, 6], [7, 12]]),
        graphic("POLYLINE", [[20.6, 20.6], [20.9, 20.6], [20.8, 20.9], [20.6, 20.6]]),
    ]
    path = write_presentation(tmp_path / "pr.dcm", images, [(1, objects)])
    path_box, tiny = read_prompt_source(path, volume, kind="mask").prompts
    assert path_box.box_xyxy == (4.5, 4.5, 8.5, 11.5)
    assert np.allclose(tiny.box_xyxy, (20.1, 20.1, 20.4, 20.4), atol=1e-5)


def test_frames_of_a_multiframe_image(tmp_path):
    frames = [{"position": p, "orientation": AXIAL, "spacing": (1, 1)} for p in along(AXIAL, 5, 2.0)[::-1]]
    write_enhanced(tmp_path / "mr.dcm", pattern(5, 12, 14), frames)
    volume = read_volume(tmp_path / "mr.dcm")
    images = headers_of([tmp_path / "mr.dcm"])
    path = write_report(tmp_path / "sr.dcm", images, [group("dot", region(images[0], "POINT", [[7.5, 9.5]]))])
    report = pydicom.dcmread(path)
    for item in report.iterall():
        if item.keyword == "ReferencedSOPSequence":
            item.value[0].ReferencedFrameNumber = 2
    report.save_as(path)
    (point,) = read_prompt_source(path, volume).prompts
    assert volume.source.frame_numbers[point.slice] == 2


def test_contours_over_many_slices_give_the_largest(series, tmp_path):
    volume, images = series
    tracking = sr.TrackingIdentifier(uid="1.2.3.4", identifier="volume")
    rings = [
        region(images[i], "POLYLINE", 20 + r * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]))
        for i, r in ((1, 3), (2, 6), (3, 8), (4, 5))
    ]
    volumetric = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking, referenced_regions=rings
    )
    path = write_report(tmp_path / "sr.dcm", images, [volumetric])
    assert read_prompt_source(path, volume).prompts == (Box(label=1, slice=3, box_xyxy=(12, 12, 27, 27)),)


@pytest.mark.filterwarnings("ignore:The string .* intended person name:UserWarning")  # highdicom, of a study number
def test_an_experts_contours_as_a_report(cases, tmp_path):
    """The same outlines as RTSTRUCT and as SCOORD give the same box; and so do those of a presentation state."""
    folder = cases / "dicom" / "sarcoma_sts025" / "CT"
    volume = read_volume(folder / "image")
    (expected,) = read_prompt_source(folder / "mask" / "RS.dcm", volume).prompts
    images = headers_of(volume.source.slice_files)
    contours = pydicom.dcmread(folder / "mask" / "RS.dcm").ROIContourSequence[0].ContourSequence
    regions, objects = [], []
    for contour in contours:
        index = volume.grid.to_index_zyx(np.reshape(np.array(contour.ContourData, dtype=float), (-1, 3)))
        xy = index[:, :0:-1] + 0.5
        at, closed = round(float(index[:, 0].mean())), [*xy, xy[0]]
        regions.append(group("tumour", region(images[at], "POLYLINE", closed)))
        objects.append((at, [graphic("POLYLINE", closed, tracking_id="tumour", tracking_uid="1.2.3")]))
    report = pydicom.dcmread(write_report(tmp_path / "sr.dcm", images, regions))
    for item in report.ContentSequence[-1].ContentSequence:
        item.ContentSequence[1].UID = "1.2.3.4"  # one tracking UID for all of them
    report.save_as(tmp_path / "sr.dcm")
    write_presentation(tmp_path / "pr.dcm", images, objects)
    for name in ("sr.dcm", "pr.dcm"):
        (found,) = read_prompt_source(tmp_path / name, volume).prompts
        assert found.slice == expected.slice
        assert np.abs(np.subtract(found.box_xyxy, expected.box_xyxy)).max() <= 1


@pytest.mark.integration
def test_a_report_by_dcmqi_refers_to_its_segmentation(cases, tmp_path):
    """tid1500writer measures segments, so it is the SEG that has to be given, and the sentence says so."""
    writer = shutil.which("tid1500writer") or shutil.which("tid1500writer", path=str(Path(sys.executable).parent))
    if writer is None:
        pytest.fail("tid1500writer is not installed; `make test-integration` installs it")
    folder = cases / "dicom" / "sarcoma_sts025" / "MR_T1"
    labels = read_labels(folder / "mask" / "RS.dcm", source=folder / "image")
    receipt = write_labels(tmp_path / "seg.dcm", labels)
    code = {"CodeValue": "85756007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Tissue"}
    meta = {
        "@schema": "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/schemas/sr-tid1500-schema.json#",
        "SeriesDescription": "Measurements", "SeriesNumber": "1001", "InstanceNumber": "1",
        "compositeContext": ["seg.dcm"],
        "imageLibrary": sorted(p.name for p in (folder / "image").iterdir()),
        "observerContext": {"ObserverType": "PERSON", "PersonObserverName": "x"},
        "VerificationFlag": "UNVERIFIED", "CompletionFlag": "COMPLETE", "activitySession": "1",
        "timePoint": "1",
        "Measurements": [{
            "MeasurementGroup": "group", "TrackingIdentifier": "tumour", "ReferencedSegment": 1,
            "SourceSeriesForImageSegmentation": labels.source.series_uid,
            "segmentationSOPInstanceUID": str(pydicom.dcmread(receipt.path).SOPInstanceUID),
            "Finding": code, "FindingSite": code,
            "measurementItems": [{
                "value": "12", "quantity": {"CodeValue": "118565006", "CodingSchemeDesignator": "SCT",
                                            "CodeMeaning": "Volume"},
                "units": {"CodeValue": "mm3", "CodingSchemeDesignator": "UCUM", "CodeMeaning": "mm3"}}],
        }],
    }  # fmt: skip
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    command = [writer, "--inputImageLibraryDirectory", folder / "image", "--inputCompositeContextDirectory", tmp_path,
               "--inputMetadata", tmp_path / "meta.json", "--outputDICOM", tmp_path / "sr.dcm"]  # fmt: skip
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.raises(InputError, match=r"references to a segmentation \(give the SEG itself\)"):
        read_prompt_source(tmp_path / "sr.dcm", read_volume(folder / "image"))
