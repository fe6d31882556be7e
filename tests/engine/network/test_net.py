"""How the network is run: its errors are Volsweep's own, and the process is left as it was."""

from __future__ import annotations

from threading import Event, Thread

import pytest
import torch

from volsweep.engine.network.net import VolsweepNet
from volsweep.errors import EngineError, EngineMemoryError


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), EngineMemoryError, r'cpu ran out of memory; use device="cpu"'),
        (RuntimeError("DefaultCPUAllocator: not enough memory"), EngineMemoryError, "this machine ran out of memory"),
        (RuntimeError("could not alloc 9 GiB"), EngineMemoryError, "this machine ran out of memory"),
        (RuntimeError("sizes do not match"), EngineError, "the network failed on cpu: sizes do not match"),
    ],
)
def test_torchs_errors_become_ours(nano, error, kind, words):
    with pytest.raises(kind, match=words) as caught, nano.running():
        raise error
    assert not isinstance(caught.value, RuntimeError)
    assert caught.value.__cause__ is error


def test_other_errors_stay_what_they_are(nano):
    with pytest.raises(ValueError, match="mine"), nano.running():
        raise ValueError("mine")


def test_it_runs_without_gradients_and_a_process_may_train_after(nano):
    weight = next(nano.parameters())
    with nano.running():
        assert not (weight * 2).requires_grad
    doubled = weight * 2
    assert doubled.requires_grad == weight.requires_grad
    assert not torch.is_inference(doubled)


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_its_threads_are_its_own_and_wide_ones_the_processs(nano, three_threads):
    narrow = VolsweepNet(nano.sam2, threads=1)
    for _ in range(2):
        with narrow.running():
            assert torch.get_num_threads() == 1
            with narrow.running(wide=True):
                assert torch.get_num_threads() == 3
                with narrow.running():
                    assert torch.get_num_threads() == 1
                assert torch.get_num_threads() == 3
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    with pytest.raises(EngineError), narrow.running():
        raise RuntimeError("wrong")
    assert torch.get_num_threads() == 3
    with VolsweepNet(nano.sam2, threads=0).running():
        assert torch.get_num_threads() == 3, "torch's choice"


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_multiplies_in_the_precision_that_it_was_made_for(nano, dtype):
    a = torch.ones(8, 8)
    with VolsweepNet(nano.sam2, dtype=dtype).running():
        assert (a @ a).dtype == dtype
    assert (a @ a).dtype == torch.float32


def test_positions_are_those_that_sam_2_makes(nano):
    side = nano.image_size // 16
    image, memory = nano.positions.image, nano.positions.memory
    assert image.shape[0] == memory.shape[0] == side * side
    with torch.no_grad():
        theirs = nano.sam2.forward_image(torch.zeros(1, 3, nano.image_size, nano.image_size))["vision_pos_enc"][-1]
    torch.testing.assert_close(image, theirs[0].flatten(1).T)
    assert nano.positions is nano.positions


def test_a_fingerprint_is_of_the_weights_the_size_and_the_precision(nano, random_tiny):
    prints = {net.fingerprint for net in (nano, random_tiny, VolsweepNet(nano.sam2, dtype=torch.bfloat16))}
    assert len(prints) == 3
    assert VolsweepNet(nano.sam2, nano.body_net).fingerprint == nano.fingerprint, "features know no 3D network"


def test_a_network_that_runs_in_one_thread_takes_none_from_another(nano, three_threads):
    """One is encoded ahead in a single thread, while a click may take all that there are."""
    narrow, inside, done, found = VolsweepNet(nano.sam2, threads=1), Event(), Event(), []

    def ahead() -> None:
        torch.set_num_threads(1)
        with narrow.running():
            inside.set()
            done.wait(30)

    thread = Thread(target=ahead)
    thread.start()
    assert inside.wait(30)
    torch.set_num_threads(3)
    with narrow.running(), narrow.running(wide=True):
        found.append(torch.get_num_threads())
    done.set()
    thread.join(30)
    assert found == [3]
