"""DICOM SEG out, through highdicom: one binary segment per label, on the source's own slices."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from numpy.typing import NDArray

from volsweep.errors import OutputError, why_failed
from volsweep.geometry import Grid
from volsweep.io.derived.codes import meaning_of_label
from volsweep.io.derived.reference import check_can_write, new_series_number
from volsweep.io.derived.texts import UNICODE, names_of
from volsweep.io.dicom.values import items_of, quiet
from volsweep.io.formats import WITHOUT_SERIES
from volsweep.io.overlaps import Labelled
from volsweep.volume import Code, Label, LabelVolume, Source

_VALUE_IN_DESCRIPTION = re.compile(r"label value (\d{1,5})")


def value_in(description: str) -> int | None:
    """The label that a segment was written from; segments themselves are numbered without gaps."""
    found = _VALUE_IN_DESCRIPTION.fullmatch(description)
    return int(found[1]) if found else None


def write_seg(
    path: Path | BinaryIO, labels: Labelled, *, algorithm: str = "Volsweep", creator: str = ""
) -> tuple[str, ...]:
    """Write a DICOM Segmentation Storage object; segments may overlap.

    Parameters
    ----------
    path
        File to write; replaced if it exists. Or an open one.
    labels
        On the grid of a DICOM series with its UIDs.
    algorithm
        What made the segments (SegmentAlgorithmName).
    creator
        Who did (ContentCreatorName); empty: nobody is named.

    Returns
    -------
    tuple of str
        What had to be changed in names, and in what the series says of patient and study.

    Raises
    ------
    OutputError
        If there is no series to refer to, no label, or highdicom refuses the series.
    """
    source, headers, changed = check_can_write(labels)
    names, shortened = names_of(labels.labels)
    frames = _segments(labels)
    if source.frame_numbers:
        frames = _in_file_order(frames, source, headers)
        _share_geometry(labels.grid, headers[0])
    described = [
        _describe(number, value, replace(label, name=names[value]), algorithm)
        for number, (value, label) in enumerate(labels.labels.items(), start=1)
    ]
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _made(headers, frames, described, creator).save_as(path, enforce_file_format=True)
    except OSError:
        raise
    except Exception as error:  # highdicom and pydicom refuse incomplete series with many kinds
        reason = "its headers hold a value that is not valid" if _may_quote_values(error) else why_failed(error)
        raise OutputError(
            f"the series {source.path.name} cannot be referred to by a DICOM SEG ({reason}); write {WITHOUT_SERIES}"
        ) from None
    return (*changed, *shortened)


def _made(headers: list[pydicom.Dataset], frames: NDArray[Any], described: list[Any], creator: str) -> pydicom.Dataset:
    import highdicom
    from highdicom.seg import Segmentation

    made: pydicom.Dataset = Segmentation(
        source_images=headers,
        pixel_array=frames,
        segmentation_type="BINARY",
        segment_descriptions=described,
        series_instance_uid=highdicom.UID(),
        series_number=new_series_number(headers[0], 9000),
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="Volsweep",
        manufacturer_model_name="Volsweep",
        software_versions=version("napari-volsweep"),
        device_serial_number="0",
        content_label="SEGMENTATION",
        content_creator_name=creator or None,
        content_description="Segmentation of a series, not for diagnosis",
        series_description="Volsweep segmentation",
    )
    made.SpecificCharacterSet = UNICODE
    return made


def _may_quote_values(error: Exception) -> bool:
    """Complaints about values quote them, and they may be a patient's."""
    return not isinstance(error, AttributeError) or not str(error)


def _segments(labels: Labelled) -> NDArray[Any]:
    """Segments numbered from 1 without gaps, in order, as they must be.

    Returns
    -------
    ndarray, (slices, rows, columns) or (slices, rows, columns, segments)
        Their numbers; or, where they overlap, a mask of each.
    """
    values = list(labels.labels)
    layers = [labels.array_zyx] if isinstance(labels, LabelVolume) else labels.layers()
    if len(layers) > 1:
        return np.stack([labels.mask_zyx(value) for value in values], axis=-1).astype(np.uint8)
    frames = np.zeros(labels.grid.shape_zyx, dtype=np.uint8 if len(values) < 2**8 else np.uint16)
    for number, value in enumerate(values, start=1):
        frames[layers[0] == value] = number
    return frames


def _in_file_order(frames: NDArray[Any], source: Source, headers: list[pydicom.Dataset]) -> NDArray[Any]:
    """Bring slices into the order of the frames of their multi-frame file."""
    if len(headers) > 1:
        raise OutputError(
            f"the series {source.path.name} is spread over {len(headers)} multi-frame files, and a DICOM SEG can be "
            f"written for one; write {WITHOUT_SERIES}"
        )
    count = int(headers[0].NumberOfFrames)
    ordered = np.zeros((count, *frames.shape[1:]), dtype=frames.dtype)
    ordered[np.array(source.frame_numbers) - 1] = frames
    return ordered


def _share_geometry(grid: Grid, header: pydicom.Dataset) -> None:
    """Put spacing and orientation where highdicom looks for them: some scanners repeat them in every frame."""
    from highdicom import PixelMeasuresSequence, PlaneOrientationSequence

    spacing = grid.spacing_zyx_mm
    along_slices, along_rows, along_columns = (grid.affine[:3, :3] / spacing).T
    step_mm = abs(float(np.cross(along_columns, along_rows) @ along_slices)) * float(spacing[0])
    if not items_of(header, "SharedFunctionalGroupsSequence"):
        header.SharedFunctionalGroupsSequence = [pydicom.Dataset()]
    shared = header.SharedFunctionalGroupsSequence[0]
    shared.PixelMeasuresSequence = PixelMeasuresSequence([float(s) for s in spacing[1:]], step_mm, step_mm)
    shared.PlaneOrientationSequence = PlaneOrientationSequence("PATIENT", [*along_columns, *along_rows])


def _describe(number: int, value: int, label: Label, algorithm: str) -> Any:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes

    meaning = meaning_of_label(label)
    segment = SegmentDescription(
        segment_number=number,
        segment_label=label.name,
        segmented_property_category=_concept(meaning.category),
        segmented_property_type=_concept(meaning.kind),
        algorithm_type="SEMIAUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=algorithm, version=version("napari-volsweep"), family=codes.DCM.ArtificialIntelligence
        ),
        display_color=CIELabColor.from_string(label.color),
        tracking_uid=label.tracking_uid,
        tracking_id=label.name if label.tracking_uid else None,
        anatomic_regions=None if meaning.region is None else [_concept(meaning.region)],
    )
    if meaning.side is not None:
        segment.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = pydicom.Sequence(
            [_concept(meaning.side)]
        )
    if meaning.region is not None and meaning.region_side is not None:
        segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = pydicom.Sequence(
            [_concept(meaning.region_side)]
        )
    segment.SegmentDescription = f"label value {value}"
    return segment


def _concept(code: Code) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning)
