"""How far each stage is from what this machine's matrix rate allows.

Counts the floating-point operations of each stage with torch's counter, measures the fastest rate of a
large matrix product here in the network's precision, and sets the time that rate would need against the
time measured. Softmax, normalisation and copies count as nothing, and are what stands between the two.

    python benchmarks/floor.py
    python benchmarks/floor.py --model sam2.1-tiny --image-size 512 --random
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from model_options import add_model_options, load_model
from scene import print_table, save
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from volsweep.engine.network.attention import attend
from volsweep.engine.network.device import times_transposed
from volsweep.engine.network.inference import decode, encode, encode_memory, unconditioned
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.sweep.passes import Bank, Memory, recall


def median_seconds(work: Callable[[], object], repeats: int = 15) -> float:
    """Median time of some work, after two rounds to warm up.

    With one thread the processor's own time, which other programs disturb least.
    """
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    seconds = []
    for _ in range(repeats + 2):
        started = clock()
        work()
        seconds.append(clock() - started)
    return sorted(seconds[2:])[repeats // 2]


def matrix_rate(network: VolsweepNet) -> float:
    """Floating-point operations per second of a large matrix product, in the network's precision."""
    a = torch.randn(1536, 1536)
    with network.running():
        return 2 * 1536**3 / median_seconds(lambda: times_transposed(a, a), 7)


def linear_flops(x: Sequence[int], weight: Sequence[int], *_: object, **__: object) -> int:
    """Of oneDNN's linear layer, which torch's counter does not know."""
    return 2 * math.prod(x) * weight[0]


def attention_flops(q: Sequence[int], k: Sequence[int], v: Sequence[int], *_: object, **__: object) -> int:
    """Of attention on a CPU, which it does not know either."""
    return sdpa_flop_count(q, k, v)


UNKNOWN_TO_TORCH = {
    torch.ops.mkldnn._linear_pointwise: linear_flops,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention_flops,
}


def stages(network: VolsweepNet, batch: int) -> dict[str, Callable[[], object]]:
    """Every stage of tracking one slice for `batch` passes, with a full memory bank."""
    model = network.sam2
    size = network.image_size
    grey = torch.rand(batch, 1, size, size)
    features = encode(network, grey)
    with network.running():
        conditioned = unconditioned(network, features)
        decoded = decode(network, features, conditioned)
        tokens, pointers = encode_memory(network, features, decoded, prompted=False)
    bank = Bank([Memory(0, tokens[0], pointers[0])])
    for step in range(1, 20):
        bank.remember(Memory(step, tokens[0], pointers[0]), model.max_obj_ptrs_in_encoder)
    recalls = [recall(network, bank, 20, 1, 300)] * batch

    def inside(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            with network.running():
                return work()

        return run

    return {
        "encode the slice": lambda: encode(network, grey),
        "attend to memory": inside(lambda: attend(network, features.attended, recalls, 300)),
        "decode the mask": inside(lambda: decode(network, features, conditioned)),
        "encode the memory": inside(lambda: encode_memory(network, features, decoded, prompted=False)),
    }


def main() -> None:
    """Count, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_options(parser)
    parser.add_argument("--batch", type=int, default=2, help="passes side by side: 2 for one object both ways")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    spec, network = load_model(arguments)
    if network.threads:
        torch.set_num_threads(network.threads)
    network.sam2.requires_grad_(False)  # torch's counter trips over gradients
    rate = matrix_rate(network)
    rows, results = [], {}
    for name, work in stages(network, arguments.batch).items():
        with FlopCounterMode(display=False, custom_mapping=UNKNOWN_TO_TORCH) as counter:
            work()
        flops = counter.get_total_flops()
        seconds = median_seconds(work)
        floor = flops / rate
        rows.append([name, flops / 1e9, 1000 * seconds, 1000 * floor, seconds / max(floor, 1e-12)])
        results[name] = {"flops": flops, "seconds": seconds, "floor_seconds": floor}
    total = sum(r["seconds"] for r in results.values())
    least = sum(r["floor_seconds"] for r in results.values())
    rows.append(["all", sum(r["flops"] for r in results.values()) / 1e9, 1000 * total, 1000 * least, total / least])
    threads = network.threads or torch.get_num_threads()
    size = f"{spec.id} at {network.image_size} px, batch {arguments.batch}, {network.dtype}"
    print(f"{size}, {threads} threads, {rate / 1e9:.0f} GFLOP/s\n")
    print_table(["stage", "GFLOP", "measured (ms)", "floor (ms)", "measured / floor"], rows)
    save({"rate": rate, "stages": results}, arguments.json)


if __name__ == "__main__":
    main()
