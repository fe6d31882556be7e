"""What each lever is worth: the annotation session with all of them, and with each one taken away.

The ways are run in turn, round after round, so that whatever else the machine does falls on all of
them; what is compared is the processor time of the median round. Those that were tried and not
kept are put in instead: they gain nothing, or too little. Encoders have a table of their own: `encoders.py`.

    python benchmarks/levers.py
    python benchmarks/levers.py --model sam2.1-tiny --image-size 512 --random --slices 12 --rounds 2
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from model_options import add_model_options, load_model, variant
from scene import WINDOW, Masks, Scene, annotation_scene, dice, print_table, save, session_prompts
from torch import Tensor

from volsweep.engine.engine import CACHE_BYTES
from volsweep.engine.network import attention, device, inference
from volsweep.engine.network.net import VolsweepNet
from volsweep.engine.slices.view import FeatureCache, Frames, View
from volsweep.engine.sweep import passes
from volsweep.engine.sweep import sweeper as sweep
from volsweep.engine.sweep.plan import SweepOptions
from volsweep.engine.sweep.sweeper import Sweeper
from volsweep.intensity import resolve_window


@dataclass(frozen=True)
class Way:
    """One way to run the session: what is set, and what is put in another's place."""

    network: VolsweepNet
    zoom: float | None
    patience: int
    cache_bytes: int = CACHE_BYTES
    forget: bool = False
    """Whether legs that did not change are run again."""
    sweeper: type[Sweeper] = Sweeper
    patches: tuple[tuple[Any, str, Any], ...] = ()
    cpu_seconds: list[float] = field(default_factory=list)
    wall_seconds: list[float] = field(default_factory=list)


def run(way: Way, scene: Scene) -> Masks:
    """The annotation session, timed."""
    frames = Frames(scene.volume, "axial", resolve_window(scene.volume, WINDOW))
    masks: Masks = {}
    with ExitStack() as stack:
        for target, name, replacement in way.patches:
            stack.enter_context(patch.object(target, name, replacement))
        started, wall = time.process_time(), time.perf_counter()
        sweeper = way.sweeper(View(way.network, frames, way.zoom, FeatureCache(way.cache_bytes)))
        prompts: dict[int, dict[int, tuple]] = {}
        for _, added in session_prompts(scene):
            for prompt in added:
                here = prompts.setdefault(prompt.label, {})
                here[prompt.slice] = (*here.get(prompt.slice, ()), prompt)
            if way.forget:
                sweeper._finished.clear()
            options = SweepOptions(0, len(frames) - 1, patience=way.patience)
            label = added[0].label
            for tracked in sweeper.sweep({label: prompts[label]}, options):
                masks[label, tracked.mask.slice] = tracked.mask.mask_yx()
        way.cpu_seconds.append(time.process_time() - started)
        way.wall_seconds.append(time.perf_counter() - wall)
    return masks


def without_self_attention(_: Any, coarse: Tensor, __: Tensor) -> Tensor:
    """In place of `attend_within`: leave it to the tracking of every object."""
    return coarse.flatten(2).transpose(1, 2)


def self_attention_each_time(position: Tensor) -> Callable[..., Tensor]:
    """`attend_to_memory` that looks at the slice alone again, for every object and direction."""
    usual = attention.attend_to_memory

    def attend(model: Any, coarse: Tensor, *rest: Any) -> Tensor:
        within = attention._attend_within(model.memory_attention.layers[0], coarse + 0.1 * position)
        return usual(model, within, *rest)

    return attend


def upstreams_attention(position: Tensor) -> Callable[..., Tensor]:
    """`attend_to_memory` by upstream's own module."""

    def attend(model: Any, coarse: Tensor, tokens: Tensor, places: Tensor, pointers: int) -> Tensor:
        return model.memory_attention(
            curr=coarse.transpose(0, 1),
            curr_pos=position[:, None].expand(-1, len(coarse), -1),
            memory=tokens.transpose(0, 1),
            memory_pos=places.transpose(0, 1),
            num_obj_ptr_tokens=pointers,
        ).transpose(0, 1)

    return attend


def values_projected_first(layer: Any, x: Tensor, tokens: Tensor, keys_in: Tensor, pointers: int) -> Tensor:
    """`_attend_across` that averages projected values, of the features' width."""
    cross = layer.cross_attn_image
    rotation = attention._rotation(cross, x)
    queries = attention._rotated(cross.q_proj(layer.norm2(x)), rotation)
    keys = cross.k_proj(keys_in)
    spatial = keys[:, : keys.shape[1] - pointers]
    spatial.copy_(attention._rotated(spatial.unflatten(1, (-1, x.shape[1])), rotation).flatten(1, 2))
    return x + cross.out_proj(attention._average(queries, keys, cross.v_proj(tokens)))


_recall = passes.recall


def fewer_memories(*arguments: Any) -> Any:
    """`recall` that leaves out every second of the slices before, as thin slices would allow."""
    found = _recall(*arguments)
    last = max(slot for _, slot in found.spatial)
    return replace(found, spatial=[(tokens, slot) for tokens, slot in found.spatial if slot == last or slot % 2 == 0])


class EncodingAhead(Sweeper):
    """While a batch of slices is tracked, a second thread encodes those that come next."""

    def _batch(self, batch: Any) -> None:
        with ThreadPoolExecutor(1) as second:
            self.view.features([(one.slice, one.crop) for _, one, _ in batch])
            ahead = [(one._end.todo[1], one.crop) for _, one, _ in batch if len(one._end.todo) > 1]
            second.submit(self.view.features, ahead)
            super()._batch(batch)


class EncodingSeveral(Sweeper):
    """When a slice is not encoded yet, the next three of its pass are encoded with it as one batch."""

    def _batch(self, batch: Any) -> None:
        view = self.view
        if any(view._cache.get((view, one.slice, one.crop)) is None for _, one, _ in batch):
            view.features([(index, one.crop) for _, one, _ in batch for index in one._end.todo[:4]])
        super()._batch(batch)


def ways(network: VolsweepNet, plain: VolsweepNet, zoom: float | None, patience: int) -> dict[str, Way]:
    """All levers, and each one taken away; at the end what was tried and not kept."""
    base = Way(network, zoom, patience)
    position = network.positions.image
    alone = (inference, "attend_within", without_self_attention)
    found = {
        "all": base,
        "without remembering legs": replace(base, forget=True),
        "without keeping features": replace(base, cache_bytes=0),
        "without passes side by side": replace(base, patches=((sweep, "_MAX_BATCH", 1),)),
        "without self-attention once per slice": replace(
            base, patches=(alone, (attention, "attend_to_memory", self_attention_each_time(position)))
        ),
        "without averaging before W_v": replace(base, patches=((attention, "_attend_across", values_projected_first),)),
        "with upstream's memory attention": replace(
            base, patches=(alone, (attention, "attend_to_memory", upstreams_attention(position)))
        ),
        "without oneDNN's products": replace(base, network=plain, patches=((device, "onednn_pays", lambda: False),)),
    }
    if network.dtype == torch.bfloat16:
        found["without bfloat16"] = replace(base, network=variant(network, dtype=torch.float32))
    else:
        found["tried: bfloat16"] = replace(base, network=variant(network, dtype=torch.bfloat16))
    if zoom is not None:
        found["without zoom"] = replace(base, zoom=None)
    if patience:
        found["without an early end"] = replace(base, patience=0)
    threads = 2 if network.threads == 1 else 1
    found[f"tried: {threads} threads"] = replace(base, network=variant(network, threads=threads))
    found["tried: every second memory"] = replace(base, patches=((passes, "recall", fewer_memories),))
    found["tried: encoding ahead in a second thread"] = replace(base, sweeper=EncodingAhead)
    found["tried: encoding four slices of a pass at once"] = replace(base, sweeper=EncodingSeveral)
    return {name: replace(way, cpu_seconds=[], wall_seconds=[]) for name, way in found.items()}


def load(arguments: argparse.Namespace) -> tuple[VolsweepNet, VolsweepNet, float | None]:
    """The network as everyone loads it, and with torch's usual products; the zoom it was trained with."""
    spec, network = load_model(arguments)
    with patch.object(device, "onednn_pays", lambda: False):
        _, plain = load_model(arguments)
    return network, plain, spec.zoom


def main() -> None:
    """Run all ways in turn and print what each lever gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_options(parser)
    parser.add_argument("--slices", type=int, default=60)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of the ways to run")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    scene = annotation_scene(arguments.slices, arguments.side)
    network, plain, zoom = load(arguments)
    found = ways(network, plain, zoom, patience=0 if arguments.random else 2)
    if arguments.only:
        found = {n: w for n, w in found.items() if n == "all" or any(part in n for part in arguments.only)}
    masks = {name: run(way, scene) for name, way in found.items()}  # and warms torch up
    for way in found.values():
        way.cpu_seconds.clear()
        way.wall_seconds.clear()
    for _ in range(arguments.rounds):
        for way in found.values():
            run(way, scene)
    rows, results = [], {}
    for name, way in found.items():
        cpu_ratio, wall_ratio = (
            float(np.median(getattr(way, clock)) / np.median(getattr(found["all"], clock)))
            for clock in ("cpu_seconds", "wall_seconds")
        )
        both = masks[name].keys() & masks["all"].keys()
        agreement = float(np.mean([dice(masks[name][key], masks["all"][key]) for key in both]))
        rows.append([name, float(np.median(way.cpu_seconds)), cpu_ratio, wall_ratio, agreement])
        results[name] = {"cpu": way.cpu_seconds, "wall": way.wall_seconds, "agreement": agreement}
    print(f"{arguments.model} at {network.image_size} px, {arguments.slices} slices, {network.dtype}\n")
    print_table(["", "processor (s)", "times all, processor", "times all, clock", "Dice with all"], rows)
    save(results, arguments.json)


if __name__ == "__main__":
    main()
