"""What ONNX Runtime would win over torch on a processor: start, time and memory of the networks' parts.

    pip install onnx onnxscript onnxruntime
    python benchmarks/without_torch.py            # the bundled network

Exported are the image encoder of a slice, the 3D network, and the refiner's trunk and decoder, float32; what memory
attention and prompts need is left out, since its shapes change with every slice. Times are processor seconds on
one thread, the least of several rounds, torch and ONNX Runtime by turns.
Start is a fresh process that imports and loads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_HELD = "int(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1]) / 1024"
"""Of the process's own: what a parent held is in what `getrusage` says."""
_START = {
    "torch": "import time; b = time.process_time(); "
    "from volsweep.engine.network.build import load_network; from volsweep.models import checkpoint_path, find_model; "
    "s = find_model('volsweep-nano'); load_network(s.config_path, checkpoint_path(s), 'cpu'); "
    f"print(time.process_time() - b, {_HELD})",
    "ONNX Runtime": "import sys, time; b = time.process_time(); import numpy; import onnxruntime as o; "
    "s = [o.InferenceSession(p, providers=['CPUExecutionProvider']) for p in sys.argv[1:]]; "
    f"print(time.process_time() - b, {_HELD})",
}
"""Processor seconds and the most MB held, printed by a fresh process."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = measure(Path(folder), args.rounds)
    print("| | torch | ONNX Runtime | ratio |\n|---|---|---|---|")
    for name, (ours, theirs, unit) in results.items():
        print(f"| {name} ({unit}) | {ours:.3g} | {theirs:.3g} | {ours / theirs:.2f} |")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


def measure(folder: Path, rounds: int) -> dict[str, tuple[float, float, str]]:
    import onnxruntime
    import torch

    from volsweep.engine.network.build import build, load_network, load_weights
    from volsweep.models import checkpoint_path, find_model

    torch.set_num_threads(1)
    spec = find_model("volsweep-nano")
    shipped = parts(load_network(spec.config_path, checkpoint_path(spec), "cpu"))
    plain = build(spec.config_path)  # without the products that only oneDNN knows
    load_weights(plain, checkpoint_path(spec))
    alone = onnxruntime.SessionOptions()
    alone.intra_op_num_threads = 1
    results: dict[str, tuple[float, float, str]] = {}
    paths = []
    for name, (module, inputs) in parts(plain.eval()).items():
        path = folder / f"{len(paths)}.onnx"
        torch.onnx.export(module, inputs, path, dynamo=True, verbose=False, external_data=False)
        paths.append(str(path))
        session = onnxruntime.InferenceSession(path, alone, providers=["CPUExecutionProvider"])
        fed = {one.name: value.numpy() for one, value in zip(session.get_inputs(), inputs, strict=True)}
        with torch.no_grad():
            ours, theirs, found = [], [], None
            for _ in range(rounds + 1):
                began = time.process_time()
                wanted = shipped[name][0](*inputs)
                ours.append(time.process_time() - began)
                began = time.process_time()
                found = session.run(None, fed)
                theirs.append(time.process_time() - began)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        worst = max(float(np.abs(a.numpy() - b).max()) for a, b in zip(wanted, found, strict=True))
        print(f"{name}: the outputs differ by {worst:.2g} at most", file=sys.stderr)
        results[name] = (1000 * min(ours[1:]), 1000 * min(theirs[1:]), "processor ms")
    for what, place, unit in (("start", 0, "processor s"), ("memory after loading", 1, "MB")):
        got = [started(kind, paths if kind != "torch" else [], place) for kind in _START]
        results[what] = (got[0], got[1], unit)
    return results


def started(kind: str, arguments: list[str], place: int) -> float:
    """The least of three fresh processes."""
    command = [sys.executable, "-c", _START[kind], *arguments]
    told = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() for _ in range(3)]
    return min(float(one[place]) for one in told)


def parts(net) -> dict:
    """Modules that take and give tensors, and inputs of the sizes that they have in a sweep."""
    import torch
    from torch import nn

    from volsweep.engine.network import body_net, refiner

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.sam2 = net.sam2

        def forward(self, image):
            return tuple(self.sam2.forward_image(image)["backbone_fpn"])

    class Trunk(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.refiner = net.refiner

        def forward(self, grey):
            return tuple(self.refiner.encode(grey))

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.refiner = net.refiner

        def forward(self, maps, start, *features):
            return self.refiner.decode(features, maps, start)

    size = net.image_size
    depth, side = body_net.DEPTH, body_net.SIDE
    grey = torch.rand(1, refiner.DEPTH, refiner.SIDE, refiner.SIDE)
    maps = torch.rand(1, refiner.MAPS, refiner.DEPTH, refiner.OUT, refiner.OUT)
    with torch.no_grad():
        features = tuple(feature.float() for feature in net.refiner.float().encode(grey))
    blocks = torch.rand(1, 2, depth, 2 * side, 2 * side), torch.rand(1, body_net.MAPS, depth, side, side)
    return {
        "image encoder": (Encoder().float().eval(), (torch.rand(1, 3, size, size),)),
        "3D network": (net.body_net.float().eval(), blocks),
        "refiner's trunk": (Trunk().float().eval(), (grey,)),
        "refiner's decoder": (Decoder().float().eval(), (maps, maps[:, :1].contiguous(), *features)),
    }


if __name__ == "__main__":
    main()
