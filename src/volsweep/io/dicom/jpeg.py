"""Mend what old encoders write into JPEG scan headers, and strict decoders refuse."""

from __future__ import annotations

import pydicom
from pydicom.encaps import encapsulate, generate_frames

_SEQUENTIAL = (0xC0, 0xC1)
_SCAN = 0xDA
_ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers that no length follows."""


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
