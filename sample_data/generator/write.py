"""Write a phantom: a DICOM series, its truth as NIfTI, and a box prompt as JSON."""

from __future__ import annotations

import json
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from generator.shapes import Geometry
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"


@dataclass(frozen=True)
class Series:
    """What the DICOM files say besides geometry and pixels."""

    name: str
    modality: str
    sop_class: str
    description: str
    body_part: str
    window_center_width: tuple[float, float]
    rescale_intercept: int
    specific: dict[str, object]


def uid(*what: object) -> str:
    """A UID under 2.25, the same at every run."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, '/'.join(['volsweep-phantom', *map(str, what)])).int}"


def write_dicom(folder: Path, series: Series, geometry: Geometry, image: NDArray[np.integer]) -> None:
    """One file per slice, losslessly compressed; files are numbered against the order of slices."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    stored = image - series.rescale_intercept
    stored = stored.astype(np.int16 if series.modality == "CT" else np.uint16)
    count = len(image)
    for index in range(count):
        # Scanners often number from the head down, so that neither name nor number is the order.
        number = count - index
        dataset = header(series, geometry, index, number)
        dataset.Rows, dataset.Columns = image.shape[1:]
        dataset.PixelRepresentation = int(stored.dtype.kind == "i")
        dataset.PixelData = stored[index].tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
        dataset.save_as(folder / f"{number:03d}.dcm", enforce_file_format=True)


def header(series: Series, geometry: Geometry, index: int, number: int) -> FileDataset:
    """Everything in a slice's file but its pixels."""
    instance = uid(series.name, "instance", index)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = series.sop_class
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = uid("implementation")
    dataset = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    thickness, row_spacing, column_spacing = geometry.spacing_zyx_mm
    tags = {
        "SOPClassUID": series.sop_class,
        "SOPInstanceUID": instance,
        "StudyInstanceUID": uid(series.name, "study"),
        "SeriesInstanceUID": uid(series.name, "series"),
        "FrameOfReferenceUID": uid(series.name, "frame"),
        "PatientName": "Phantom^Volsweep",
        "PatientID": f"PHANTOM-{series.modality}",
        "PatientBirthDate": "",
        "PatientSex": "",
        "StudyDate": "",
        "StudyTime": "",
        "StudyID": "",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "Manufacturer": "Volsweep (synthetic data, no patient)",
        "ImageType": ["DERIVED", "PRIMARY", "AXIAL"] if series.modality == "CT" else ["DERIVED", "PRIMARY", "OTHER"],
        "Modality": series.modality,
        "SeriesDescription": series.description,
        "BodyPartExamined": series.body_part,
        "PatientPosition": "HFS",
        "PositionReferenceIndicator": "",
        "SeriesNumber": 1,
        "AcquisitionNumber": 1,
        "InstanceNumber": number,
        "ImageOrientationPatient": [f"{v:.9f}" for v in geometry.orientation],
        "ImagePositionPatient": [f"{v:.6f}" for v in geometry.positions_mm[index]],
        "PixelSpacing": [row_spacing, column_spacing],
        "SliceThickness": thickness,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "WindowCenter": series.window_center_width[0],
        "WindowWidth": series.window_center_width[1],
        **series.specific,
    }
    if series.modality == "CT":
        tags |= {"RescaleIntercept": series.rescale_intercept, "RescaleSlope": 1, "RescaleType": "HU"}
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def write_truth(path: Path, geometry: Geometry, truth: NDArray[np.uint8]) -> None:
    """NIfTI on the series' own grid; its first index is the DICOM column, its last the slice."""
    affine = geometry.affine[:, [2, 1, 0, 3]]
    image = nib.Nifti1Image(truth.transpose(2, 1, 0), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    nib.save(image, path)


def write_prompts(path: Path, series: Series, geometry: Geometry, truth: NDArray[np.uint8]) -> None:
    """The tight box around the lesion on its largest slice, and which volume it is on."""
    index = int(truth.sum(axis=(1, 2)).argmax())
    rows, columns = np.nonzero(truth[index])
    box = [int(v) for v in (columns.min(), rows.min(), columns.max(), rows.max())]
    prompts = {
        "schema": "volsweep-prompts",
        "version": 1,
        "coordinates": "voxel",
        "volume": {
            "series_uid": uid(series.name, "series"),
            "frame_of_reference_uid": uid(series.name, "frame"),
            "shape_zyx": [int(n) for n in geometry.shape_zyx],
            "affine": np.round(geometry.affine, 9).tolist(),
        },
        "labels": {"1": {"name": "lesion", "color": "#e69f00"}},
        "prompts": [{"kind": "box", "label": 1, "plane": "axial", "slice": index, "box_xyxy": box}],
    }
    path.write_text(json.dumps(prompts, indent=2) + "\n", encoding="utf-8")
