"""The training loop: batches in, better weights out, and nothing lost when it is killed."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import yaml  # type: ignore[import-untyped]
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader

from volsweep.cases.manifest import read_cases
from volsweep.engine.network.build import build, load_weights, names_in_file
from volsweep.engine.network.device import bfloat16_pays, choose_device, fast_threads
from volsweep.engine.network.net import VolsweepNet
from volsweep.errors import InputError, ModelError
from volsweep.io.writing import make_folder, write_whole
from volsweep.models import checkpoint_path, find_model
from volsweep.models.find import read_architecture
from volsweep.train.blocks.step import run_blocks
from volsweep.train.clips.clips import ZOOM
from volsweep.train.clips.rollout import run_batch
from volsweep.train.config import TrainConfig
from volsweep.train.data.case import Case, load_case
from volsweep.train.local_memory import look_locally
from volsweep.train.log import StepLog
from volsweep.train.lora import add_lora, merged_state
from volsweep.train.losses import LossWeights, Tally
from volsweep.train.refiner.step import run_planes
from volsweep.train.state import CHECKPOINT, MovingAverage, RunState, atomically, export, trainable
from volsweep.train.stream import StepData, StepStream, plan_step

_BODY = "body_net."
_REFINER = "refiner."
_TRUNK = "refiner.trunk."
_EARLY = tuple(f"{_TRUNK}{name}." for name in ("stem", "blocks.0", "blocks.1", "blocks.2"))
"""Edges and textures of ImageNet, which no medical set is large enough to better; without their gradients a step is
a fifth faster."""

PARTS = {
    "image-encoder": ("sam2.image_encoder",),
    "prompt-encoder": ("sam2.sam_prompt_encoder",),
    "mask-decoder": ("sam2.sam_mask_decoder",),
    "body": (_BODY,),
    "refiner": (_REFINER,),
    "trunk": (_TRUNK,),
    "memory": tuple(
        f"sam2.{name}"
        for name in ("memory_attention", "memory_encoder", "maskmem_tpos_enc", "obj_ptr_proj", "obj_ptr_tpos_proj")
    ),
}
"""What `freeze` names, as prefixes of parameter names."""

_FUSED = (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH)


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Parameters
    ----------
    step, steps
        Done, and in all.
    slices_per_s
        Slices trained on per second, over the last steps.
    values
        The step's mean losses, DSC, rms of the features, gradient norm and learning rate.
    """

    step: int
    steps: int
    slices_per_s: float
    values: dict[str, float]


def train(
    config: TrainConfig,
    on_progress: Callable[[Progress], None] | None = None,
    *,
    cases: Sequence[Case] | None = None,
) -> Path:
    """Train, or go on with a run that was stopped.

    Parameters
    ----------
    config
        The run. If its output folder holds a checkpoint, training goes on from there, on the
        same clips and to the same weights as if it had never stopped.
    on_progress
        Called after every step.
    cases
        What to train on in place of the manifest's.

    Returns
    -------
    Path
        The exported weights (safetensors, half precision), with their yaml beside them, so
        that ``--model PATH`` loads them.

    Raises
    ------
    ModelError, InputError
        If the initial model or the data cannot be used.
    """
    if cases is None and config.data is None and config.made <= 0:
        raise InputError("without data, clips can only be made: set made above 0, or name a manifest")
    torch.manual_seed(config.seed)
    device = choose_device(config.device)
    net, architecture = initial_model(config)
    if net.body_net is None:
        config = config.model_copy(update={"blocks": 0})
    if net.refiner is None:
        config = config.model_copy(update={"planes": 0})
    net.to(device)
    # The 3D network's convolutions are large enough for threads; SAM 2's small matrices are not.
    threads = config.threads or (fast_threads(net, net.image_size, device) if config.batch else 0)
    if threads:
        torch.set_num_threads(threads)
    state = RunState(net, make_optimizer(net, config), MovingAverage(net, config.ema))
    checkpoint = config.output / CHECKPOINT
    if checkpoint.is_file():
        state.load(checkpoint, config)
    found = load_cases(config) if cases is None else list(cases)
    make_folder(config.output)
    write_whole(config.output / "config.json", config.model_dump_json(indent=2), overwrite=True)
    log = StepLog(config.output / "log.csv", state.step)
    stream = StepStream(config, found, net.image_size, state.step)
    loader = DataLoader(
        stream,
        batch_size=None,
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
        worker_init_fn=_one_thread,
    )
    bf16 = bfloat16_pays(device) if config.bf16 is None else config.bf16
    for data in loader:
        started = time.monotonic()
        values = train_step(state, data.to(device), config, bf16)
        state.step += 1
        values["seconds"] = time.monotonic() - started
        log.add(state.step, 0 if data.clips is None else data.clips.grey.shape[:2].numel(), values)
        if on_progress is not None:
            on_progress(Progress(state.step, config.steps, log.slices_per_s, values))
        if state.step % config.save_every == 0 or state.step == config.steps:
            state.save(checkpoint, config.model_dump(mode="json"))
    return write_model(state, architecture, config.output / "model.safetensors")


def train_step(state: RunState, data: StepData, config: TrainConfig, bf16: bool) -> dict[str, float]:
    """One optimizer step; returns what there is to log."""
    rate = learning_rate(config, state.step)
    for group in state.optimizer.param_groups:
        group["lr"] = rate * group["peak"]
    tally = Tally(LossWeights() if config.holds_scales else LossWeights().without_scales())
    activations: dict[str, float] = {}
    device = state.net.device
    # Plain attention on the CPU: the fused kernel's backward is about twice as slow at these sizes.
    kernels = [SDPBackend.MATH] if device.type == "cpu" else list(_FUSED)
    with sdpa_kernel(kernels), torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        if data.clips is not None:
            plan = plan_step(config, state.step, state.net.image_size)
            rng = np.random.default_rng([config.seed, state.step, 2])
            activations = run_batch(state.net, data.clips, plan.corrections, tally, rng, share=config.encoder_share)
        if data.blocks is not None and state.net.body_net is not None:
            rng = np.random.default_rng([config.seed, state.step, 4])
            run_blocks(state.net.body_net, data.blocks, tally, rng)
        if data.planes is not None and state.net.refiner is not None:
            rng = np.random.default_rng([config.seed, state.step, 6])
            run_planes(state.net.refiner, data.planes, tally, rng)
    total = tally.total()
    state.optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    # Each network's own: the losses of one must not shorten the other's steps.
    norms = [
        torch.nn.utils.clip_grad_norm_(
            [p for n, p in state.net.named_parameters() if p.requires_grad and _network_of(n) == network],
            config.clip_norm,
        )
        for network in ("", _BODY, _REFINER)
    ]
    finite = all(bool(torch.isfinite(norm)) for norm in norms)
    if finite:  # one bad batch must not end a run of hours
        state.optimizer.step()
        state.average.update(state.net)
    values = {name: float(value.detach()) for name, value in tally.means().items()}
    values |= {"loss": float(total.detach()), "grad_norm": float(norms[0]), "body_norm": float(norms[1])}
    values["refiner_norm"] = float(norms[2])
    values |= {"skipped": float(not finite), **activations, "lr": rate * config.lr}
    return values


def _network_of(name: str) -> str:
    """Which of the networks a parameter belongs to, by its prefix; SAM 2 has none."""
    return next((prefix for prefix in (_BODY, _REFINER) if name.startswith(prefix)), "")


def learning_rate(config: TrainConfig, step: int) -> float:
    """Share of the peak rate at a step: linear warm-up, then a cosine to 0."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def initial_model(config: TrainConfig) -> tuple[VolsweepNet, Path]:
    """The network to start from and the yaml of its architecture, frozen and adapted as asked."""
    if config.init is None:
        if config.init_config is None:
            raise ModelError("a run from random weights needs an architecture: name its yaml")
        net, architecture = build(config.init_config), config.init_config
    else:
        spec = find_model(config.init, config.init_config)
        net, architecture = build(spec.config_path), spec.config_path
        load_weights(net, checkpoint_path(spec))
    if config.init is None if config.local_memory is None else config.local_memory:
        look_locally(net.sam2)
    for name, parameter in net.named_parameters():
        learns = {_BODY: config.blocks, _REFINER: config.planes}.get(_network_of(name), config.batch)
        if not learns or name.startswith(_EARLY):
            parameter.requires_grad_(False)
    for part in config.freeze:
        if part not in PARTS:
            raise ModelError(f"there is no part {part!r} to freeze; choose from {', '.join(PARTS)}")
        for name, parameter in net.named_parameters():
            if name.startswith(PARTS[part]):
                parameter.requires_grad_(False)
    if config.lora:
        add_lora(net, config.lora)
    if not trainable(net.parameters()):
        raise ModelError("everything is frozen: there is nothing to train")
    # Evaluation mode throughout: attention to memory differs in training mode, and nothing drops out.
    return net.eval(), architecture


def make_optimizer(net: VolsweepNet, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW with a lower rate for the image encoder, and no decay of biases, norms and embeddings."""
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    rates = {
        "sam2.image_encoder.": config.encoder_lr,
        _BODY: config.body_lr,
        _TRUNK: config.trunk_lr,
        _REFINER: config.refiner_lr,
    }
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            peak = next((rate for prefix, rate in rates.items() if name.startswith(prefix)), config.lr)
            decay = config.weight_decay if parameter.ndim > 1 and "embed" not in name else 0.0
            groups.setdefault((peak, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "peak": peak, "weight_decay": decay, "lr": 0.0} for (peak, decay), p in groups.items()],
        betas=(0.9, 0.98),
    )


def load_cases(config: TrainConfig) -> list[Case]:
    """The real cases of a run."""
    if config.data is None:
        return []
    return [load_case(listed) for listed in read_cases(config.data, config.split)]


def write_model(state: RunState, architecture: Path, path: Path) -> Path:
    """Export the averaged weights, adapters merged, and beside them the yaml with how they were trained to be used."""
    averaged = state.average.averaged(state.net)
    export(names_in_file(merged_state(averaged)), path)
    text = yaml.safe_dump({**read_architecture(architecture), "zoom": ZOOM}, sort_keys=False)
    atomically(path.with_suffix(".yaml"), lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path


def _one_thread(_worker: int) -> None:
    torch.set_num_threads(1)
