"""Which models exist: where their weights come from and lie, under what licence, and what they expect."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from volsweep.errors import ModelError
from volsweep.settings import models_folder

_CONFIGS = Path(__file__).parent / "configs"
_SAM2_URL = "https://dl.fbaipublicfiles.com/segment_anything_2/092824/"
_MEDSAM2_URL = "https://huggingface.co/wanglab/MedSAM2/resolve/main/"
_SAM2_CITATION = "Ravi N, et al. SAM 2: Segment Anything in Images and Videos. 2024. arXiv:2408.00714"
_MEDSAM2_CITATION = "Ma J, et al. MedSAM2: Segment Anything in 3D Medical Images and Videos. 2025. arXiv:2504.03600"


@dataclass(frozen=True)
class ModelSpec:
    """One model: an architecture and one set of weights.

    Parameters
    ----------
    id
        The name it is asked for by.
    family
        ``"volsweep"``, ``"sam2.1"``, ``"medsam2"`` or ``"local"``.
    title
        One line for a list.
    config_path
        The yaml of its architecture.
    image_size
        Side of the network's square input in pixels.
    licence, licence_note
        SPDX identifier of the weights' licence, and what a user must know of it.
    citation
        The publication to cite.
    url
        Where the weights are fetched from; None for bundled and local ones.
    sha256
        Published hash of the weights; None where their authors published none.
    size_bytes
        Approximate size of the weights, for display.
    zoom
        Side of the in-plane crop over the side of the prompt's box; None to use whole slices.
    weights_path
        The weights of a local model; None for the others (see `volsweep.models.checkpoint_path`).
    bundled
        Whether the weights come with Volsweep itself.
    """

    id: str
    family: str
    title: str
    config_path: Path
    image_size: int
    licence: str
    licence_note: str
    citation: str
    url: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    zoom: float | None = None
    weights_path: Path | None = None
    bundled: bool = False

    @property
    def asked_as(self) -> str:
        """What finds it again: its id, or the path of a local one."""
        return self.id if self.weights_path is None else str(self.weights_path)

    @property
    def file_name(self) -> str:
        """Name of the weights file in the models folder."""
        if self.weights_path is not None:
            return self.weights_path.name
        return self.url.rsplit("/", 1)[-1] if self.url else f"{self.id}.safetensors"


def _sam2(size: str, file_stem: str, sha256: str, size_bytes: int) -> ModelSpec:
    return ModelSpec(
        id=f"sam2.1-{size}",
        family="sam2.1",
        title=f"SAM 2.1 {size.replace('-', ' ')}, trained on natural video",
        config_path=_CONFIGS / f"sam2.1-{size}.yaml",
        image_size=1024,
        licence="Apache-2.0",
        licence_note="",
        citation=_SAM2_CITATION,
        url=f"{_SAM2_URL}{file_stem}.pt",
        sha256=sha256,
        size_bytes=size_bytes,
    )


def _medsam2(variant: str, what: str) -> ModelSpec:
    return ModelSpec(
        id=f"medsam2-{variant.lower().replace('_', '-')}",
        family="medsam2",
        title=f"MedSAM2, {what}",
        config_path=_CONFIGS / "medsam2.yaml",
        image_size=512,
        licence="CC-BY-SA-4.0",
        licence_note="Credit the authors and share adapted weights alike; "
        "see https://huggingface.co/wanglab/MedSAM2 for the terms of the data it was trained on.",
        citation=_MEDSAM2_CITATION,
        url=f"{_MEDSAM2_URL}MedSAM2_{variant}.pt",
        size_bytes=156_000_000,
    )


DEFAULT_MODEL = "volsweep-nano"
"""The model used when nobody names one; it comes with Volsweep."""

_SPECS = (
    ModelSpec(
        id=DEFAULT_MODEL,
        family="volsweep",
        title="Volsweep's own small SAM 2 for CT, MR and PET, bundled",
        config_path=_CONFIGS / "volsweep-nano.yaml",
        image_size=128,
        licence="Apache-2.0",
        licence_note="",
        citation=f"The Volsweep developers, 2026. Architecture: {_SAM2_CITATION}",
        sha256="994383232c7e077739f1269fe007d1c047fd6f71cb67e4dd183b060ff96542df",
        size_bytes=19_760_060,
        zoom=2.2,
        bundled=True,
    ),
    _sam2(
        "tiny",
        "sam2.1_hiera_tiny",
        "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
        156_008_466,
    ),
    _sam2(
        "small",
        "sam2.1_hiera_small",
        "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
        184_416_285,
    ),
    _sam2(
        "base-plus",
        "sam2.1_hiera_base_plus",
        "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
        323_606_802,
    ),
    _sam2(
        "large",
        "sam2.1_hiera_large",
        "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
        898_083_611,
    ),
    _medsam2("latest", "the general model recommended by its authors"),
    _medsam2("2411", "the base model of November 2024"),
    _medsam2("CTLesion", "tuned to CT lesions"),
    _medsam2("MRI_LiverLesion", "tuned to liver lesions in MRI"),
)

FINDER = ModelSpec(
    id="volsweep-finder",
    family="finder",
    title="Volsweep's finder of named organs in head and neck CT, bundled",
    config_path=_CONFIGS / "volsweep-finder.yaml",
    image_size=96,
    licence="Apache-2.0",
    licence_note="",
    citation="The Volsweep developers, 2026.",
    sha256="cb304607cbc4b242dc05bdf154a0d7b4dc6766602b3d5e8fa6dcfc17c95d172a",
    size_bytes=909_000,
    bundled=True,
)
"""What turns words into boxes (`volsweep.finder`); no sweep can be run with it, so it is none of `MODELS`."""

MODELS: Mapping[str, ModelSpec] = MappingProxyType({spec.id: spec for spec in _SPECS})
"""Every registered model by its id."""


def checkpoint_path(spec: ModelSpec) -> Path:
    """Path of a model's weights on this machine; nothing is fetched.

    Raises
    ------
    ModelError
        If they are not here; the message says how to get them.
    """
    path = expected_path(spec)
    if path.is_file():
        return path
    if spec.url is None:
        raise ModelError(f"the weights of {spec.id} are missing from {path}; install Volsweep again")
    raise ModelError(
        f"model {spec.id} is not on this machine; fetch it with: volsweep models download {spec.id} "
        f"(or put {spec.file_name} into {path.parent} by hand)"
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits; computed once per content in a process."""
    state = path.stat()
    return _hash_file(path.resolve(), state.st_size, state.st_mtime_ns)


def digest_of(spec: ModelSpec) -> str:
    """SHA-256 of a model: of its weights, and of its yaml, too, where they are a user's own.

    Raises
    ------
    ModelError
        If they are not on this machine.
    """
    weights = sha256_of(checkpoint_path(spec))
    if spec.weights_path is None:
        return weights
    return hashlib.sha256(f"{weights} {sha256_of(spec.config_path)}".encode()).hexdigest()


def expected_path(spec: ModelSpec) -> Path:
    """Where a model's weights are looked for, whether they are there or not."""
    if spec.weights_path is not None:
        return spec.weights_path
    if not spec.bundled:
        return models_folder() / spec.file_name
    in_wheel = Path(__file__).parent / "bundled" / spec.file_name
    in_checkout = Path(__file__).resolve().parents[3] / "checkpoints" / spec.file_name
    return in_checkout if in_checkout.is_file() and not in_wheel.is_file() else in_wheel


@lru_cache(maxsize=32)
def _hash_file(path: Path, size: int, mtime_ns: int) -> str:  # noqa: ARG001
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
