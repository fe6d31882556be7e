"""Which models exist: where their weights come from, under what licence, and what they expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from volsweep.errors import ModelError, did_you_mean
from volsweep.models.architecture import read_architecture
from volsweep.settings import expanded

_CONFIGS = Path(__file__).parent / "configs"
_WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth")
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
        sha256="c83d44a073b065e39e5d6891733c630e1d010c89316d86ffc7af8262bb5bef0a",
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

MODELS: Mapping[str, ModelSpec] = MappingProxyType({spec.id: spec for spec in _SPECS})
"""Every registered model by its id."""


def find_model(name: str | Path, config: str | Path | None = None) -> ModelSpec:
    """Find a registered model by its id, or describe a local checkpoint.

    Parameters
    ----------
    name
        An id (case and ``_`` or ``-`` do not matter), or the path of a ``.safetensors``,
        ``.pt`` or ``.pth`` file.
    config
        For a local checkpoint: its yaml, or the id of a registered model of the same
        architecture. Without it, the yaml of the same name beside the checkpoint.

    Raises
    ------
    ModelError
        If there is no such model, or a local checkpoint lacks its yaml.
    """
    known = MODELS.get(_normal_id(str(name)))
    if known is not None:
        if config is not None:
            raise ModelError(
                f"model {known.id} brings its own architecture; a config goes with a local checkpoint only"
            )
        return known
    try:
        path = Path(name).expanduser()
        is_local = path.suffix.lower() in _WEIGHT_SUFFIXES or path.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # too long for a path, or another user's home
        raise ModelError(f"{str(name)[:80]!r} is neither a model nor a path: {error}") from None
    if is_local:
        return _local_model(path, config)
    hint = did_you_mean(_normal_id(str(name)), MODELS)
    raise ModelError(
        f"there is no model {str(name)!r}; {hint}Known models: {', '.join(MODELS)}; "
        f"or give the path of a checkpoint ({', '.join(_WEIGHT_SUFFIXES)})"
    )


def check_trusted(name: str, named_by: str) -> None:
    """Refuse weights outside the registry that a file names rather than a person: whoever wrote it chose them.

    Raises
    ------
    ModelError
        Saying how to agree.
    """
    if is_foreign(name):
        raise ModelError(
            f"{named_by} asks for weights that are none of Volsweep's own models ({name[:200]!r}); if you trust where "
            "they come from, say so (trust_model=True), or name another model"
        )


def is_foreign(name: str) -> bool:
    """Whether a name means weights outside the registry."""
    try:
        is_local = Path(name).suffix.lower() in _WEIGHT_SUFFIXES or Path(name).is_file()
    except (OSError, ValueError):  # no path at all: finding it says so
        return False
    return is_local and _normal_id(name) not in MODELS


def _normal_id(name: str) -> str:
    """One spelling for an id and for upstream's own names, such as ``sam2.1_hiera_base_plus``."""
    return name.strip().lower().replace("_", "-").replace("hiera-", "")


def _local_model(path: Path, config: str | Path | None) -> ModelSpec:
    if path.suffix.lower() not in _WEIGHT_SUFFIXES:
        raise ModelError(f"{path} is not a checkpoint: expected a file ending in {', '.join(_WEIGHT_SUFFIXES)}")
    if not path.is_file():
        raise ModelError(f"there is no checkpoint {path}")
    parent = None if config is None else MODELS.get(_normal_id(str(config)))
    if parent is not None:
        config_path, image_size, zoom = parent.config_path, parent.image_size, parent.zoom
    else:
        config_path = _config_beside(path) if config is None else _config_file(config)
        image_size, zoom = _input_of(config_path)
    return ModelSpec(
        id=path.stem,
        family="local",
        title=f"local checkpoint {path.name}",
        config_path=config_path,
        image_size=image_size,
        licence="LicenseRef-unknown",
        licence_note="A local file: its licence is not known to Volsweep.",
        citation=parent.citation if parent is not None else "",
        size_bytes=path.stat().st_size,
        zoom=zoom,
        weights_path=path.resolve(),
    )


def _config_beside(path: Path) -> Path:
    beside = path.with_suffix(".yaml")
    if beside.is_file():
        return beside.resolve()
    raise ModelError(
        f"checkpoint {path} needs its architecture: put {beside.name} beside it, or name the registered model "
        f"it was tuned from, one of: {', '.join(MODELS)}"
    )


def _config_file(config: str | Path) -> Path:
    given = expanded(config)
    if not given.is_file():
        raise ModelError(f"config {str(config)!r} is neither a yaml file nor one of: {', '.join(MODELS)}")
    return given.resolve()


def _input_of(config_path: Path) -> tuple[int, float | None]:
    """Image size and zoom (``zoom:`` at the yaml's top level, optional) that a yaml asks for."""
    try:
        read = read_architecture(config_path)
        zoom = read.get("zoom")
        return int(read["model"]["image_size"]), None if zoom is None else float(zoom)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{config_path} is not a model's yaml: it must give model.image_size ({error})") from error
