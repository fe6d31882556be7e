"""Slices per second on a GPU, with and without torch.compile, against upstream's predictors, and the memory.

Every model follows one object forward through a stack, with random weights where its own are not here:
they change nothing in time. The first sweep compiles and warms up; the second one, on a fresh cache, is
timed. Upstream runs as `SAM2VideoPredictor` and as `SAM2VideoPredictorVOS` (its `vos_optimized`), each in
bfloat16 as Volsweep does.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --models sam2.1-tiny medsam2-latest --slices 200
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from hydra.utils import instantiate
from model_options import upstream_state
from omegaconf import OmegaConf
from scene import WINDOW, Ball, Scene, make_scene, print_table, save
from vs_upstream import write_jpegs

from volsweep.engine.engine import CACHE_BYTES
from volsweep.engine.network.build import load_network
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.slices.view import FeatureCache, Frames, View
from volsweep.engine.sweep.plan import Direction, SweepOptions
from volsweep.engine.sweep.sweeper import Sweeper
from volsweep.errors import ModelError
from volsweep.intensity import resolve_window
from volsweep.models import MODELS, ModelSpec, checkpoint_path
from volsweep.prompts.kinds import Box


def load(spec: ModelSpec, device: str, image_size: int | None) -> VolsweepNet:
    """A model on the device; with random weights where its own are not here."""
    try:
        weights = checkpoint_path(spec)
    except ModelError:
        weights = None
    return load_network(spec.config_path, weights, device, image_size)


def compiled(network: VolsweepNet) -> VolsweepNet:
    """The same network with its image encoder compiled, as upstream compiles it.

    Without CUDA graphs, whose output the next slice would overwrite in the cache.
    """
    encoder = network.sam2.image_encoder
    encoder.forward = torch.compile(encoder.forward, mode="max-autotune-no-cudagraphs", fullgraph=True, dynamic=False)
    return network


def volsweep(network: VolsweepNet, scene: Scene) -> Callable[[], int]:
    """One sweep with Volsweep; returns the slices it visits."""
    frames = Frames(scene.volume, "axial", resolve_window(scene.volume, WINDOW))
    box = Box(label=1, slice=0, box_xyxy=scene.balls[0].box_xyxy())

    def sweep() -> int:
        sweeper = Sweeper(View(network, frames, None, FeatureCache(CACHE_BYTES)))
        options = SweepOptions(0, len(frames) - 1, Direction.FORWARD, patience=0)
        return sum(1 for _ in sweeper.sweep({1: {0: (box,)}}, options))

    return sweep


def upstream(spec: ModelSpec, network: VolsweepNet, scene: Scene, name: str, folder: Path) -> Callable[[], int]:
    """The same sweep with one of upstream's predictors."""
    config = OmegaConf.load(spec.config_path).model
    config._target_ = f"sam2.sam2_video_predictor.{name}"
    config.image_size = network.image_size
    config.compile_image_encoder = name.endswith("VOS")
    predictor = instantiate(config, fill_hole_area=0).to(network.device).eval()
    predictor.load_state_dict(upstream_state(network))
    box = np.array(scene.balls[0].box_xyxy(), dtype=np.float32)

    def sweep() -> int:
        with network.running():
            state = predictor.init_state(str(folder))
            predictor.add_new_points_or_box(state, frame_idx=0, obj_id=1, box=box)
            return sum(1 for _ in predictor.propagate_in_video(state))

    return sweep


def measure(sweep: Callable[[], int], device: torch.device) -> dict[str, float]:
    """Slices per second of the second sweep, and the most memory that either held."""
    cuda = device.type == "cuda"
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    sweep()
    started = time.perf_counter()
    slices = sweep()
    if cuda:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    return {"fps": slices / seconds, "peak_gb": torch.cuda.max_memory_allocated() / 1e9 if cuda else 0.0}


def main() -> None:
    """Run every model in every way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = ["volsweep-nano", "medsam2-latest", *(name for name in MODELS if name.startswith("sam2.1"))]
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=default)
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--slices", type=int, default=100)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--force-cpu", action="store_true", help="try the script itself: no GPU, nothing compiled")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not (torch.cuda.is_available() or arguments.force_cpu):
        sys.exit("gpu.py measures a CUDA device and torch finds none here; run it where there is one")

    device = torch.device("cpu" if arguments.force_cpu else "cuda")
    scene = make_scene(
        arguments.slices, arguments.side, [Ball(1, 0, arguments.slices - 1, (arguments.side / 2,) * 2, 40)]
    )
    rows, results = [], {}
    with tempfile.TemporaryDirectory() as folder:
        write_jpegs(scene, Path(folder))
        for name in arguments.models:
            spec = MODELS[name]
            network = load(spec, str(device), arguments.image_size)
            ways = {
                "volsweep": lambda n=network: volsweep(n, scene),
                "upstream": lambda s=spec, n=network: upstream(s, n, scene, "SAM2VideoPredictor", Path(folder)),
            }
            if device.type == "cuda":
                ways["upstream vos_optimized"] = lambda s=spec, n=network: upstream(
                    s, n, scene, "SAM2VideoPredictorVOS", Path(folder)
                )
                ways["volsweep compiled"] = lambda n=network: volsweep(compiled(n), scene)
            found = {way: measure(make(), device) for way, make in ways.items()}
            rows += [[name, network.image_size, way, f["fps"], f["peak_gb"]] for way, f in found.items()]
            results[name] = found
    where = torch.cuda.get_device_name() if device.type == "cuda" else "CPU, which says nothing of a GPU"
    print(f"{where}, torch {torch.__version__}, {arguments.slices} slices of {arguments.side} x {arguments.side}\n")
    print_table(["model", "pixels", "", "slices/s", "GPU memory (GB)"], rows)
    save({"device": where, "results": results}, arguments.json)


if __name__ == "__main__":
    main()
