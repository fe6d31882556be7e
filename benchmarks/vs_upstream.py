"""The annotation session against SAM 2's own video predictor: same weights, frames and prompts.

A long stack with one object over a few slices: a box, a sweep both ways, two corrections on other
slices with a new sweep each, then two more objects on other slices. Upstream gets what it needs to do
its best here: JPEG frames already on disk, its tensors kept in memory, `torch.no_grad`, no hole
filling, and before each new sweep only the object that changed is left to it where it has a choice.

    python benchmarks/vs_upstream.py                      # bundled network, 300 slices of 512 x 512
    python benchmarks/vs_upstream.py --model sam2.1-tiny --image-size 512 --random --slices 60
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image
from sam2.sam2_video_predictor import SAM2VideoPredictor
from scene import (
    WINDOW,
    Masks,
    PeakMemory,
    Scene,
    Stopwatch,
    annotation_scene,
    dice,
    print_table,
    save,
    session_prompts,
)

from volsweep.engine.features import FeatureCache
from volsweep.engine.frames import Frames
from volsweep.engine.network import Network, load_network
from volsweep.engine.plan import Direction
from volsweep.engine.runtime import CACHE_BYTES
from volsweep.engine.sweep import Sweeper, SweepOptions
from volsweep.engine.view import View
from volsweep.intensity import resolve_window
from volsweep.models import checkpoint_path, find_model
from volsweep.prompts import Box, Prompt


def run_volsweep(network: Network, scene: Scene, zoom: float | None, patience: int) -> tuple[Stopwatch, Masks, int]:
    """The session through Volsweep's engine."""
    frames = Frames(scene.volume, "axial", resolve_window(scene.volume, WINDOW))
    sweeper = Sweeper(View(network, frames, zoom, FeatureCache(CACHE_BYTES)))
    options = SweepOptions(0, len(frames) - 1, Direction.BOTH, patience=patience)
    watch, masks = Stopwatch(), {}
    prompts: dict[int, dict[int, tuple[Prompt, ...]]] = {}
    for name, added in session_prompts(scene):
        with watch.time(name):
            for prompt in added:
                here = prompts.setdefault(prompt.label, {})
                here[prompt.slice] = (*here.get(prompt.slice, ()), prompt)
            label = added[0].label
            for tracked in sweeper.sweep({label: prompts[label]}, options):
                masks[tracked.label, tracked.mask.slice] = tracked.mask.mask_yx()
    return watch, masks, sweeper.visited


def run_upstream(predictor: SAM2VideoPredictor, scene: Scene, folder: Path) -> tuple[Stopwatch, Masks]:
    """The session through upstream's predictor: JPEG folder, forward and reverse propagation."""
    watch, masks = Stopwatch(), {}
    with torch.no_grad():
        with watch.time("load frames"):
            state = predictor.init_state(str(folder))
        for name, added in session_prompts(scene):
            with watch.time(name):
                for prompt in added:
                    where = {"inference_state": state, "frame_idx": prompt.slice, "obj_id": prompt.label}
                    if isinstance(prompt, Box):
                        predictor.add_new_points_or_box(**where, box=np.array(prompt.box_xyxy, dtype=np.float32))
                    else:
                        points = np.array([prompt.point_xy], dtype=np.float32)
                        predictor.add_new_points_or_box(**where, points=points, labels=np.array([1], dtype=np.int32))
                for reverse in (False, True):
                    sweep = predictor.propagate_in_video(state, start_frame_idx=added[0].slice, reverse=reverse)
                    for index, labels, logits in sweep:
                        for i, label in enumerate(labels):
                            masks[label, index] = (logits[i, 0] > 0).numpy()
    return watch, masks


def write_jpegs(scene: Scene, folder: Path) -> None:
    """The same frames as JPEG, since upstream reads nothing else."""
    frames = Frames(scene.volume, "axial", resolve_window(scene.volume, WINDOW))
    for z in range(len(frames)):
        grey = (frames[z] * 255).round().astype(np.uint8)
        Image.fromarray(grey).convert("RGB").save(folder / f"{z:05d}.jpg", quality=98)


def networks(arguments: argparse.Namespace) -> tuple[Network, SAM2VideoPredictor, float | None]:
    """The same weights in both drivers."""
    spec = find_model(arguments.model)
    torch.manual_seed(0)
    weights = None if arguments.random else checkpoint_path(spec)
    network = load_network(spec.config_path, weights, "cpu", arguments.image_size)
    config = OmegaConf.load(spec.config_path).model
    config._target_ = "sam2.sam2_video_predictor.SAM2VideoPredictor"
    config.image_size = network.image_size
    predictor = instantiate(config, fill_hole_area=0)
    predictor.load_state_dict(network.model.state_dict())
    return network, predictor.eval(), spec.zoom


def main() -> None:
    """Run both and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="volsweep-nano")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--random", action="store_true", help="random weights: time only")
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    side = arguments.side
    scene = annotation_scene(arguments.slices, side)
    network, predictor, zoom = networks(arguments)
    if network.threads:  # upstream, too, is faster with the threads that suit this network
        torch.set_num_threads(network.threads)
    results: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        write_jpegs(scene, Path(folder))
        with PeakMemory() as memory:
            watch, upstream = run_upstream(predictor, scene, Path(folder))
        results["upstream"] = {"seconds": watch.seconds, "peak_mb": memory.grown / 1e6}
    # With random weights the object never ends, so nobody may stop early.
    ways = {"volsweep, same work": (None, 0)}
    if not arguments.random:
        ways["volsweep, as shipped"] = (zoom, 2)
    agreement = {}
    for name, (its_zoom, patience) in ways.items():
        with PeakMemory() as memory:
            watch, masks, visited = run_volsweep(network, scene, its_zoom, patience)
        results[name] = {"seconds": watch.seconds, "peak_mb": memory.grown / 1e6, "slices_visited": visited}
        shared = masks.keys() & upstream.keys()
        agreement[name] = float(np.mean([dice(masks[key], upstream[key]) for key in shared]))
        truths = {(b.label, z): b.mask_yx(z, (side, side)) for b in scene.balls for z in range(arguments.slices)}
        results[name]["dice_with_truth"] = _volume_dice(masks, truths)
        results["upstream"]["dice_with_truth"] = _volume_dice(upstream, truths)

    names = list(results)
    actions = list(results["upstream"]["seconds"])
    rows = [[a, *(results[n]["seconds"].get(a, 0.0) for n in names)] for a in actions]
    totals = {n: sum(results[n]["seconds"].values()) for n in names}
    rows.append(["total (s)", *totals.values()])
    rows.append(["upstream / this", *(totals["upstream"] / t for t in totals.values())])
    rows.append(["peak memory over start (MB)", *(results[n]["peak_mb"] for n in names)])
    rows.append(["mean Dice with upstream's masks", 1.0, *agreement.values()])
    rows.append(["Dice with the truth", *(results[n]["dice_with_truth"] for n in names)])
    size = f"{arguments.slices} slices of {side} x {side}, {arguments.model} at {network.image_size} px"
    print(f"{size}, {torch.get_num_threads()} CPU threads\n")
    print_table(["seconds", *names], rows)
    save({"arguments": vars(arguments) | {"json": None}, "results": results, "agreement": agreement}, arguments.json)


def _volume_dice(masks: Masks, truths: Masks) -> float:
    overlap = sum(int((masks[k] & t).sum()) for k, t in truths.items() if k in masks)
    total = sum(int(m.sum()) for m in masks.values()) + sum(int(t.sum()) for t in truths.values())
    return 2 * overlap / total


if __name__ == "__main__":
    main()
