"""A CLIP (Radford et al. 2021, arXiv:2103.00020) of open_clip's format as a finder: it ranks regions by words.

Regions that stand out all around are cut out of the volume, each as a picture, and the one is proposed whose picture
the words fit best. What stands out nowhere is not among them; nothing is claimed of how often it is the right one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor

from volsweep.errors import ModelError, PromptError, why_refused
from volsweep.finder.heat import on_voxels
from volsweep.finder.proposals import Found, Proposal, proposal_of
from volsweep.finder.regions import HOUNSFIELD, LEVELS, Region, extremal_regions, step_of
from volsweep.intensity import in_hounsfield, resolve_window
from volsweep.lattice import Lattice
from volsweep.models import sha256_of
from volsweep.settings import expanded, read_regular
from volsweep.terminology import understood
from volsweep.volume import Volume

_CONFIG, _WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
_MOST_REGIONS = 96
_INSIDE = 0.5
_FINEST_MM, _MOST_POINTS = 2.0, 4_000_000
_MARGIN, _LEAST_SIDE = 1.5, 24
"""Of a picture: its side over the region's, and points that it has at least."""
_TEXTS = ("{}", "an image of the {}", "a medical scan showing the {}")
_ELSE = ("something else", "background", "ordinary tissue")
_MODALITIES = {"CT": "a CT of the {}", "MR": "an MRI of the {}", "PT": "a PET of the {}"}
# Of the CLIP that OpenAI trained; a folder that says nothing else has them.
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ClipFinder:
    """A CLIP as a `Finder`.

    Parameters
    ----------
    folder
        Where ``open_clip_config.json`` and ``open_clip_model.safetensors`` lie, as open_clip saves them.
    sha256
        Of the weights, where they must be certain ones.

    Raises
    ------
    ModelError
        If the folder holds no such model, its weights are other ones, or open_clip is not installed.
    """

    def __init__(self, folder: str | Path, *, sha256: str | None = None) -> None:
        self._folder = expanded(folder)
        config = config_of(self._folder)
        weights = self._folder / _WEIGHTS
        found = sha256_of(weights)
        if sha256 is not None and found != sha256.lower():
            raise ModelError(f"{weights} is not what it should be: SHA-256 {found}, not {sha256}")
        self.name = f"CLIP {found[:12]}"
        seen = config.get("preprocess_cfg", {})
        self._mean, self._std = (torch.tensor(seen.get(key, usual)) for key, usual in (("mean", _MEAN), ("std", _STD)))
        open_clip = _open_clip()
        try:
            self._net = open_clip.create_model(f"local-dir:{self._folder}").eval()
            self._tokenizer = open_clip.get_tokenizer(f"local-dir:{self._folder}")
        except Exception as error:  # of its libraries, in whose words the file's own may stand
            raise ModelError(f"open_clip cannot load {self._folder} ({type(error).__name__})") from None
        side = config["model_cfg"]["vision_cfg"].get("image_size", 224)
        self._side = int(side if isinstance(side, int) else max(side))

    def find(self, volume: Volume, words: Sequence[str]) -> tuple[Proposal, ...]:
        """For each of some words the region that looks most like them.

        Raises
        ------
        PromptError
            If no region stands out, or none looks more like the words than like anything else.
        """
        z, y, x = (n * mm for n, mm in zip(volume.shape_zyx, volume.grid.spacing_zyx_mm, strict=True))
        lattice = Lattice.over(volume.grid, max(_FINEST_MM, float(z * y * x / _MOST_POINTS) ** (1 / 3)))
        values, inside = lattice.sample(volume)
        values = np.where(inside, values, np.float32(values[inside].min() if inside.any() else 0))
        regions = _regions(values, volume)
        if not regions:
            raise PromptError("nothing stands out in this volume that CLIP could choose from; draw a box")
        frame = resolve_window(volume).frame(values)
        pictures = self._seen(torch.stack([_picture(frame, region, self._side) for region in regions]))
        scale = float(self._net.logit_scale.detach().exp())
        anything = pictures @ self._read(_ELSE, "")
        out = []
        for asked in words:
            meant = _meant(asked)
            alike = pictures @ self._read(_TEXTS, volume.modality, meant)
            best = int(alike.argmax())
            if alike[best] <= anything[best]:
                raise PromptError(f"no region of this volume looks like {asked!r} to CLIP; draw a box")
            score = float(torch.softmax(scale * alike, 0)[best])
            part = np.zeros(values.shape, bool)
            part[regions[best].box] = regions[best].mask_zyx
            low, inside_zyx = on_voxels(part, part.astype(np.float32), lattice, volume.grid)
            found = Found(asked, meant, score, self.name)
            out.append(proposal_of(inside_zyx >= _INSIDE, low.tolist(), volume.grid, found))
        return tuple(out)

    def _read(self, texts: Sequence[str], modality: str, meant: str = "") -> Tensor:
        """The mean direction of some texts, about what is meant."""
        more = [_MODALITIES[modality]] if meant and modality in _MODALITIES else []
        tokens = self._tokenizer([text.format(meant) for text in [*texts, *more]])
        with torch.no_grad():
            read = F.normalize(self._net.encode_text(tokens), dim=-1)
        return F.normalize(read.mean(0), dim=0)

    def _seen(self, pictures: Tensor) -> Tensor:
        """Directions (N, D) of pictures (N, S, S) with grey values from 0 to 1."""
        colours = (pictures[:, None] - self._mean[None, :, None, None]) / self._std[None, :, None, None]
        with torch.no_grad():
            return torch.cat([F.normalize(self._net.encode_image(some), dim=-1) for some in torch.split(colours, 16)])


def _open_clip() -> Any:
    try:
        import open_clip
    except (ImportError, OSError, RuntimeError) as error:  # or torchvision, for another torch than is there
        raise ModelError(
            f"ranking regions needs open_clip, which cannot be loaded ({type(error).__name__}); pip install "
            '"napari-volsweep[clip]"'
        ) from None
    return open_clip


def config_of(folder: Path) -> dict[str, Any]:
    """What a folder says of its model.

    Raises
    ------
    ModelError
        If it holds none, or one of which a part would be fetched from elsewhere.
    """
    for name in (_CONFIG, _WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} holds no {name}; give the folder of a CLIP as open_clip saves it")
    try:
        config = json.loads(read_regular(folder / _CONFIG))
        text = config["model_cfg"]["text_cfg"]
        config["model_cfg"]["vision_cfg"].get("image_size")
    except OSError as error:
        raise ModelError(f"{folder / _CONFIG} cannot be read: {why_refused(error)}") from None
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise ModelError(f"{folder / _CONFIG} is not the description of a CLIP") from None
    if text.get("hf_model_name") or text.get("hf_tokenizer_name"):
        raise ModelError(f"the text network of {folder} would be fetched from a hub; give a CLIP that is all there")
    return dict(config)


def _regions(values: NDArray[np.float32], volume: Volume) -> list[Region]:
    low, high = np.percentile(values, (1, 99.5))
    levels = np.array(HOUNSFIELD, float) if in_hounsfield(volume) else np.linspace(low, high, LEVELS)
    return extremal_regions(values, levels, step_of(values.size) or 1)[:_MOST_REGIONS]


def _picture(frame: NDArray[np.float32], region: Region, side: int) -> Tensor:
    """A region's largest axial slice with what is around, (side, side), as a reader sees it."""
    z, y, x = region.box
    index = z.start + int(region.mask_zyx.sum(axis=(1, 2)).argmax())
    half = int(max(_LEAST_SIDE, _MARGIN * max(y.stop - y.start, x.stop - x.start))) // 2
    padded = np.pad(frame[index], half)
    row, column = ((s.start + s.stop) // 2 for s in (y, x))
    cut = torch.from_numpy(padded[row : row + 2 * half, column : column + 2 * half].copy())
    return F.interpolate(cut[None, None], (side, side), mode="bilinear", antialias=True)[0, 0]


def _meant(words: str) -> str:
    """In the language that most models learnt, where the words are understood."""
    term = understood(words)
    if term is None:
        return words.strip()
    return " ".join(part.meaning.lower() for part in (term.side, term.organ) if part is not None)
