"""A model by its name, or by a file of its weights; and its yaml, read within bounds.

A yaml may lie beside a stranger's weights, or be named by a stranger's file. What is read is plain data: mappings,
lists, words, numbers. Nothing in it is looked up or called, there are no interpolations, and who builds a network from
it (`volsweep.engine.network.build`) makes nothing but a fixed set of classes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from volsweep.errors import ModelError, did_you_mean, why_failed
from volsweep.models.registry import FINDER, MODELS, ModelSpec
from volsweep.settings import expanded, regular

UNKNOWN_LICENCE = "LicenseRef-unknown"
ORIGIN = "learned.json"
"""What a model that was tuned here was tuned from, and how (`train.learn`)."""
_LONGEST_WORD = 80
_WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth")
_MOST_BYTES = 64 * 1024
"""SAM 2.1's own yaml files have 3.6 kB."""
_MOST_NODES = 4000
"""Values, each counted as often as aliases repeat it."""
_MOST_ALIASES = 50
_DEEPEST = 24


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
    if _normal_id(str(name)) == FINDER.id:
        raise ModelError(f"{FINDER.id} finds organs by their names and draws none; name one of {', '.join(MODELS)}")
    try:
        path = Path(name).expanduser()
        is_local = path.suffix.lower() in _WEIGHT_SUFFIXES or path.is_file()
    except (OSError, RuntimeError, ValueError) as error:  # too long for a path, or another user's home
        raise ModelError(f"{str(name)[:80]!r} is neither a model nor a path: {error}") from None
    if is_local:
        return _local_model(path, config)
    hint = did_you_mean(_normal_id(str(name)), MODELS)
    raise ModelError(
        f"there is no model {str(name)!r}; {hint}known are {', '.join(MODELS)}; "
        f"or give the path of a checkpoint ({', '.join(_WEIGHT_SUFFIXES)})"
    )


def find_weights(name: str | Path) -> ModelSpec:
    """Any registered weights or local checkpoint: what `find_model` finds, and the finder, which draws nothing.

    Raises
    ------
    ModelError
        As `find_model`.
    """
    return FINDER if _normal_id(str(name)) == FINDER.id else find_model(name)


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
        licence, note = UNKNOWN_LICENCE, "A local file: its licence is not known to Volsweep."
    else:
        config_path = _config_beside(path) if config is None else _config_file(config)
        image_size, zoom = _input_of(config_path)
        licence, note = _licence_by(config_path)
    return ModelSpec(
        id=path.stem,
        family="local",
        title=f"local checkpoint {path.name}",
        config_path=config_path,
        image_size=image_size,
        licence=licence,
        licence_note=note,
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


def _licence_by(config_path: Path) -> tuple[str, str]:
    """The licence that a yaml gives its weights (``licence:`` at its top level, optional), and what to know of it."""
    said, by = read_architecture(config_path), config_path.name
    licence, parent = said.get("licence"), said.get("tuned_from")
    if licence is None and (spec := MODELS.get(_tuned_from(config_path.parent))) is not None:
        licence, parent, by = spec.licence, spec.id, ORIGIN
    if not isinstance(licence, str) or not licence.isprintable() or len(licence) > _LONGEST_WORD:
        return UNKNOWN_LICENCE, "A local file: its licence is not known to Volsweep."
    tuned = f"Tuned from {parent[:_LONGEST_WORD]}, whose licence it has" if isinstance(parent, str) else "A local file"
    return licence, f"{tuned}, as {by} beside it says."


def _tuned_from(folder: Path, generations: int = 8) -> str:
    """The first ancestor of a model that was tuned before yamls said so, by the notes of its folder; or nothing."""
    try:
        with regular(folder / ORIGIN).open("rb") as file:
            parent = str(json.loads(file.read(_MOST_BYTES))["parent"])
        if Path(parent).name != parent or parent in MODELS or not generations:
            return parent
        return _tuned_from(folder.with_name(parent), generations - 1)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML 1.2's numbers: ``1e-6`` is one, as in SAM 2's yaml files. By libyaml where it is, ten times as fast."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)$"),
    list("-+0123456789."),
)


def read_architecture(path: Path) -> dict[str, Any]:
    """Read a model's yaml.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    dict
        Its top level: ``model``, and what else a model says of itself (``zoom``, ``foresight``).

    Raises
    ------
    ModelError
        If it cannot be read, is no mapping, or is larger than any model's yaml: in bytes, in values, in
        aliases or in depth.
    """
    try:
        with regular(path).open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read as a model's yaml: {error.strerror}") from error
    if len(text) > _MOST_BYTES:
        raise ModelError(f"{path} has more than {_MOST_BYTES // 1024} kB; a model's yaml has about four")
    try:
        _check_events(text, path)
        loaded = yaml.load(text, Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not a model's yaml: {why_failed(error)}") from error
    counted = [0]
    plain = _plain(loaded, path, counted, 0)
    if not isinstance(plain, dict):
        raise ModelError(f"{path} is not a model's yaml: it holds a {type(plain).__name__} in place of a mapping")
    return plain


def _check_events(text: bytes, path: Path) -> None:
    """Refuse what would be costly to compose, before it is composed."""
    aliases = depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        aliases += isinstance(event, yaml.AliasEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if aliases > _MOST_ALIASES:
            raise ModelError(f"{path} has more than {_MOST_ALIASES} aliases; a model's yaml needs none")
        if depth > _DEEPEST:
            raise ModelError(f"{path} is nested more than {_DEEPEST} levels deep; a model's yaml has about six")


def _plain(node: Any, path: Path, counted: list[int], depth: int) -> Any:
    """A copy without sharing, so that its size is what it says, of nothing but plain values."""
    counted[0] += 1
    if counted[0] > _MOST_NODES or depth > _DEEPEST:
        raise ModelError(f"{path} unfolds to more than {_MOST_NODES} values; a model's yaml has about a hundred")
    if isinstance(node, dict):
        if not all(isinstance(name, str) for name in node):
            raise ModelError(f"{path}: every name of a setting must be a word")
        return {name: _plain(child, path, counted, depth + 1) for name, child in node.items()}
    if isinstance(node, list):
        return [_plain(child, path, counted, depth + 1) for child in node]
    if isinstance(node, str) and "${" in node:
        raise ModelError(f"{path}: {node!r} is an interpolation; a model's yaml says its values outright")
    if node is None or isinstance(node, bool | int | float | str):
        return node
    raise ModelError(f"{path}: {node!r} is neither a word nor a number")
