"""Every knob of a training run; written beside its checkpoints and checked when it resumes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from volsweep.errors import ModelError

_MAY_CHANGE = frozenset(
    {
        "output",
        "steps",
        "lr",
        "encoder_lr",
        "body_lr",
        "refiner_lr",
        "trunk_lr",
        "warmup",
        "weight_decay",
        "clip_norm",
        "device",
        "bf16",
        "workers",
    }
    | {"threads", "save_every"}
)
"""Settings that a run may go on with changed: how far, how fast and where. Others would make it another run."""

Fraction = Annotated[float, Field(ge=0, le=1)]


class TrainConfig(BaseModel):
    """How to train.

    Parameters
    ----------
    data
        Manifest (see `volsweep.cases.manifest`); None trains on made volumes alone.
    split
        Of the manifest: which split. Cases without one belong to all.
    output
        Folder of the run: checkpoints, log and exported model.
    init, init_config
        Model to start from: a registered id or a checkpoint's path, and its yaml where that is
        not beside it. `init=None` starts from random weights of `init_config`.
    steps
        Optimizer steps in all; the learning rate reaches 0 at the last.
    batch, frames
        Clips per step, and slices per clip. Without clips the 3D networks learn alone.
    blocks
        Blocks per step that teach the 3D network; 0 leaves it as it is. Networks without one ignore it.
    planes
        Blocks of planes per step that teach the refiner; 0 leaves it as it is. Networks without one ignore it.
    lr, encoder_lr, body_lr, refiner_lr, trunk_lr
        Peak learning rates of the heads and memory, of the image encoder, of the 3D network, of the refiner
        and of its trunk.
    warmup
        Steps over which the rate rises.
    made, lesions
        Shares of clips and blocks from procedural volumes, and from real volumes with a made lesion.
    regions
        Share of the others that show what stands out in a real volume without being labelled (see
        `volsweep.train.data.regions`).
    single_slices, jumps
        Shares of steps that show one slice and many clicks, and that jump ahead in a long sweep.
    sweeps
        Share of steps that follow objects from one of their largest slices to their ends, over up
        to twice as many slices.
    memory_shapes
        Share of steps on shapes that the slices do not show (see `volsweep.train.data.memory_shapes`), which
        teach reading memory.
    true_memories
        Share of clips whose memories are made from masks near the true ones (see
        `volsweep.train.clips.rough_masks`) instead of the network's own.
    family_weights
        How much more often cases of a family are drawn (1 where not named).
    encoder_share
        Share of a clip's slices, after the first, that teach the image encoder.
    hold_scales
        Penalise features and residual branches that leave the range of about 1 (see
        `volsweep.train.activations`). None: for random weights and the bundled network, not for
        networks pretrained elsewhere, whose scales are their own.
    local_memory
        Make memory attention look locally first (see `volsweep.train.local_memory`). None: where
        training starts from random weights.
    freeze
        Parts to leave as they are: ``"image-encoder"``, ``"prompt-encoder"``, ``"mask-decoder"``, ``"memory"``,
        ``"body"``, ``"refiner"``, ``"trunk"`` (of the refiner).
    lora
        Rank of the low-rank adapters to train instead of the whole weights; 0 trains the weights.
    device, bf16, workers, threads
        Where and how it runs. `bf16=None` takes bfloat16 where the device multiplies it faster: on
        processors that do not, a step takes a hundred times as long. `threads=0` takes what suits
        the network: one for a small one, all cores for the 3D network alone.
    seed
        Every clip follows from the seed and its step.
    save_every
        Steps between checkpoints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: Path
    data: Path | None = None
    split: str = "train"
    init: str | None = "volsweep-nano"
    init_config: Path | None = None
    steps: Annotated[int, Field(ge=1)] = 2000
    batch: Annotated[int, Field(ge=0)] = 8
    frames: Annotated[int, Field(ge=2, le=32)] = 8
    blocks: Annotated[int, Field(ge=0)] = 4
    planes: Annotated[int, Field(ge=0)] = 2
    lr: Annotated[float, Field(gt=0)] = 3e-4
    encoder_lr: Annotated[float, Field(ge=0)] = 1e-4
    body_lr: Annotated[float, Field(gt=0, validation_alias=AliasChoices("body_lr", "foresight_lr"))] = 5e-4
    refiner_lr: Annotated[float, Field(ge=0)] = 5e-4
    trunk_lr: Annotated[float, Field(ge=0)] = 1.5e-4
    warmup: Annotated[int, Field(ge=0)] = 100
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    ema: Fraction = 0.998
    made: Fraction = 0.2
    lesions: Fraction = 0.15
    regions: Fraction = 0.1
    single_slices: Fraction = 0.2
    jumps: Fraction = 0.15
    sweeps: Fraction = 0.35
    memory_shapes: Annotated[Fraction, Field(validation_alias=AliasChoices("memory_shapes", "carried"))] = 0.1
    true_memories: Fraction = 0.3
    family_weights: dict[str, float] = Field(default_factory=dict)
    encoder_share: Fraction = 0.3
    hold_scales: bool | None = None
    local_memory: bool | None = None
    freeze: tuple[str, ...] = ()
    lora: Annotated[int, Field(ge=0)] = 0
    device: str = "auto"
    bf16: bool | None = None
    workers: Annotated[int, Field(ge=0)] = 1
    threads: Annotated[int, Field(ge=0)] = 0
    seed: int = 0
    save_every: Annotated[int, Field(ge=1)] = 100

    @property
    def holds_scales(self) -> bool:
        """Whether scales are held in this run."""
        return self.init in (None, "volsweep-nano") if self.hold_scales is None else self.hold_scales

    @field_validator("freeze")
    @classmethod
    def _parts_of_before(cls, parts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple("body" if part == "foresight" else part for part in parts)

    @model_validator(mode="after")
    def _has_clips(self) -> TrainConfig:
        if not (self.batch or self.blocks or self.planes):
            raise ValueError("batch, blocks and planes are all 0: there is nothing to learn from")
        if self.made + self.lesions > 1 or self.single_slices + self.jumps + self.sweeps + self.memory_shapes > 1:
            raise ValueError(
                "made + lesions, and single_slices + jumps + sweeps + memory_shapes, are shares: each sum is at most 1"
            )
        return self

    def check_resumes(self, saved: dict[str, Any]) -> None:
        """Refuse to go on from a checkpoint of another run.

        Parameters
        ----------
        saved
            The settings it was written with, by their names of then.

        Raises
        ------
        ModelError
            If settings differ that may not change on the way.
        """
        known = {name: value for name, value in saved.items() if name in self._names()}
        before = type(self)(**known).model_dump(mode="json")
        now = self.model_dump(mode="json")
        differing = sorted(name for name in now.keys() - _MAY_CHANGE if now[name] != before[name])
        if differing:
            told = "; ".join(f"{name} was {before[name]!r}, now {now[name]!r}" for name in differing)
            raise ModelError(
                f"{self.output} holds a run with other settings ({told}); go on with those, or choose another output "
                "folder"
            )

    @classmethod
    def _names(cls) -> set[str]:
        """What settings are and were called."""
        return {*cls.model_fields, "foresight_lr", "carried"}
