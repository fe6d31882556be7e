"""Small DICOM series, written with pydicom, with whatever wrong with them that a test needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import CTImageStorage, EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
OBLIQUE = (0.9659258, 0.2588190, 0.0, -0.2432103, 0.9076734, 0.3420201)

PATIENT = "Quixote^Alonso"

Edit = Callable[[Dataset, int], None]


def write_series(
    folder: Path,
    stored_zyx: np.ndarray,
    positions: Sequence[Sequence[float]],
    *,
    orientation: Sequence[float] = AXIAL,
    spacing: tuple[float, float] = (0.8, 0.7),
    modality: str = "CT",
    edit: Edit | None = None,
) -> list[Path]:
    """Write one file per slice, named so that name order is not slice order; `edit` changes each dataset last."""
    folder.mkdir(parents=True, exist_ok=True)
    uids = {name: generate_uid() for name in ("series", "study", "frame")}
    paths = []
    for index, (pixels, position) in enumerate(zip(stored_zyx, positions, strict=True)):
        ds = _image(pixels, modality, uids)
        ds.InstanceNumber = index + 1
        ds.ImagePositionPatient = [f"{v:.10g}" for v in position]
        ds.ImageOrientationPatient = [f"{v:.10g}" for v in orientation]
        ds.PixelSpacing = list(spacing)
        ds.SliceThickness = 99  # never to be believed
        if edit is not None:
            edit(ds, index)
        path = folder / f"{(index * 7) % 97:02d}_{index:03d}.dcm"
        ds.save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def along(
    orientation: Sequence[float], count: int, step: float, start: Sequence[float] = (-20.0, 11.0, 50.0)
) -> np.ndarray:
    """Positions of `count` slices, `step` mm apart along the normal."""
    normal = np.cross(orientation[:3], orientation[3:])
    return np.asarray(start) + step * np.arange(count)[:, None] * normal


def pattern(count: int = 6, rows: int = 7, columns: int = 9, dtype: type = np.int16) -> np.ndarray:
    """Values that are different in every voxel."""
    return np.arange(count * rows * columns, dtype=dtype).reshape(count, rows, columns)


def write_enhanced(path: Path, stored_zyx: np.ndarray, frames: Sequence[dict[str, object]]) -> None:
    """Write an enhanced MR object; each frame gives position, orientation, spacing, slope, intercept, time."""
    ds = _image(stored_zyx, "MR", {name: generate_uid() for name in ("series", "study", "frame")})
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    ds.NumberOfFrames = len(stored_zyx)
    ds.SharedFunctionalGroupsSequence = DicomSequence(
        [_item("PlaneOrientationSequence", ImageOrientationPatient=list(frames[0]["orientation"]))]
    )
    groups = []
    for frame in frames:
        group = _item("PlanePositionSequence", ImagePositionPatient=[f"{v:.10g}" for v in frame["position"]])
        group.update(_item("PixelMeasuresSequence", PixelSpacing=list(frame["spacing"]), SliceThickness=99))
        group.update(
            _item(
                "PixelValueTransformationSequence",
                RescaleSlope=frame.get("slope", 1),
                RescaleIntercept=frame.get("intercept", 0),
                RescaleType="US",
            )
        )
        group.update(_item("FrameContentSequence", TemporalPositionIndex=frame.get("time", 1)))
        groups.append(group)
    ds.PerFrameFunctionalGroupsSequence = DicomSequence(groups)
    ds.save_as(path, enforce_file_format=True)


def _item(sequence: str, **values: object) -> Dataset:
    item, outer = Dataset(), Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    setattr(outer, sequence, DicomSequence([item]))
    return outer


def _image(pixels: np.ndarray, modality: str, uids: dict[str, str]) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = CTImageStorage if modality == "CT" else MRImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = PATIENT, "LAMANCHA-1605", "15470929"
    ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.FrameOfReferenceUID = uids["series"], uids["study"], uids["frame"]
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber, ds.SeriesNumber = "16050116", "1200", "1", "", 1
    ds.Modality = modality
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = pixels.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelData = np.ascontiguousarray(pixels).tobytes()
    return ds


def write_ball(folder: Path) -> Path:
    """A CT series of a bright ball, nine slices of 3 mm: what does not depend on the image is asked of it."""
    z, y, x = np.indices((9, 36, 40))
    inside = ((z - 4) * 3) ** 2 + (y - 17.5) ** 2 + (x - 19.5) ** 2 <= 6**2
    write_series(folder, 1000 + 40 + 100 * inside.astype(np.int32), along(AXIAL, 9, 3.0), spacing=(1.0, 1.0))
    return folder


def write_echoes(folder: Path) -> str:
    """Two echoes of six slices under one SeriesInstanceUID, at the same places; the UID."""

    def edit(ds: Dataset, index: int) -> None:
        ds.SeriesInstanceUID = "1.2.3"
        ds.EchoTime = "10" if index < 6 else "90"

    positions = np.concatenate([along(AXIAL, 6, 3.0)] * 2)
    write_series(folder, pattern(12, 20, 24), positions, modality="MR", edit=edit)
    return "1.2.3"
