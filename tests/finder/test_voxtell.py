"""VoxTell's server, by what stands in for it: what goes there and comes back, not what the network finds."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from support.voxtell_server import blosc2_of_zlib, packed, voxtell

from volsweep.errors import PromptError, ServerError
from volsweep.finder.voxtell import VoxTellFinder, unpacked
from volsweep.geometry import Grid
from volsweep.volume import Volume

LOW, HIGH = (3, 6, 2), (7, 15, 9)


@pytest.fixture(autouse=True)
def _compression(monkeypatch):
    monkeypatch.setitem(sys.modules, "blosc2", blosc2_of_zlib())


@pytest.fixture
def server():
    with voxtell() as found:
        yield found


def volume(turn: np.ndarray | None = None) -> Volume:
    """A bright box in noise, stored along the patient's axes as `turn` says."""
    array = np.random.default_rng(3).integers(-50, 50, (12, 20, 16)).astype(np.int16)
    array[tuple(slice(a, b + 1) for a, b in zip(LOW, HIGH, strict=True))] = 500
    affine = np.eye(4)
    affine[:3, :3] = (np.fliplr(np.eye(3)) if turn is None else turn) * [3.0, 0.8, 0.9]
    return Volume(array, Grid(array.shape, affine), "CT")


@pytest.mark.parametrize(
    "turn",
    [
        None,  # axial, x to the patient's left, y to the back, z to the head
        np.array([[0, 0, -1], [0, 1, 0], [-1, 0, 0]]),  # turned over
        np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]]),  # sagittal
        np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]),  # coronal
        np.array([[0, 0.2, 0.98], [0, 0.98, -0.2], [1, 0, 0]]),  # oblique
    ],
)
def test_a_mask_comes_back_to_the_voxels_that_it_was_drawn_on(server, turn):
    (found,) = VoxTellFinder(server.url, may_send=True).find(volume(turn), ["bright"])
    assert (found.low_zyx, found.high_zyx) == (LOW, HIGH)
    assert (found.words, found.score, found.finder) == ("bright", None, "VoxTell")
    assert found.told_score == "without a score"
    assert server.asked == ["/images", "/jobs", "/jobs/a1b2/events", "/jobs/a1b2/result"]


def test_without_consent_nothing_is_sent_and_the_message_says_what_would_be(server):
    with pytest.raises(PromptError, match=rf"the voxels .* would go to {server.url}.*nothing was sent"):
        VoxTellFinder(server.url).find(volume(), ["bright"])
    assert server.asked == []


def test_nothing_but_voxels_and_their_place_goes_there(server):
    VoxTellFinder(server.url, may_send=True).find(volume(), ["bright"])
    assert bytes(server.header["descrip"]).strip(b"\0") == bytes(server.header["db_name"]).strip(b"\0") == b""
    np.testing.assert_allclose(sorted(server.header.get_zooms()), [0.8, 0.9, 3.0], atol=1e-6)


def test_what_is_not_found_is_refused(server):
    with pytest.raises(PromptError, match="VoxTell draws nothing of 'very bright'"):
        VoxTellFinder(server.url, may_send=True).find(volume(), ["bright", "very bright"])


def test_a_key_is_asked_for_and_shown(server):
    server.key = "a-key"
    with pytest.raises(ServerError, match="put it into VOLSWEEP_VOXTELL_KEY"):
        VoxTellFinder(server.url, may_send=True).find(volume(), ["bright"])
    assert VoxTellFinder(server.url, may_send=True, key="a-key").find(volume(), ["bright"])


def test_a_job_that_fails_is_told_in_words_of_our_own_and_cancelled(server):
    server.ends_with = "error"
    with pytest.raises(ServerError, match=r"gave up; its own log says why$"):
        VoxTellFinder(server.url, may_send=True).find(volume(), ["bright"])
    assert server.asked[-1] == "/jobs/a1b2/cancel"


@pytest.mark.parametrize("result", [b"", b"VXA2", b"nonsense" * 40, packed.__doc__.encode()])
def test_an_answer_that_is_none_is_told(server, result):
    server.result = result
    with pytest.raises(ServerError, match="not understood"):
        VoxTellFinder(server.url, may_send=True).find(volume(), ["bright"])


def test_arrays_of_another_shape_length_or_kind_are_refused():
    masks = np.arange(24, dtype=np.uint8).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(unpacked(packed(masks), masks.shape), masks)
    whole = packed(masks)
    for damaged in (whole[:-1], whole + b"\0", packed(masks.astype(np.float32)), packed(masks[:, :, :2])):
        with pytest.raises(ServerError, match="not understood"):
            unpacked(damaged, masks.shape)
    with pytest.raises(ServerError, match="not understood"):
        unpacked(whole.replace((24).to_bytes(8, "little"), (2**40).to_bytes(8, "little")), masks.shape)


def test_addresses_that_nobody_gave_or_that_are_not_safe_are_never_asked(server):
    with pytest.raises(ServerError, match="not encrypted"):
        VoxTellFinder("http://192.0.2.7:8000")
    with pytest.raises(ServerError, match="no address of a server"):
        VoxTellFinder("voxtell")
    with pytest.raises(ServerError, match="does not answer"):
        VoxTellFinder("http://127.0.0.1:9", may_send=True).find(volume(), ["bright"])
    assert server.asked == []


def test_no_redirect_is_followed(server):
    with voxtell() as other:
        server.sends_to = other.url
        with pytest.raises(ServerError, match=r"refuses images \(307\)"):
            VoxTellFinder(server.url, may_send=True).find(volume(), ["bright"])
        assert other.asked == []


def test_without_blosc2_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "blosc2", None)
    with pytest.raises(ServerError, match=r'pip install "napari-volsweep\[voxtell\]"'):
        unpacked(b"VXA2", (1, 2, 3, 4))
