"""Hostile and damaged input, made from small sound files by a number: the same number, the same input."""

from __future__ import annotations

import gzip
import json
import os
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pydicom

Rng = np.random.Generator
LARGE = [0, 1, 2, 255, 256, 2**15 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1]
ODD = [0.0, -0.0, -1.0, 1e-30, -1e30, 1e30, float("nan"), float("inf"), -float("inf")]


@dataclass(frozen=True)
class Seeds:
    """Folder of sound files that mutations start from."""

    root: Path

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    @property
    def slices(self) -> list[Path]:
        return sorted((self.root / "series").iterdir())


def flip_bits(rng: Rng, data: bytes) -> bytes:
    out = bytearray(data)
    # Headers decide more than pixels: half of the flips fall into the first kilobyte.
    for _ in range(int(rng.choice([1, 1, 2, 8, 64, 512]))):
        end = min(len(out), 1024) if rng.random() < 0.5 else len(out)
        out[int(rng.integers(end))] ^= 1 << int(rng.integers(8))
    return bytes(out)


def truncate(rng: Rng, data: bytes) -> bytes:
    return data[: int(rng.integers(len(data)))]


def splice(rng: Rng, data: bytes) -> bytes:
    """Overwrite, insert or delete a run."""
    at, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
    filler = [bytes(length), b"\xff" * length, rng.bytes(length), data[:length]][int(rng.integers(4))]
    return [data[:at] + filler + data[at + length :], data[:at] + filler + data[at:], data[:at] + data[at + length :]][
        int(rng.integers(3))
    ]


def large_number(rng: Rng, data: bytes) -> bytes:
    at = int(rng.integers(max(1, min(len(data), 4096) - 4)))
    value = int(rng.choice(LARGE))
    return data[:at] + struct.pack("<I" if value > 65535 else "<H", value) + data[at + (4 if value > 65535 else 2) :]


BYTES: list[Callable[[Rng, bytes], bytes]] = [flip_bits, flip_bits, truncate, splice, large_number]


def any_bytes(rng: Rng, data: bytes) -> bytes:
    for _ in range(int(rng.integers(1, 4))):
        data = BYTES[int(rng.integers(len(BYTES)))](rng, data) or b"\0"
    return data


def dicom_values(rng: Rng, data: bytes) -> bytes:
    """Sound DICOM that says absurd things."""
    ds = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    chosen = rng.choice(list(_DICOM), size=int(rng.integers(1, 3)), replace=False)
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    for keyword in chosen:
        if rng.random() < 0.2 and keyword in ds:
            delattr(ds, keyword)
        else:
            _set(ds, str(keyword), _DICOM[str(keyword)](rng))
    stream = pydicom.filebase.DicomBytesIO()
    try:
        ds.save_as(stream, enforce_file_format=False)
    except Exception:  # what pydicom will not write, bytes will
        return any_bytes(rng, data)
    return stream.getvalue()


def _set(ds: pydicom.Dataset, keyword: str, value: object) -> None:
    groups = [ds, *ds.get("SharedFunctionalGroupsSequence", []), *ds.get("PerFrameFunctionalGroupsSequence", [])]
    inner = [item for g in groups for e in g if e.VR == "SQ" for item in (e.value or [])]
    for holder in [ds, *inner]:
        if keyword in holder or holder is ds:
            element = pydicom.DataElement(pydicom.datadict.tag_for_keyword(keyword), _vr(keyword), None)
            element._value = value
            holder[element.tag] = element


def _vr(keyword: str) -> str:
    return str(pydicom.datadict.dictionary_VR(pydicom.datadict.tag_for_keyword(keyword))).split(" ")[0]


def _numbers(count: int) -> Callable[[Rng], list[str]]:
    def make(rng: Rng) -> list[str]:
        values = [
            str(float(rng.choice(ODD))) if rng.random() < 0.5 else f"{rng.normal() * 100:.4g}" for _ in range(count)
        ]
        return values[: int(rng.integers(1, count + 1))] if rng.random() < 0.2 else values

    return make


def _integer(rng: Rng) -> int:
    return int(rng.choice(LARGE[:8]))


def _text(rng: Rng) -> str:
    return str(rng.choice(["", "0", "-1", str(2**31 - 1), "9" * 12, "x", "1\\2", "NaN"]))


_DICOM: dict[str, Callable[[Rng], object]] = {
    "Rows": _integer,
    "Columns": _integer,
    "BitsAllocated": _integer,
    "BitsStored": _integer,
    "PixelRepresentation": _integer,
    "SamplesPerPixel": _integer,
    "PixelSpacing": _numbers(2),
    "ImagePositionPatient": _numbers(3),
    "ImageOrientationPatient": _numbers(6),
    "RescaleSlope": _text,
    "RescaleIntercept": _text,
    "SpacingBetweenSlices": _text,
    "NumberOfFrames": _text,
    "MaximumFractionalValue": _integer,
    "SegmentNumber": _integer,
    "ReferencedSegmentNumber": _integer,
    "RecommendedDisplayCIELabValue": lambda rng: [_integer(rng)] * int(rng.integers(1, 4)),
    "ROINumber": _text,
    "ReferencedROINumber": _text,
    "ContourData": _numbers(12),
    "ContourGeometricType": lambda rng: str(rng.choice(["CLOSED_PLANAR", "POINT", "", "OPEN_PLANAR"])),
    "ROIDisplayColor": lambda rng: [str(int(rng.choice([-1, 0, 256, 10**6])))] * int(rng.integers(1, 4)),
    "GraphicData": _numbers(10),
    "GraphicType": lambda rng: str(rng.choice(["POINT", "POLYLINE", "CIRCLE", "ELLIPSE", "POLYGON", "", "X"])),
    "GraphicAnnotationUnits": lambda rng: str(rng.choice(["PIXEL", "DISPLAY", "", "X"])),
    "ReferencedFrameNumber": _text,
    "ReferencedSOPInstanceUID": lambda rng: str(rng.choice(["", "1.2.3", "x", "1" * 70])),
    "ValueType": lambda rng: str(rng.choice(["SCOORD", "SCOORD3D", "NUM", "CONTAINER", "", "X"])),
    "SegmentationType": lambda rng: str(rng.choice(["BINARY", "FRACTIONAL", "LABELMAP", "", "X"])),
    "PixelData": lambda rng: rng.bytes(int(rng.integers(64)) * 2),
}


def nifti(rng: Rng, seeds: Seeds, folder: Path) -> Path:
    """Huge or negative dimensions, absurd scales and affines, or any bytes; packed or not."""
    data = bytearray(seeds.read("image.nii"))
    if rng.random() < 0.5:
        field = str(rng.choice(["dim", "pixdim", "affine", "scale", "offset", "type"]))
        if field == "dim":
            struct.pack_into("<h", data, 40 + 2 * int(rng.integers(8)), int(rng.choice([-1, 0, 1, 3, 32767, -32768])))
        elif field == "pixdim":
            struct.pack_into("<f", data, 76 + 4 * int(rng.integers(8)), float(rng.choice(ODD)))
        elif field == "affine":
            struct.pack_into("<f", data, 256 + 4 * int(rng.integers(18)), float(rng.choice(ODD)))
        elif field == "scale":
            struct.pack_into("<f", data, 112 + 4 * int(rng.integers(2)), float(rng.choice(ODD)))
        elif field == "offset":
            struct.pack_into("<f", data, 108, float(rng.choice([*ODD, 351, 353, 1e9])))
        else:
            struct.pack_into("<hh", data, 70, int(rng.integers(2**15)), int(rng.choice([0, 1, 8, 64, 2048])))
    else:
        data = bytearray(any_bytes(rng, bytes(data)))
    packed = rng.random() < 0.4
    content = gzip.compress(bytes(data), 1) if packed else bytes(data)
    if packed and rng.random() < 0.4:
        content = any_bytes(rng, content)
    return put(folder / ("x.nii.gz" if packed else "x.nii"), content)


def dicom_series(rng: Rng, seeds: Seeds, folder: Path) -> Path:
    """A series of which one or several slices are damaged, absurd or missing."""
    target = folder / "series"
    target.mkdir()
    harmed = set(rng.choice(len(seeds.slices), size=int(rng.integers(1, 4))).tolist())
    for index, path in enumerate(seeds.slices):
        data = path.read_bytes()
        if index in harmed and rng.random() < 0.95:
            data = (dicom_values if rng.random() < 0.5 else any_bytes)(rng, data)
        put(target / path.name, data)
    return target


def one_file(name: str) -> Callable[[Rng, Seeds, Path], Path]:
    """A mutation of one sound DICOM file."""

    def make(rng: Rng, seeds: Seeds, folder: Path) -> Path:
        return put(folder / name, (dicom_values if rng.random() < 0.5 else any_bytes)(rng, seeds.read(name)))

    return make


def prompts(rng: Rng, seeds: Seeds, folder: Path) -> Path:
    """JSON of the wrong form, with absurd values, too deep, or no JSON."""
    content = json.loads(seeds.read("prompts.json"))
    entry = content["prompts"][int(rng.integers(len(content["prompts"])))]
    odd = [None, -1, 1e400, float("nan"), "x", [], {}, 10**30, [1e308] * 4, True, "A" * 100_000, [[[]]]]
    holder = [content, entry][int(rng.integers(2))]
    key = str(rng.choice(list(holder)))
    kind = int(rng.integers(5))
    if kind == 0:
        holder[key] = odd[int(rng.integers(len(odd)))]
    elif kind == 1:
        del holder[key]
    elif kind == 2:
        holder[str(rng.choice(["extra", "label", "slice", "kind", "points_lps_mm"]))] = odd[int(rng.integers(len(odd)))]
    text = json.dumps(content).encode()
    if kind == 3:
        text = b"[" * int(rng.choice([10, 1000, 200_000]))
    if kind == 4:
        text = any_bytes(rng, text)
    return put(folder / "prompts.json", text)


def manifest(rng: Rng, seeds: Seeds, folder: Path) -> Path:
    """A CSV of tasks with damaged bytes, quotes that never close, cells without end, or too many of them."""
    text = seeds.read("manifest.csv")
    kind = int(rng.integers(4))
    if kind == 0:
        text = any_bytes(rng, text)
    elif kind == 1:
        at = int(rng.integers(len(text)))
        odd = [b'"', b"\x00", b"\r", b"," * 5000, b"\xff\xfe", b"\n" * 3000, b"A" * 300_000, b"=cmd|x", b"../" * 50]
        text = text[:at] + odd[int(rng.integers(len(odd)))] + text[at:]
    else:
        cells = [line.split(b",") for line in text.splitlines()]
        row = cells[int(rng.integers(len(cells)))]
        odd = [b"", b"nan", b"-1", b"1e999", b"box", b"box 1@1:1", b"../.."]
        row[int(rng.integers(len(row)))] = odd[int(rng.integers(len(odd)))]
        text = b"\n".join(b",".join(line) for line in cells)
    return put(folder / "manifest.csv", text)


def archive(rng: Rng, seeds: Seeds, folder: Path) -> Path:
    """Names that lead out, bombs, folders within folders, damage."""
    path = folder / "series.zip"
    kind = int(rng.integers(5))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for index, file in enumerate(seeds.slices):
            data = file.read_bytes()
            name = file.name
            if kind == 0:
                name = (
                    str(rng.choice(["../../escaped-", "/tmp/escaped-", "..\\..\\escaped-", "a/" * 200, "C:\\"])) + name
                )
            if kind == 1 and index == 0:
                made.writestr("bomb.dcm", data[:132] + bytes(int(rng.choice([2**20, 2**24, 2**26]))))
            if kind == 2:
                data = any_bytes(rng, data)
            made.writestr(name, data)
    if kind == 3:
        put(path, any_bytes(rng, path.read_bytes()))
    if kind == 4:  # promises of sizes that are not kept
        data = bytearray(path.read_bytes())
        at = data.rfind(b"PK\x01\x02")
        struct.pack_into("<I", data, at + int(rng.choice([20, 24, 42])), int(rng.choice(LARGE)))
        put(path, bytes(data))
    return path


def folders(rng: Rng, seeds: Seeds, folder: Path) -> Path:
    """Links to nowhere and round about, unreadable files, pipes, deep nesting, among sound slices."""
    root = folder / "tree"
    deep = root.joinpath(*["d"] * int(rng.integers(1, 60)))
    deep.mkdir(parents=True)
    for path in seeds.slices[: int(rng.integers(len(seeds.slices) + 1))]:
        put(deep / path.name, path.read_bytes())
    (deep / "loop").symlink_to(root)
    (root / "self").symlink_to(root / "self")
    (root / "nowhere").symlink_to(root / "missing.dcm")
    (root / "device").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe.dcm")
    put(root / "noise.dcm", rng.bytes(500))
    put(root / "empty.dcm", b"")
    put(root / "locked.dcm", seeds.slices[0].read_bytes()).chmod(0)
    return root


def nrrd(rng: Rng, seeds: Seeds, folder: Path) -> Path:
    """Damaged NRRD, of labels with a sidecar that may be damaged too."""
    data = seeds.read("labels.nrrd")
    if rng.random() < 0.5:
        put(folder / "labels.labels.json", any_bytes(rng, seeds.read("labels.labels.json")))
    else:
        data = any_bytes(rng, data[:600]) + data[600:]
    return put(folder / "labels.nrrd", data)


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


KINDS: dict[str, Callable[[Rng, Seeds, Path], Path]] = {
    "series": dicom_series,
    "multiframe.dcm": one_file("multiframe.dcm"),
    "nifti": nifti,
    "prompts": prompts,
    "zip": archive,
    "folders": folders,
    "labels.seg.dcm": one_file("labels.seg.dcm"),
    "labels.rtstruct.dcm": one_file("labels.rtstruct.dcm"),
    "drawn.sr.dcm": one_file("drawn.sr.dcm"),
    "drawn.pr.dcm": one_file("drawn.pr.dcm"),
    "nrrd": nrrd,
    "manifest": manifest,
}


def mutate(number: int, seeds: Seeds, folder: Path) -> tuple[str, Path]:
    """Make input `number` in an empty folder; return its kind and its path."""
    rng = np.random.default_rng([20261121, number])
    kind = list(KINDS)[number % len(KINDS)]
    return kind, KINDS[kind](rng, seeds, folder)


def make_seeds(root: Path) -> Seeds:
    """Write the sound files: a CT series, a multi-frame object, NIfTI, prompts, SEG, RTSTRUCT, NRRD."""
    from support.dicom_files import AXIAL, along, pattern, write_enhanced, write_series

    from volsweep.io import read_volume, write_labels
    from volsweep.prompts.file import write_prompts
    from volsweep.prompts.kinds import Box, Line, Point, PromptSet
    from volsweep.prompts.mask import Mask
    from volsweep.volume import Label, LabelVolume

    write_series(root / "series", pattern(6, 12, 14), along(AXIAL, 6, 2.5))
    frames = [{"position": p, "orientation": AXIAL, "spacing": (1, 1)} for p in along(AXIAL, 5, 2.0)]
    write_enhanced(root / "multiframe.dcm", pattern(5, 12, 14), frames)
    image = nibabel.Nifti1Image(pattern(6, 12, 14).T.copy(), np.diag([1, 1, 2, 1]))
    nibabel.save(image, root / "image.nii")
    volume = read_volume(root / "series")
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[1:4, 3:9, 4:10], array[2:5, 5:7, 5:7] = 1, 2
    labels = LabelVolume(array, volume.grid, {2: Label("lesion", "#00ff00")}, volume.source)
    for name in ("labels.seg.dcm", "labels.rtstruct.dcm", "labels.nrrd"):
        write_labels(root / name, labels)
    mask = Mask.from_array(array[2] == 2, label=2, slice=2)
    given = (
        Box(label=1, slice=2, box_xyxy=(4, 3, 9, 8)),
        Point(label=1, slice=2, point_xy=(5, 5)),
        Line(label=2, slice=3, line_xyxy=(5, 5, 6, 6)),
        mask,
    )
    write_prompts(root / "prompts.json", PromptSet(given, {1: Label("organ", "#ff0000")}))
    rows = ["series,prompts,output,window,range", "series,box 1@2:1;1;5;5,a,,", "x,prompts.json,b,lung,1:3"]
    put(root / "manifest.csv", "\n".join(rows).encode())
    _annotate(root)
    return Seeds(root)


def _annotate(root: Path) -> None:
    """Write a report and a presentation state about the series."""
    from support.annotation_files import graphic, group, headers_of, measured, region, write_presentation, write_report

    images = headers_of(sorted((root / "series").iterdir()))
    square = [[3, 3], [9, 3], [9, 8], [3, 8], [3, 3]]
    axes = measured(images[2], {"long": [[2, 2], [9, 9]], "short": [[4, 8], [8, 4]]})
    groups = [group("a", region(images[1], "POLYLINE", square)), group("b", None, axes, images[2])]
    write_report(root / "drawn.sr.dcm", images, groups)
    objects = [graphic("CIRCLE", [[6, 6], [8, 8]]), graphic("POINT", [[4, 4]]), graphic("POLYLINE", square)]
    write_presentation(root / "drawn.pr.dcm", images, [(3, objects)])
