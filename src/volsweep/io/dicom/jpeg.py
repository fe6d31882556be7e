"""JPEG and its kin: scan headers of old encoders, which strict decoders refuse, and images that were cut."""

from __future__ import annotations

import pydicom
from pydicom.encaps import encapsulate, generate_frames

_SEQUENTIAL = (0xC0, 0xC1)
_SCAN = 0xDA
_SCAN_STARTS = bytes([0xFF, _SCAN])
_ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers that no length follows."""
_END = b"\xff\xd9"
"""Of an image in every kind of JPEG: coded values hold no such bytes. What fills it up may follow."""


def check_ends(dataset: pydicom.Dataset, number_of_frames: int) -> None:
    """Refuse images that were cut: decoders fill up what is missing with grey, or with noise, and say nothing.

    Raises
    ------
    ValueError
        If a frame has no end.
    """
    for number, frame in enumerate(generate_frames(dataset.PixelData, number_of_frames=number_of_frames), start=1):
        if _END not in frame[max(frame.rfind(_SCAN_STARTS), 0) :]:  # a picture in the header has an end of its own
            which = f"frame {number} was" if number_of_frames > 1 else "they were"
            raise ValueError(f"{which} cut short (no end of image); fetch the file again")


def mend_scans(dataset: pydicom.Dataset, number_of_frames: int) -> None:
    """Give sequential JPEG frames of a data set the one spectrum that they can have."""
    frames = list(generate_frames(dataset.PixelData, number_of_frames=number_of_frames))
    mended = [mended_frame(frame) for frame in frames]
    if mended != frames:
        dataset.PixelData = encapsulate(mended)
        dataset["PixelData"].is_undefined_length = True


def mended_frame(frame: bytes) -> bytes:
    """A JPEG image whose first scan header names all coefficients, 0 to 63, if it is sequential (ITU T.81, B.2.3)."""
    at, sequential = 2, False
    while at + 4 <= len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker in _ALONE or marker == 0xFF:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
        if marker in _SEQUENTIAL:
            sequential = True
        if marker == _SCAN:
            if not sequential or end > len(frame) or frame[end - 3 : end - 1] == b"\x00\x3f":
                return frame
            return frame[: end - 3] + b"\x00\x3f" + frame[end - 1 :]
        at = end
    return frame
