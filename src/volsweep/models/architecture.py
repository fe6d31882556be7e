"""A model's yaml, read within bounds: it may lie beside a stranger's weights, or be named by a stranger's file.

What is read is plain data: mappings, lists, words, numbers. Nothing in it is looked up or called, there are
no interpolations, and who builds a network from it (`volsweep.engine.network.build`) makes nothing but a
fixed set of classes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from volsweep.errors import ModelError
from volsweep.settings import regular

_MOST_BYTES = 64 * 1024
"""SAM 2.1's own yaml files have 3.6 kB."""
_MOST_NODES = 4000
"""Values, each counted as often as aliases repeat it."""
_MOST_ALIASES = 50
_DEEPEST = 24


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML 1.2's numbers: ``1e-6`` is one, as in the yaml files of SAM 2."""


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
        loaded = yaml.load(text, Loader=_Loader)  # noqa: S506: a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not a model's yaml: {_first_line(error)}") from error
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


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
