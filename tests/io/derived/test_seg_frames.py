"""Compressed SEG: what is stored comes out to the voxel, or is refused by the name of its transfer syntax."""

from __future__ import annotations

import zlib

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless
from support.drawn_labels import drawn_on, series, write_foreign

from volsweep.errors import InputError
from volsweep.io import read_labels, write_labels
from volsweep.io.derived.reference import read_headers
from volsweep.volume import LabelVolume

DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"


@pytest.fixture
def drawn(tmp_path, rng) -> LabelVolume:
    return drawn_on(series(tmp_path / "in"), rng)


def packed_bits(dataset: pydicom.Dataset) -> list[bytes]:
    """Each frame by itself, from its first byte on."""
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
    size = dataset.Rows * dataset.Columns
    frames = bits[: size * int(dataset.NumberOfFrames)].reshape(-1, size)
    return [np.packbits(frame, bitorder="little").tobytes() for frame in frames]


def run_length_encoded(content: bytes) -> bytes:
    """PackBits with runs, literals and a no-operation, after the header of one segment."""
    out, at = bytearray([128]), 0
    while at < len(content):
        run = 1
        while run < 128 and content[at : at + 1] == content[at + run : at + run + 1]:
            run += 1
        out += bytes([257 - run, content[at]]) if run > 1 else bytes([0, content[at]])
        at += run
    return (1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56) + bytes(out + bytes(len(out) % 2))


def save_compressed(dataset: pydicom.Dataset, path, frames: list[bytes], syntax: str) -> None:
    dataset.PixelData = encapsulate([frame + bytes(len(frame) % 2) for frame in frames])
    dataset["PixelData"].is_undefined_length = True
    dataset["PixelData"].VR = "OB"
    # pydicom writes no syntax that it does not know.
    known = JPEGBaseline8Bit if syntax == DEFLATED_FRAMES else syntax
    dataset.file_meta.TransferSyntaxUID = known
    dataset.save_as(path, implicit_vr=False, little_endian=True)
    path.write_bytes(path.read_bytes().replace(known.encode(), syntax.encode().ljust(len(known), b"\0"), 1))


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


@pytest.mark.parametrize(("syntax", "pack"), [(DEFLATED_FRAMES, deflated), (RLELossless, run_length_encoded)])
def test_bits_that_are_compressed_frame_by_frame(tmp_path, drawn, syntax, pack):
    write_labels(tmp_path / "plain.seg.dcm", drawn)
    dataset = pydicom.dcmread(tmp_path / "plain.seg.dcm")
    save_compressed(dataset, tmp_path / "packed.dcm", [pack(frame) for frame in packed_bits(dataset)], syntax)
    found = read_labels(tmp_path / "packed.dcm", source=tmp_path / "in")
    assert np.array_equal(found.array_zyx, drawn.array_zyx)
    cut = [pack(frame)[:70] for frame in packed_bits(pydicom.dcmread(tmp_path / "plain.seg.dcm"))]
    save_compressed(dataset, tmp_path / "cut.dcm", [frame[: len(frame) // 2] for frame in cut], syntax)
    with pytest.raises(InputError, match="cannot be decoded"):
        read_labels(tmp_path / "cut.dcm", source=tmp_path / "in")


def test_a_deflated_object(tmp_path, drawn):
    write_labels(tmp_path / "plain.seg.dcm", drawn)
    dataset = pydicom.dcmread(tmp_path / "plain.seg.dcm")
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(tmp_path / "deflated.dcm", enforce_file_format=True)
    found = read_labels(tmp_path / "deflated.dcm", source=tmp_path / "in")
    assert np.array_equal(found.array_zyx, drawn.array_zyx)


@pytest.mark.parametrize("kind", ["LABELMAP", "FRACTIONAL"])
@pytest.mark.parametrize("syntax", [RLELossless, DEFLATED_FRAMES])
def test_bytes_that_are_compressed_frame_by_frame(tmp_path, kind, syntax):
    volume = series(tmp_path / "in")
    headers, _ = read_headers(volume.source)
    array = np.zeros(volume.shape_zyx, dtype=np.uint8)
    array[3, 5:9, 5:9] = array[4, 4:7, 5:9] = 1
    pixels = array if kind == "LABELMAP" else array[..., None].astype(np.float32)
    write_foreign(tmp_path / "plain.dcm", headers, pixels, kind)
    dataset = pydicom.dcmread(tmp_path / "plain.dcm")
    if syntax == RLELossless:
        dataset.compress(RLELossless, encoding_plugin="pydicom")
        dataset.save_as(tmp_path / "packed.dcm")
    else:
        size = dataset.Rows * dataset.Columns * dataset.BitsAllocated // 8
        frames = [dataset.PixelData[at : at + size] for at in range(0, size * int(dataset.NumberOfFrames), size)]
        save_compressed(dataset, tmp_path / "packed.dcm", [deflated(frame) for frame in frames], syntax)
    assert np.array_equal(read_labels(tmp_path / "packed.dcm", source=tmp_path / "in").array_zyx, array)


def test_a_syntax_that_is_not_read_is_named(tmp_path, drawn):
    write_labels(tmp_path / "plain.seg.dcm", drawn)
    dataset = pydicom.dcmread(tmp_path / "plain.seg.dcm")
    save_compressed(dataset, tmp_path / "mpeg.dcm", packed_bits(dataset), "1.2.840.10008.1.2.4.100")
    with pytest.raises(InputError, match=r"MPEG2 Main Profile.*convert it to an uncompressed one"):
        read_labels(tmp_path / "mpeg.dcm", source=tmp_path / "in")
