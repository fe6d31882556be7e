"""SR documents and presentation states about a series, written with highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from highdicom import sr
from highdicom.pr import (
    GraphicAnnotation,
    GraphicGroup,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    TextObject,
)
from pydicom.sr.codedict import codes

from volsweep.io.derived.reference import tidy_study

MAKER = {"manufacturer": "x", "manufacturer_model_name": "x", "software_versions": "x", "device_serial_number": "x"}


def headers_of(files: Sequence[Path]) -> list[pydicom.Dataset]:
    """Images as evidence: highdicom wants every attribute of patient and study, if empty."""
    images = [pydicom.dcmread(path) for path in files]
    for image in images:
        tidy_study(image)
    return images


def region(image: pydicom.Dataset, graphic: str, points_xy: Sequence[Sequence[float]]) -> sr.ImageRegion:
    """A region of an image, in the pixel coordinates of SCOORD."""
    source = sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID)
    return sr.ImageRegion(graphic, np.array(points_xy, dtype=float), source)


def region_3d(frame: str, graphic: str, points_mm: Any) -> sr.ImageRegion3D:
    return sr.ImageRegion3D(graphic, np.asarray(points_mm, dtype=float), frame)


def measured(
    image: pydicom.Dataset, ends: dict[str, Sequence[Sequence[float]]], graphic: str = "POLYLINE"
) -> list[sr.Measurement]:
    """Lengths, each inferred from a line on an image: the long and the short axis of RECIST."""
    source = sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID)
    names = {"long": codes.SCT.LongAxis, "short": codes.SCT.ShortAxis}
    return [
        sr.Measurement(
            name=names[which],
            value=float(np.linalg.norm(np.diff(line, axis=0))),
            unit=codes.UCUM.Millimeter,
            referenced_coordinates=[sr.CoordinatesForMeasurement(graphic, np.array(line, dtype=float), source)],
        )
        for which, line in ends.items()
    ]


def inferred(image: pydicom.Dataset, name: Any, unit: Any, path: Sequence[Sequence[float]]) -> sr.Measurement:
    """A number inferred from a path on an image."""
    source = sr.SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID)
    where = sr.CoordinatesForMeasurement("POLYLINE", np.array(path, dtype=float), source)
    return sr.Measurement(name=name, value=32.0, unit=unit, referenced_coordinates=[where])


def length(value: float = 20.0) -> sr.Measurement:
    """A length of a region that stands in the group itself."""
    return sr.Measurement(name=codes.SCT.LongAxis, value=value, unit=codes.UCUM.Millimeter)


def group(name: str, where: Any = None, measurements: Sequence[sr.Measurement] = (), image: Any = None) -> Any:
    """A measurement group of TID 1410, or of TID 1501 where it has no region of its own."""
    tracking = sr.TrackingIdentifier(uid=highdicom.UID(), identifier=name)
    if where is not None:
        return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=tracking, referenced_region=where, finding_type=codes.SCT.Neoplasm,
            measurements=measurements or None,
        )  # fmt: skip
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking,
        measurements=measurements,
        source_images=[sr.SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID)],
    )


def write_report(path: Path, evidence: Sequence[pydicom.Dataset], groups: Sequence[Any]) -> Path:
    """Write a TID 1500 report."""
    reader = sr.ObserverContext(
        codes.DCM.Device, sr.DeviceObserverIdentifyingAttributes(uid=highdicom.UID(), name="test")
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=reader),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=groups,
    )
    document = sr.Comprehensive3DSR(
        evidence=list(evidence), content=content[0], series_instance_uid=highdicom.UID(), series_number=90,
        sop_instance_uid=highdicom.UID(), instance_number=1, manufacturer="x",
    )  # fmt: skip
    document.save_as(path)
    return path


def presence_in(group) -> str:
    """What a group says of whether the object is there; its time point and category are evaluations too."""
    said = {str(e.name.meaning): str(e.value.meaning) for e in group.get_qualitative_evaluations()}
    return said["Presence of a finding of the earlier study"]


def graphic(kind: str, points_xy: Any, units: str = "PIXEL", **options: Any) -> GraphicObject:
    return GraphicObject(kind, np.array(points_xy, dtype=float), units, **options)


def write_presentation(
    path: Path,
    evidence: Sequence[pydicom.Dataset],
    drawings: Sequence[tuple[Any, ...]],
    groups: Sequence[GraphicGroup] = (),
) -> Path:
    """Write a presentation state with graphics and texts with their places, each list on one image."""
    layer = GraphicLayer("READER", order=1)
    state = GrayscaleSoftcopyPresentationState(
        referenced_images=list(evidence), series_instance_uid=highdicom.UID(), series_number=91,
        sop_instance_uid=highdicom.UID(), instance_number=1, content_label="READ", **MAKER,
        graphic_layers=[layer], graphic_groups=list(groups) or None,
        graphic_annotations=[
            GraphicAnnotation(
                [evidence[index]],
                layer,
                graphic_objects=list(objects),
                text_objects=[TextObject(text, "PIXEL", anchor_point=at) for text, at in (texts or [()])[0]] or None,
            )
            for index, objects, *texts in drawings
        ],
    )  # fmt: skip
    state.save_as(path)
    return path
