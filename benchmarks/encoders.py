"""The image encoder in every way torch, ONNX Runtime and OpenVINO have to run it on this processor.

Volsweep's own way is the first. The ways are run in turn, round after round; processor time of the
median round. ONNX Runtime (with onnx and onnxscript to export) and OpenVINO are tried where installed,
torch.compile where asked for: it takes a minute.

    python benchmarks/encoders.py
    python benchmarks/encoders.py --model sam2.1-tiny --image-size 512 --random --batches 1 --rounds 3 --compile
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from levers import load
from model_options import add_model_options, variant
from scene import print_table, save
from torch import Tensor, nn

from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.network.sam2 import normalize

Encoder = Callable[[], Sequence[np.ndarray]]


class Encode(nn.Module):
    """The part of the network that sees the image."""

    def __init__(self, network: VolsweepNet) -> None:
        super().__init__()
        self.model = network.sam2

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The three levels of features."""
        return tuple(self.model.forward_image(x)["backbone_fpn"][-3:])


def in_torch(network: VolsweepNet, x: Tensor, module: Callable[[Tensor], Sequence[Tensor]]) -> Encoder:
    """Run by torch, in the network's precision."""

    def run() -> list[np.ndarray]:
        with network.running():
            return [level.float().numpy() for level in module(x)]

    return run


def exported(plain: VolsweepNet, x: Tensor, folder: Path) -> dict[str, Encoder]:
    """Run by ONNX Runtime and OpenVINO, where they are installed."""
    needed = {"ONNX Runtime": "onnxruntime", "OpenVINO": "openvino"}
    names = [name for name, package in needed.items() if importlib.util.find_spec(package)]
    if not names or not importlib.util.find_spec("onnxscript"):
        return {}
    path = folder / f"encoder-{len(x)}.onnx"
    torch.onnx.export(Encode(plain).eval(), (x,), path, dynamo=True, verbose=False)
    threads = plain.threads or torch.get_num_threads()
    array, found = x.numpy(), {}
    if "ONNX Runtime" in names:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        given = {session.get_inputs()[0].name: array}
        found["ONNX Runtime, float32"] = lambda: session.run(None, given)
    if "OpenVINO" in names:
        import openvino

        core = openvino.Core()
        for precision, name in (("f32", "float32"), ("bf16", "bfloat16")):
            options = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision}
            model = core.compile_model(core.read_model(path), "CPU", options)
            found[f"OpenVINO, {name}"] = lambda m=model: list(m(array).values())
    return found


def ways(network: VolsweepNet, plain: VolsweepNet, x: Tensor, compile_too: bool) -> dict[str, Encoder]:
    """All ways that torch has; `plain` is the network without oneDNN's products."""
    single, half = (variant(network, dtype=dtype) for dtype in (torch.float32, torch.bfloat16))
    last = copy.deepcopy(plain)
    last.sam2.image_encoder.to(memory_format=torch.channels_last)
    found = {
        "float32": in_torch(single, x, Encode(network)),
        "float32, torch's own products": in_torch(variant(plain, dtype=torch.float32), x, Encode(plain)),
        "bfloat16": in_torch(half, x, Encode(network)),
        "float32, channels last": in_torch(single, x.to(memory_format=torch.channels_last), Encode(last)),
    }
    if compile_too:
        found["float32, torch.compile"] = in_torch(single, x, torch.compile(Encode(plain)))
        found["bfloat16, torch.compile"] = in_torch(half, x, torch.compile(Encode(plain)))
    return found


def main() -> None:
    """Run all of them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_options(parser)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8], help="slices at a time")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    network, plain, _ = load(arguments)
    found: dict[tuple[str, int], Encoder] = {}
    with tempfile.TemporaryDirectory() as folder:
        for batch in arguments.batches:
            x = normalize(torch.rand(batch, 1, network.image_size, network.image_size))
            both = ways(network, plain, x, arguments.compile and batch == arguments.batches[0])
            if batch == arguments.batches[0]:
                both |= exported(plain, x, Path(folder))
            found |= {(name, batch): encoder for name, encoder in both.items()}
        results = {key: [level.copy() for level in encoder()] for key, encoder in found.items()}
        seconds: dict[tuple[str, int], list[float]] = {key: [] for key in found}
        for _ in range(arguments.rounds):
            for key, encoder in found.items():
                started = time.process_time()
                encoder()
                seconds[key].append(time.process_time() - started)
    first = float(np.median(seconds["float32", arguments.batches[0]])) / arguments.batches[0]
    rows = []
    for (name, batch), taken in seconds.items():
        each = float(np.median(taken)) / batch
        error = max(
            float(np.abs(a - b).max()) for a, b in zip(results[name, batch], results["float32", batch], strict=True)
        )
        rows.append([name, batch, 1000 * each, first / each, error])
    print(f"{arguments.model} at {network.image_size} px, {network.threads or torch.get_num_threads()} threads\n")
    print_table(["encoder", "slices at a time", "ms/slice", "times the first", "largest difference"], rows)
    save([dict(zip(("way", "batch", "ms", "gain", "error"), row, strict=True)) for row in rows], arguments.json)


if __name__ == "__main__":
    main()
