"""Windows, and the grey frames that model and screen share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from volsweep.errors import InputError
from volsweep.geometry import Grid
from volsweep.intensity import CT_WINDOWS, Window, default_window, percentile_window, resolve_window, window_named
from volsweep.io import read_volume
from volsweep.volume import Volume


def volume(values: np.ndarray, modality: str = "", window: tuple[float, float] | None = None) -> Volume:
    return Volume(values, Grid(values.shape, np.eye(4)), modality, window)


RAMP = np.arange(1000, dtype=np.int16).reshape(10, 10, 10)


def test_frame_is_linear_and_clipped() -> None:
    window = Window(40, 400)
    assert (window.low, window.high) == (-160, 240)
    frame = window.frame(np.array([[-1000, -160, 40], [140, 240, 3000]], dtype=np.int16))
    assert frame.dtype == np.float32
    np.testing.assert_allclose(frame, [[0, 0, 0.5], [0.75, 1, 1]])


def test_frames_of_unsigned_values_do_not_wrap() -> None:
    values = np.array([[0, 5, 10, 60_000]], dtype=np.uint16)
    np.testing.assert_allclose(Window(10, 10).frame(values), [[0, 0, 0.5, 1]])


def test_frame_leaves_the_volume_alone() -> None:
    values = np.ones((3, 3), dtype=np.float32)
    Window(5, 2).frame(values)
    np.testing.assert_array_equal(values, 1)


@pytest.mark.parametrize("bad", [(0, 0), (0, -5), (np.nan, 1), (0, np.inf)])
def test_windows_that_are_none(bad: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="width above 0"):
        Window(*bad)


def test_presets() -> None:
    ct = volume(RAMP, "CT")
    for name in ("lung", "mediastinum", "abdomen", "liver", "bone", "brain", "stroke", "soft tissue"):
        assert resolve_window(ct, name) is CT_WINDOWS[name]
    assert resolve_window(ct, "Soft-Tissue") is CT_WINDOWS["soft tissue"]
    assert resolve_window(volume(RAMP), "lung") is CT_WINDOWS["lung"]
    # Fat (-100 HU) is dark but seen, muscle (60 HU) is brighter than water (0 HU).
    fat, water, muscle = CT_WINDOWS["abdomen"].frame(np.array([-100, 0, 60]))
    assert 0 < fat < water < muscle < 1
    with pytest.raises(InputError, match="Hounsfield units and this volume is MR"):
        resolve_window(volume(RAMP, "MR"), "lung")


def test_numbers_are_width_then_level() -> None:
    assert resolve_window(volume(RAMP, "MR"), "400/40") == Window(40, 400)
    assert resolve_window(volume(RAMP, "CT"), "1500/-600") == Window(-600, 1500)
    given = Window(1, 2)
    assert resolve_window(volume(RAMP), given) is given
    for wrong in ("sharp", "400/", "1/2/3", "a/b"):
        with pytest.raises(InputError, match="is unknown; use auto"):
            resolve_window(volume(RAMP, "CT"), wrong)
    with pytest.raises(InputError, match="width above 0"):
        resolve_window(volume(RAMP, "CT"), "0/40")


def test_default_goes_by_modality_and_source() -> None:
    assert default_window(volume(RAMP, "CT")) is CT_WINDOWS["soft tissue"]
    assert default_window(volume(RAMP, "CT", (35, 80))) == Window(35, 80, "from the series")
    assert default_window(volume(RAMP, "MR", (35, 80))).name == "percentile"
    assert resolve_window(volume(RAMP, "PT"), None) == resolve_window(volume(RAMP, "PT"), "auto")
    assert str(CT_WINDOWS["liver"]) == "liver (160/60)"


def test_percentiles_are_those_of_the_tissue(rng: np.random.Generator) -> None:
    tissue = rng.normal(500, 50, size=(20, 30, 30)).astype(np.float32)
    alone = percentile_window(volume(tissue, "MR"))
    assert alone.low == pytest.approx(np.percentile(tissue, 0.5), abs=1)
    assert alone.high == pytest.approx(np.percentile(tissue, 99.5), abs=1)
    with_air = np.zeros((20, 90, 90), np.float32)
    with_air[:, 30:60, 30:60] = tissue
    surrounded = percentile_window(volume(with_air, "MR"))
    assert surrounded.low == pytest.approx(alone.low, abs=1)
    assert surrounded.high == pytest.approx(alone.high, abs=1)


def test_one_window_for_all_slices() -> None:
    """A slice of one grey is not stretched to black and white."""
    values = np.stack([np.full((8, 8), v, np.int16) for v in (0, 100, 200, 300)])
    values[0, 0, 0] = -5
    window = percentile_window(volume(values, "MR"))
    greys = [float(window.frame(s).mean()) for s in values[1:]]
    assert greys == sorted(greys)
    assert greys[0] < greys[1] < greys[2]


def test_percentiles_of_odd_volumes() -> None:
    assert percentile_window(volume(np.full((2, 2, 2), 7, np.int16))).name == "constant"
    two = np.zeros((2, 2, 2), np.int16)
    two[0, 0, 0] = 3
    assert percentile_window(volume(two)).width > 0
    values = np.arange(1000, dtype=np.float32).reshape(10, 10, 10)
    values[0, 0, :5] = np.nan
    assert np.isfinite(percentile_window(volume(values)).center)


def test_large_volumes_are_sampled_faithfully(rng: np.random.Generator) -> None:
    values = rng.integers(0, 1000, size=(300, 200, 200), dtype=np.int16)
    window = percentile_window(volume(values, "MR"))
    assert window.low == pytest.approx(5, abs=2)
    assert window.high == pytest.approx(995, abs=2)


@pytest.mark.cases
@pytest.mark.parametrize("kind", ["CT", "MR_T1", "PET"])
def test_real_volumes_are_neither_black_nor_white(cases: Path, kind: str) -> None:
    read = read_volume(cases / "dicom/sarcoma_sts025" / kind / "image")
    frame = resolve_window(read).frame(read.slice_yx("axial", read.shape_zyx[0] // 2))
    assert 0.02 < frame.mean() < 0.9
    assert frame.std() > 0.05


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("400:40", "400/40"),
        ("400,40", "400/40"),
        ("W1500L-600", "1500/-600"),
        ("400 x 40", "400/40"),
        ("abdomn", "abdomen"),
    ],
)
def test_a_window_in_other_words_is_asked_back(typed: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"did you mean {meant}\\?"):
        window_named(typed)
