"""The annotation session against SAM 2's own video predictor: same weights, frames and prompts.

A long stack with one object over a few slices: a box, a sweep both ways, two corrections on other
slices with a new sweep each, then two more objects on other slices. Upstream gets what it needs to do
its best here: JPEG frames already on disk, its tensors kept in memory, `torch.no_grad`, no hole
filling, the precision and the threads that Volsweep finds fastest for this network. Once it has
loaded its JPEGs it is handed the pixels that Volsweep sees, so that masks can be compared.

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
from model_options import add_model_options, load_model, upstream_state, variant
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

from volsweep.engine.engine import CACHE_BYTES
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.network.sam2 import normalize
from volsweep.engine.slices.crop import Crop
from volsweep.engine.slices.view import FeatureCache, Frames, View, model_input
from volsweep.engine.sweep.plan import Direction, SweepOptions
from volsweep.engine.sweep.sweeper import Sweeper
from volsweep.intensity import resolve_window
from volsweep.prompts.kinds import Box, Prompt

Run = tuple[Stopwatch, Masks, Masks]


def run_volsweep(network: VolsweepNet, scene: Scene, zoom: float | None, patience: int) -> Run:
    """The session through Volsweep's engine: times, the masks at the end, and those of `_same_work`."""
    frames = Frames(scene.volume, "axial", resolve_window(scene.volume, WINDOW))
    sweeper = Sweeper(View(network, frames, zoom, FeatureCache(CACHE_BYTES)))
    options = SweepOptions(0, len(frames) - 1, Direction.BOTH, patience=patience)
    watch, masks, forward = Stopwatch(), {}, {}
    prompts: dict[int, dict[int, tuple[Prompt, ...]]] = {}
    for name, added in session_prompts(scene):
        with watch.time(name):
            for prompt in added:
                here = prompts.setdefault(prompt.label, {})
                here[prompt.slice] = (*here.get(prompt.slice, ()), prompt)
            label = added[0].label
            for tracked in sweeper.sweep({label: prompts[label]}, options):
                masks[tracked.label, tracked.mask.slice] = tracked.mask.mask_yx()
        if len(prompts[label]) == 1:
            forward |= _same_work(masks, added[0])
    return watch, masks, forward


def run_upstream(predictor: SAM2VideoPredictor, network: VolsweepNet, scene: Scene, folder: Path) -> Run:
    """The session through upstream's predictor: JPEG folder, forward and reverse propagation."""
    watch, masks, forward = Stopwatch(), {}, {}
    with network.running():
        with watch.time("load frames"):
            state = predictor.init_state(str(folder))
        state["images"], state["cached_features"] = model_inputs(scene, network.image_size), {}
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
            if isinstance(added[0], Box):
                forward |= _same_work(masks, added[0])
    return watch, masks, forward


def model_inputs(scene: Scene, size: int) -> torch.Tensor:
    """All slices as Volsweep shows them to the network, (slices, 3, size, size)."""
    frames = Frames(scene.volume, "axial", resolve_window(scene.volume, WINDOW))
    crop = Crop.whole(frames.shape_yx, size)
    return torch.cat([normalize(model_input(frames[z], crop)) for z in range(len(frames))])


def write_jpegs(scene: Scene, folder: Path) -> None:
    """The same frames as JPEG, since upstream reads nothing else."""
    frames = Frames(scene.volume, "axial", resolve_window(scene.volume, WINDOW))
    for z in range(len(frames)):
        grey = (frames[z] * 255).round().astype(np.uint8)
        Image.fromarray(grey).convert("RGB").save(folder / f"{z:05d}.jpg", quality=98)


def networks(arguments: argparse.Namespace) -> tuple[VolsweepNet, SAM2VideoPredictor, float | None]:
    """The same weights in both drivers."""
    spec, network = load_model(arguments)
    config = OmegaConf.load(spec.config_path).model
    config._target_ = "sam2.sam2_video_predictor.SAM2VideoPredictor"
    config.image_size = network.image_size
    predictor = instantiate(config, fill_hole_area=0)
    predictor.load_state_dict(upstream_state(network))
    return network, predictor.eval(), spec.zoom


def main() -> None:
    """Run both and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_options(parser)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    side = arguments.side
    scene = annotation_scene(arguments.slices, side)
    network, predictor, zoom = networks(arguments)
    # With random weights the object never ends, so nobody may stop early.
    ways = {"volsweep, same work": (None, 0)}
    if not arguments.random:
        ways["volsweep, as shipped"] = (zoom, 2)
    warm_up(network, predictor)
    runs: dict[str, Run] = {}
    peaks: dict[str, float] = {}
    for name, (its_zoom, patience) in ways.items():
        with PeakMemory() as memory:
            # Upstream predicts no body, so the same work is without it.
            body_net = network.body_net if its_zoom is not None else None
            runs[name] = run_volsweep(variant(network, body_net=body_net), scene, its_zoom, patience)
        peaks[name] = memory.grown / 1e6
    with tempfile.TemporaryDirectory() as folder:
        write_jpegs(scene, Path(folder))
        with PeakMemory() as memory:
            runs["upstream"] = run_upstream(predictor, network, scene, Path(folder))
    peaks["upstream"] = memory.grown / 1e6

    names = ["upstream", *ways]
    clock = {n: runs[n][0].seconds for n in names}
    processor = {n: sum(runs[n][0].processor_seconds.values()) for n in names}
    totals = {n: sum(clock[n].values()) for n in names}
    truths = {(b.label, z): b.mask_yx(z, (side, side)) for b in scene.balls for z in range(arguments.slices)}
    shown = {n: {key: mask for key, mask in runs[n][2].items() if truths[key].any()} for n in names}
    rows = [[action, *(clock[n].get(action, 0.0) for n in names)] for action in clock["upstream"]]
    rows += [
        ["total", *totals.values()],
        ["**upstream / this**", *(totals["upstream"] / t for t in totals.values())],
        ["the same in processor time", *(processor["upstream"] / t for t in processor.values())],
        ["peak memory over start (MB)", *(peaks[n] for n in names)],
        ["Dice with upstream, first forward sweeps", *(_mean_dice(runs[n][2], runs["upstream"][2]) for n in names)],
        ["the same, the object's slices", *(_mean_dice(shown[n], shown["upstream"]) for n in names)],
        ["Dice with upstream, at the end", *(_mean_dice(runs[n][1], runs["upstream"][1]) for n in names)],
    ]
    if not arguments.random:
        rows.append(["Dice with the truth", *(_volume_dice(runs[n][1], truths) for n in names)])
    precision = str(network.dtype).removeprefix("torch.")
    threads = network.threads or torch.get_num_threads()
    size = f"{arguments.slices} slices of {side} x {side}, {arguments.model} at {network.image_size} px"
    print(f"{size}, {precision}, {threads} CPU threads\n")
    print_table(["seconds", *names], rows)
    if arguments.random:
        print("\nRandom weights: the object ends nowhere, and neither may stop early.")
    results = {n: {"seconds": clock[n], "processor": processor[n], "peak_mb": peaks[n]} for n in names}
    save({"arguments": vars(arguments) | {"json": None}, "results": results, "table": rows}, arguments.json)


def _same_work(masks: Masks, prompt: Prompt) -> Masks:
    """What a first forward sweep found.

    Upstream's reverse sweep goes on to attend to slices of the forward one, and corrections overwrite
    what was there; Volsweep's passes keep apart and are fused. Only here do both do the same.
    """
    return {key: mask for key, mask in masks.items() if key[0] == prompt.label and key[1] >= prompt.slice}


def warm_up(network: VolsweepNet, predictor: SAM2VideoPredictor) -> None:
    """Let torch allocate and choose what it does once, for neither to pay for it."""
    scene = annotation_scene(4, 64)
    with tempfile.TemporaryDirectory() as folder:
        write_jpegs(scene, Path(folder))
        run_upstream(predictor, network, scene, Path(folder))
    run_volsweep(network, scene, None, 0)


def _mean_dice(masks: Masks, others: Masks) -> float:
    return float(np.mean([dice(masks[key], others[key]) for key in masks.keys() & others.keys()]))


def _volume_dice(masks: Masks, truths: Masks) -> float:
    overlap = sum(int((masks[k] & t).sum()) for k, t in truths.items() if k in masks)
    total = sum(int(m.sum()) for m in masks.values()) + sum(int(t.sum()) for t in truths.values())
    return 2 * overlap / total


if __name__ == "__main__":
    main()
