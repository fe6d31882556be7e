"""DICOM SR out, through highdicom: measurements of objects in one study or several (TID 1500), for the PACS.

Every object is one measurement group (TID 1501) a study, under one tracking UID; its axes are lines on the images they
were taken on, so that a workstation shows them, and `volsweep segment --prompts` reads them back as RECIST lines.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from typing import Any

import numpy as np
import pydicom

from volsweep.errors import OutputError
from volsweep.io.derived import sr_codes
from volsweep.io.derived.codes import meaning_of_label
from volsweep.io.derived.reference import check_can_refer, new_series_number, read_headers
from volsweep.io.derived.texts import UNICODE, names_of
from volsweep.io.dicom.values import items_of, quiet, text_of, uid_of
from volsweep.io.formats import WITHOUT_SERIES
from volsweep.measurement.axes import LineXYXY
from volsweep.measurement.measure import Measurement
from volsweep.volume import Code, Label, Source, Volume

_Image = tuple[str, str, list[int] | None]
"""Class, UID and frame, if it has any."""
_Line = tuple[LineXYXY, _Image]


@dataclass(frozen=True)
class Reported:
    """One object in one study.

    Parameters
    ----------
    tracking_uid
        What it is called in every study.
    value, label
        Its number, and what it is.
    study
        Which of the report's studies, from 0, the earliest.
    measurement
        None where it is not there, or was not imaged.
    absent
        Whether it was looked for and is not there; without a measurement, and not absent, it was not imaged.
    volume_change_percent
        Since the study before; None in the first.
    """

    tracking_uid: str
    value: int
    label: Label
    study: int
    measurement: Measurement | None
    absent: bool = False
    volume_change_percent: float | None = None


@dataclass(frozen=True)
class Summed:
    """All objects of the last study together.

    Parameters
    ----------
    sum_mm, percent
        Of the longest diameters, and the change of that; None where there is none.
    category
        CR, PR, SD, PD or NE.
    """

    sum_mm: float
    percent: float | None
    category: str


def can_be_reported(source: Source | None) -> Source:
    """A series that a report can refer to.

    Raises
    ------
    OutputError
        If it is none.
    """
    if source is None or not source.slice_files:
        raise OutputError(
            "a DICOM SR refers to the DICOM series that was measured, and this study is none: write the table as CSV "
            f"or JSON, and labels as {WITHOUT_SERIES}"
        )
    return check_can_refer(source)


def report_bytes(studies: Sequence[Volume], reported: Sequence[Reported], summed: Summed | None = None) -> bytes:
    """Make a Comprehensive 3D SR of the last study, read it back with pydicom, and return the file.

    Parameters
    ----------
    studies
        In the order of time. The last one is a DICOM series with its UIDs, and the report belongs to its study;
        of an earlier one that is not, the numbers are told without the images.
    reported
        Objects in studies.
    summed
        All together.

    Raises
    ------
    OutputError
        If the last study is no series that can be referred to, or what was read back is not what was to be told.
    """
    source = studies[-1].source
    images = [_Images.of(study.source, whole=study is studies[-1]) for study in studies]
    latest = images[-1]
    names, _ = names_of({one.value: one.label for one in reported})
    groups = [_group(one, names[one.value], studies, images[one.study]) for one in reported]
    if summed is not None:
        groups.append(_sum_group(summed))
    evidence = [header for one in images[::-1] for header in one.referred(latest is one)]
    try:
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = _document(evidence, groups, studies[-1].modality)
            stream = BytesIO()
            made.save_as(stream, enforce_file_format=True)
    except OSError:
        raise
    except Exception:  # highdicom and pydicom refuse headers with many kinds, and quote values
        name = source.path.name if source else ""
        raise OutputError(
            f"the series {name} cannot be referred to by a DICOM SR: its headers hold a value that is not valid; "
            "write the table as CSV or JSON"
        ) from None
    _check(stream.getvalue(), reported)
    return stream.getvalue()


class _Images:
    """The images of a study that a report may refer to."""

    def __init__(self, source: Source | None, headers: Sequence[pydicom.Dataset]) -> None:
        self._by_uid = {str(header.SOPInstanceUID): header for header in headers}
        self._headers, self._source = headers, source
        self._used: dict[str, pydicom.Dataset] = {}

    @staticmethod
    def of(source: Source | None, *, whole: bool) -> _Images:
        """Those of a series; none of an earlier study whose files cannot be referred to."""
        try:
            return _Images(source, read_headers(can_be_reported(source))[0])
        except OutputError:
            if whole:
                raise
            return _Images(None, ())

    def at(self, index: int) -> _Image | None:
        """Class, UID and frame of a slice's image."""
        if self._source is None:
            return None
        uid = self._source.sop_instance_uids[index]
        self._used[uid] = self._by_uid[uid]
        frames = [self._source.frame_numbers[index]] if self._source.frame_numbers else None
        return str(self._by_uid[uid].SOPClassUID), uid, frames

    def referred(self, at_least_one: bool) -> list[pydicom.Dataset]:
        """Headers of the images that were asked for."""
        return list(self._used.values()) or (list(self._headers[:1]) if at_least_one else [])


def _group(one: Reported, name: str, studies: Sequence[Volume], images: _Images) -> Any:
    from highdicom import sr

    means = meaning_of_label(one.label)
    numbers = list(_numbers(one, studies[one.study], images))
    without = sr_codes.ABSENT if one.absent else sr_codes.NOT_SEEN
    presence = without if one.measurement is None else sr_codes.THERE
    time_point = ("Baseline", "Follow-up")[one.study] if len(studies) == 2 else f"Study {one.study + 1}"
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=one.tracking_uid, identifier=name),
        time_point_context=sr.TimePointContext(time_point=time_point, time_point_order=one.study + 1),
        finding_type=_coded(means.kind),
        finding_category=_coded(means.category),
        finding_sites=None
        if means.region is None
        else [sr.FindingSite(_coded(means.region), means.region_side and _coded(means.region_side))],
        measurements=numbers or None,
        qualitative_evaluations=[sr.QualitativeEvaluation(_coded(sr_codes.FATE), _coded(presence))],
    )


def _numbers(one: Reported, study: Volume, images: _Images) -> Iterator[Any]:
    """What is measured of an object; its axes with the lines they are the lengths of."""
    measured = one.measurement
    if measured is not None:
        image = images.at(measured.diameter_slice) if measured.plane is study.grid.own_plane else None
        yield _number(sr_codes.VOLUME, round(measured.volume_ml, 3), sr_codes.ML)
        for name, mm, line in (
            (sr_codes.LONG, measured.diameters.long_mm, measured.diameters.long_xyxy),
            (sr_codes.SHORT, measured.diameters.short_mm, measured.diameters.short_xyxy),
        ):
            yield _number(name, round(mm, 2), sr_codes.MM, None if image is None else (line, image))
        if measured.intensity is not None:
            hounsfield = measured.intensity.unit == "HU"
            name = sr_codes.MEAN["CT"] if hounsfield else sr_codes.MEAN_OTHER
            if hounsfield or study.modality == "MR":
                yield _number(
                    name, round(measured.intensity.mean, 2), sr_codes.HU if hounsfield else sr_codes.NONE, mean=True
                )
    if one.volume_change_percent is not None:
        yield _number(sr_codes.VOLUME_CHANGE, round(one.volume_change_percent, 1), sr_codes.PERCENT)


def _number(name: Code, value: float, unit: Code, line: _Line | None = None, *, mean: bool = False) -> Any:
    from highdicom import sr
    from pydicom.sr.codedict import codes

    where = None
    if line is not None:
        ends_xyxy, image = line
        points = np.reshape(np.asarray(ends_xyxy, dtype=np.float64), (2, 2)) + 0.5  # SCOORD: from a pixel's corner
        where = [sr.CoordinatesForMeasurement("POLYLINE", points, sr.SourceImageForRegion(*image))]
    return sr.Measurement(
        name=_coded(name),
        value=value,
        unit=_coded(unit),
        derivation=codes.SCT.Mean if mean else None,
        referenced_coordinates=where,
    )


def _sum_group(summed: Summed) -> Any:
    import highdicom
    from highdicom import sr

    numbers = [_number(sr_codes.SUM, round(summed.sum_mm, 2), sr_codes.MM)]
    category = sr_codes.RESPONSES[summed.category]
    if summed.percent is not None:
        numbers.append(_number(sr_codes.SUM_CHANGE, round(summed.percent, 1), sr_codes.PERCENT))
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=highdicom.UID(), identifier="all target lesions"),
        method=_coded(sr_codes.RECIST),
        measurements=numbers,
        qualitative_evaluations=[sr.QualitativeEvaluation(_coded(sr_codes.RESPONSE), _coded(category))],
    )


def _document(evidence: list[pydicom.Dataset], groups: list[Any], modality: str) -> pydicom.Dataset:
    import highdicom
    from highdicom import sr
    from pydicom.sr.codedict import codes

    device = sr.DeviceObserverIdentifyingAttributes(
        uid=highdicom.UID(), name="Volsweep", manufacturer_name="Volsweep", model_name=version("napari-volsweep")
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device)),
        procedure_reported=_coded(sr_codes.PROCEDURES.get(modality, sr_codes.OTHER_PROCEDURE)),
        imaging_measurements=groups,
    )
    made: pydicom.Dataset = sr.Comprehensive3DSR(
        evidence=evidence,
        content=content[0],
        series_instance_uid=highdicom.UID(),
        series_number=new_series_number(evidence[0], 9500),
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="Volsweep",
        is_complete=True,
    )
    made.SeriesDescription = "Volsweep measurements, not a diagnosis"
    made.SpecificCharacterSet = UNICODE
    return made


def _coded(code: Code) -> Any:
    from highdicom.sr import CodedConcept

    return CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning)


def _check(file: bytes, reported: Sequence[Reported]) -> None:
    """Hold the volumes in a report against what was to be told, object by object."""
    told = sorted((o.tracking_uid, round(o.measurement.volume_ml, 3)) for o in reported if o.measurement is not None)
    with quiet():
        found = sorted(_volumes_in(pydicom.dcmread(BytesIO(file)), ""))
    if found != told:
        raise OutputError("the DICOM SR was not written: what was read back has other numbers; please report it")


def _volumes_in(item: pydicom.Dataset, tracked: str) -> Iterator[tuple[str, float]]:
    children = items_of(item, "ContentSequence")
    tracked = next((uid for child in children if (uid := uid_of(child, "UID"))), tracked)
    for child in children:
        name = next(iter(items_of(child, "ConceptNameCodeSequence")), pydicom.Dataset())
        if text_of(name, "CodeValue") == sr_codes.VOLUME.value:
            yield tracked, float(items_of(child, "MeasuredValueSequence")[0].NumericValue)
        yield from _volumes_in(child, tracked)
