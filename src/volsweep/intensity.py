"""From stored values to what is seen: windows, and the grey frames that model and screen share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from volsweep.errors import InputError, did_you_mean
from volsweep.volume import Volume

FrameArray = NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """A linear grey window: `center` and `width` in the volume's own units (HU for CT)."""

    center: float
    width: float
    name: str = ""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.center) and np.isfinite(self.width) and self.width > 0):
            raise InputError(f"a window needs a finite level and a width above 0, not {self.text}")

    @property
    def low(self) -> float:
        """Value shown black."""
        return self.center - self.width / 2

    @property
    def high(self) -> float:
        """Value shown white."""
        return self.center + self.width / 2

    def frame(self, slice_yx: NDArray[Any]) -> FrameArray:
        """Grey values in [0, 1] of a slice (or any array), float32."""
        grey = slice_yx.astype(np.float32)
        grey -= np.float32(self.low)
        grey /= np.float32(self.width)
        return np.clip(grey, 0, 1, out=grey)

    @property
    def text(self) -> str:
        """Width and level as people write them, and as `resolve_window` reads them: ``400/40``."""
        return f"{self.width:g}/{self.center:g}"

    def __str__(self) -> str:
        return f"{self.name} ({self.text})" if self.name else self.text


# Usual radiological settings, width/level in HU (https://radiopaedia.org/articles/windowing-ct).
CT_WINDOWS = MappingProxyType(
    {
        w.name: w
        for w in (
            Window(-600, 1500, "lung"),
            Window(50, 350, "mediastinum"),
            Window(40, 400, "abdomen"),
            Window(60, 160, "liver"),
            Window(400, 1800, "bone"),
            Window(40, 80, "brain"),
            Window(35, 40, "stroke"),
            Window(50, 400, "soft tissue"),
        )
    }
)

_BY_VOLUME = ("auto", "percentile")
"""Windows that depend on what they show."""
_SAMPLE = 4_000_000
"""Voxels looked at for percentiles: more changes nothing in the third digit."""
_AIR_HU, _TISSUE_HU, _LARGEST_HU = -500, (-150, 250), 4096
"""Air and lung lie below the first; fat, water and muscle between; metal alone beyond the last."""


def percentile_window(volume: Volume) -> Window:
    """Window from the 0.5th to the 99.5th percentile of the whole volume's tissue.

    Air and padding (the smallest value, which fills the corners of MR and PET volumes) are
    left out, so that the amount of background does not change the contrast.
    """
    values = _sample(volume)
    tissue = values[values > values.min()] if values.size else values
    if not tissue.size:
        level = float(values[0]) if values.size else 0.0
        return Window(level, 1.0, "constant")
    low, high = (float(v) for v in np.percentile(tissue, (0.5, 99.5)))
    if high <= low:
        high = low + 1.0
    return Window((low + high) / 2, high - low, "percentile")


def looks_like_hounsfield(volume: Volume) -> bool:
    """Whether the values of a volume of unknown modality say that they are Hounsfield units.

    Whole numbers, air far below water, and tissue between: MR and PET have no value below zero, and what was
    normalised is no whole number.
    """
    values = _sample(volume)
    if not values.size or float(values.min()) > _AIR_HU or not np.array_equal(values, np.rint(values)):
        return False
    tissue = values[(values > _TISSUE_HU[0]) & (values < _TISSUE_HU[1])]
    return tissue.size >= 0.01 * values.size and float(np.percentile(values, 99.9)) < _LARGEST_HU


def in_hounsfield(volume: Volume) -> bool:
    """Whether a volume is CT in Hounsfield units, also where nothing says so and its values do."""
    return volume.has_hounsfield_units or (not volume.modality and looks_like_hounsfield(volume))


def default_window(volume: Volume) -> Window:
    """What a volume is shown with when nobody asks: by modality and the source's own window."""
    if volume.has_hounsfield_units:
        if volume.window_center_width is not None:
            return Window(*volume.window_center_width, name="from the series")
        return CT_WINDOWS["soft tissue"]
    if not volume.modality and looks_like_hounsfield(volume):
        return CT_WINDOWS["soft tissue"]
    return percentile_window(volume)


def _number(text: str) -> float:
    """A number with a decimal point or, as most of Europe types it, a decimal comma; 1,200 might be either."""
    if re.fullmatch(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*", text):
        raise InputError(
            f"{text.strip()!r} may mean {text.strip().replace(',', '')} or {text.strip().replace(',', '.')}; "
            "write it without the comma"
        )
    return float(text.strip().replace(",", ".", 1))


def _sample(volume: Volume) -> NDArray[Any]:
    """Some values of a volume, those that are none left out."""
    values = volume.array_zyx.reshape(-1)
    values = values[:: max(1, values.size // _SAMPLE)]
    return values[np.isfinite(values)] if values.dtype.kind == "f" else values


def resolve_window(volume: Volume, window: Window | str | None = None) -> Window:
    """Find the window someone means.

    Parameters
    ----------
    volume
        The volume to be shown.
    window
        None or ``"auto"`` (by modality), ``"percentile"``, a preset's name such as ``"lung"``
        (CT only), ``"W/L"`` numbers such as ``"400/40"``, or a `Window`.

    Raises
    ------
    InputError
        If the name is unknown, or a preset in HU is asked of a volume that is not CT.
    """
    if isinstance(window, Window):
        return window
    if window is None or window == "auto":
        return default_window(volume)
    asked = window_named(window)
    if asked is None:
        return default_window(volume) if window.strip().lower() == "auto" else percentile_window(volume)
    if asked.name and volume.modality not in ("CT", ""):
        raise InputError(
            f"window {window!r} is in Hounsfield units and this volume is {volume.modality}; "
            "use 'percentile' or width/level numbers such as '600/300'"
        )
    return asked


def window_named(text: str) -> Window | None:
    """Read what someone typed for a window, without a volume: a preset or numbers; None for auto and percentile.

    Raises
    ------
    InputError
        If it is none of these.
    """
    name = text.strip().lower().replace("_", " ").replace("-", " ")
    if name in _BY_VOLUME:
        return None
    if name in CT_WINDOWS:
        return CT_WINDOWS[name]
    try:
        width, level = (_number(part) for part in text.split("/"))
    except ValueError:
        numbers = re.fullmatch(r"\D*(\d+)\s*[^\d.]+?\s*(-?\d+)", text.strip())
        hint = (
            f"did you mean {numbers[1]}/{numbers[2]}? " if numbers else did_you_mean(name, (*CT_WINDOWS, *_BY_VOLUME))
        )
        raise InputError(
            f"window {text[:80]!r} is unknown; {hint}use auto, percentile, width/level such as '400/40', or one of: "
            f"{', '.join(CT_WINDOWS)}"
        ) from None
    return Window(level, width)
