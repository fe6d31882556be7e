#!/usr/bin/env python3
"""Train the finder of named organs on the shared cases: heads and necks in CT, and limbs, which have none of them.

    python tools/train_finder.py --steps 4000 --out checkpoints/volsweep-finder.safetensors

On one idle core a quarter of an hour; `--state` keeps what it takes to go on. Every tenth training case of either kind
is held back: the Dice reached on the heads is printed, and `benchmarks/text.py` measures the finder on both.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import save_file
from scipy.ndimage import map_coordinates

from volsweep.cases.manifest import Case, read_cases
from volsweep.finder.net import FinderNet, channels_of
from volsweep.lattice import Lattice

REPOSITORY = Path(__file__).resolve().parents[1]
STEP_MM = 3.0
NAMES = ("brain stem", "spinal cord", "right parotid", "left parotid", "esophagus", "larynx", "mandible")
"""In the order of the cases' labels."""
MIRRORED = [0, 1, 3, 2, 4, 5, 6]
ALONG_THE_SPINE = ("spinal cord", "esophagus")
WITH_SPINE = ("sts_003", "sts_007", "sts_018", "sts_037")
"""Sarcomas whose crops may show a spine: nothing is said there of what lies along it."""
SIDE, AIR, BATCH, HELD_BACK, NEGATIVE = 64, -1000.0, 2, 10, 0.15
Sampled = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Hounsfield units and label numbers on the finder's lattice, and of which names presence and absence are known."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--cases", type=Path, default=os.environ.get("VOLSWEEP_CASES", REPOSITORY.parent / "shared/cases")
    )
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--out", type=Path, default=Path("finder.safetensors"))
    parser.add_argument("--state", type=Path, help="Where what it takes to go on is kept, and found again.")
    args = parser.parse_args()
    torch.set_num_threads(1)
    heads = read_cases(args.cases, "train", ["headneck"])
    limbs = [case for case in read_cases(args.cases, "train", ["sarcoma"]) if case.modality == "CT"]
    kept = [sampled(case) for i, case in enumerate(heads) if i % HELD_BACK]
    held = [sampled(case) for case in heads[::HELD_BACK]]
    without = [sampled(case) for i, case in enumerate(limbs) if i % HELD_BACK]
    print(f"{len(kept)} to learn from, {len(held)} held back, {len(without)} without", flush=True)
    torch.manual_seed(0)
    net = FinderNet(len(NAMES))
    mean = {name: value.detach().clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=0.01)
    first = resumed(args.state, net, mean, optimizer)
    rng = np.random.default_rng(first)
    began, losses = time.time(), []
    for step in range(first, args.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, args.steps, args.rate)
        batch = [cut(without if rng.random() < NEGATIVE else kept, rng) for _ in range(BATCH)]
        losses.append(learn(net, optimizer, batch))
        with torch.no_grad():
            for name, value in net.state_dict().items():
                mean[name].lerp_(value, 1 - min(0.995, step / (step + 20)))
        if step % 50 == 0:
            print(f"{step} loss {np.mean(losses[-50:]):.3f} {time.time() - began:.0f} s", flush=True)
        if step % 250 == 0 or step == args.steps:
            told(mean, held)
            save_file({name: value.half().contiguous() for name, value in mean.items()}, args.out)
            if args.state:
                state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "mean": mean, "step": step}
                torch.save(state, args.state)


def rate_at(step: int, steps: int, most: float) -> float:
    """A short rise, then down along half a cosine."""
    return float(most * min(step / 200, 0.5 * (1 + np.cos(np.pi * step / steps)) + 1e-3))


def resumed(path: Path | None, net: FinderNet, mean: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer) -> int:
    """The step to go on with."""
    if path is None or not path.is_file():
        return 1
    state = torch.load(path, weights_only=True)
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    mean.update(state["mean"])
    return int(state["step"]) + 1


def learn(net: FinderNet, optimizer: torch.optim.Optimizer, batch: list[Sampled]) -> float:
    seen, truth, counts = (torch.from_numpy(np.stack(part)) for part in zip(*batch, strict=True))
    with torch.autocast("cpu", torch.bfloat16):
        logits = net(channels_of(seen))
    loss = loss_of(logits.float(), truth, counts)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()
    return float(loss.item())


def sampled(case: Case) -> Sampled:
    volume, labels = case.load()
    lattice = Lattice.over(volume.grid, STEP_MM)
    values, inside = lattice.sample(volume)
    numbers = np.zeros(lattice.shape_zyx, dtype=np.uint8)
    seen = np.where(inside, values, AIR).astype(np.int16)
    if case.family == "sarcoma":
        spine = case.name.startswith(WITH_SPINE)
        return seen, numbers, np.array([not (spine and name in ALONG_THE_SPINE) for name in NAMES])
    at = np.moveaxis(volume.grid.to_index_zyx(lattice.points_lps_mm()), -1, 0)
    most = np.full(lattice.shape_zyx, 0.5, dtype=np.float32)
    known = np.zeros(len(NAMES), dtype=bool)
    for value in labels.values():
        cover = map_coordinates(labels.mask_zyx(value).astype(np.float32), at, order=1, mode="constant")
        numbers[cover > most] = value
        most = np.maximum(most, cover)
        known[value - 1] = True
    return seen, numbers, known


def cut(cases: list[Sampled], rng: np.random.Generator) -> Sampled:
    """A cube of a case, stretched, turned, mirrored, in other units and with other noise; its masks; which count.

    In a mirror right is left: the names change places with their masks.
    """
    values, numbers, known = cases[rng.integers(len(cases))]
    middle = np.array([rng.uniform(0.15, 0.85) * n for n in values.shape])
    drawn = np.argwhere(numbers[::2, ::2, ::2]) * 2
    if len(drawn) and rng.random() < 0.6:
        middle = drawn[rng.integers(len(drawn))] + rng.uniform(-16, 16, 3)
    turn = rotation(np.radians(rng.normal(0, [8, 8, 10])))
    scale = np.exp(rng.normal(0, 0.1)) * np.exp(rng.normal(0, 0.04, 3))
    mirror = rng.random() < 0.5
    axis = np.arange(SIDE) - (SIDE - 1) / 2
    places = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1) * scale
    if mirror:
        places[..., 2] *= -1
    at = np.moveaxis(places @ turn.T + middle, -1, 0).astype(np.float32)
    seen = map_coordinates(values.astype(np.float32), at, order=1, mode="constant", cval=AIR)
    found = map_coordinates(numbers, at, order=0, mode="constant")
    masks, counts = found[None] == np.arange(1, len(NAMES) + 1).reshape(-1, 1, 1, 1), known
    if mirror:
        masks, counts = masks[MIRRORED], known[MIRRORED]
    seen = seen * rng.uniform(0.95, 1.05) + rng.normal(0, 15) + rng.normal(0, rng.uniform(0, 30), seen.shape)
    if rng.random() < 0.3:  # the scan begins or ends here
        edge = int(rng.integers(4, SIDE // 2))
        gone = slice(None, edge) if rng.random() < 0.5 else slice(-edge, None)
        seen[gone] = AIR
        masks = masks.copy()
        masks[:, gone] = False
    return seen.astype(np.float32), masks.astype(np.float32), counts.astype(np.float32)


def rotation(angles: np.ndarray) -> np.ndarray:
    a, b, c = angles
    about_z = [[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]
    about_y = [[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]]
    about_x = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)


def loss_of(logits: torch.Tensor, truth: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """Cross entropy, and Dice where the name is there; names of which nothing is known do not count."""
    wide = counts[:, :, None, None, None]
    entropy = F.binary_cross_entropy_with_logits(logits, truth, weight=wide.expand_as(truth), reduction="sum")
    entropy = entropy / (wide.sum() * logits[0, 0].numel()).clamp_min(1)
    there = counts * (truth.sum((2, 3, 4)) > 20)
    probable = logits.sigmoid()
    both = (probable * truth).sum((2, 3, 4))
    dice = (2 * both + 1) / (probable.sum((2, 3, 4)) + truth.sum((2, 3, 4)) + 1)
    return 20 * entropy + ((1 - dice) * there).sum() / there.sum().clamp_min(1)


def told(weights: dict[str, torch.Tensor], held: list[Sampled]) -> None:
    """Print the Dice of every name in cases that were held back, on the lattice."""
    net = FinderNet(len(NAMES)).eval()
    net.load_state_dict(weights)
    rows = np.full((len(held), len(NAMES)), np.nan)
    for i, (values, numbers, known) in enumerate(held):
        room = [(0, -n % net.whole) for n in values.shape]
        padded = torch.from_numpy(np.pad(values.astype(np.float32), room, constant_values=AIR))[None]
        with torch.no_grad():
            found = net(channels_of(padded))[0].numpy() > 0
        found = found[:, : values.shape[0], : values.shape[1], : values.shape[2]]
        for k in np.flatnonzero(known):
            truth = numbers == k + 1
            rows[i, k] = 2 * (truth & found[k]).sum() / max(truth.sum() + found[k].sum(), 1)
    dice = zip(NAMES, np.nanmean(rows, axis=0), strict=True)
    print("held back:", ", ".join(f"{name} {value:.3f}" for name, value in dice), flush=True)


if __name__ == "__main__":
    main()
