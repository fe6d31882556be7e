"""What the command line says when something is wrong: in the words of its options, and of nobody's libraries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import typer

from volsweep.errors import did_you_mean, remedy

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What every bad call is raised as; typer keeps it in a private module, so that it is found by its child."""

_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "overwrite=True": "--force",
        "anyway=True": "--prompts-anyway",
        "send_voxels=True": "--send-voxels",
        "send_voxels=": "--send-voxels",
        "text=": "--text",
        "finder=": "--finder",
        "context=": "--context",
        "keep_context=": "--keep-context",
        "second=": "--with",
        "second_window=": "--with-window",
        "register=": "--register",
        "only=": "--label",
        "draw=": "--draw",
        "sources=": "--prompts",
        "overlap=": "--overlap",
        "trust_model=True": "--trust-model",
        "allow_http=True": "--allow-http",
        "verify=True": "--verify",
        'gaps="keep"': "--gaps keep",
        'register="never"': "--register never",
        'device="cpu"': "--device cpu",
        'redo="resume"': "--resume",
        'redo="failed"': "--retry-failed",
        'redo="all"': "--force",
        "timeout_s=": "--timeout",
        "source=": "--source",
        "series=": "--series",
        "plane=": "--plane",
        "reader=": "--reader",
        "modality=": "--modality",
        "window=": "--window",
        "root=": "--root",
    }
)
"""How Python's arguments, as the errors and notes of the library name them, are called here."""
_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "anyway=True": "prompts_anyway in its row",
        'gaps="keep"': "gaps keep in its row",
        'register="never"': "second_register never in its row",
        "overlap=": "the column overlap",
        "series=": "the column uid",
        "plane=": "the column plane",
        "modality=": "the column modality",
        "window=": "the column window",
    }
)
"""How those are called that a manifest says for each row."""
_ARGUMENT = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, _OPTIONS))})(?=[\s,;:.)]|$)")


def command_words(text: str) -> str:
    """An error or a note of the library, its arguments named as options."""
    return _ARGUMENT.sub(lambda found: _OPTIONS[found[1]], text)


def row_words(text: str) -> str:
    """As `command_words`, of what is said of a row: what a manifest has a column for is named as that."""
    return command_words(_ARGUMENT.sub(lambda found: _COLUMNS.get(found[1], found[1]), text))


def usage_words(error: Exception) -> str:
    """Say what is wrong with a call: the option, the value, what to give."""
    told: Any = error
    problem = _refused_value(error)
    if problem is not None:
        return f"{_named(told.param)} {problem}"
    message = str(told.message).rstrip(".")
    if (option := getattr(told, "option_name", None)) and "No such option" in message:
        near = list(getattr(told, "possibilities", None) or ())
        hint = f"; did you mean {' or '.join(sorted(near))}?" if near else ""
        return f"there is no option {option}{hint}"
    if found := re.search(r"No such command '(.*?)'", message):
        return f"there is no command {found[1]!r}; {did_you_mean(found[1], _commands(told))}{_listed(told)}"
    if type(error).__name__ == "MissingParameter":
        return f"{_named(told.param)} is missing{_explained(told.param)}"
    if isinstance(error, typer.BadParameter):
        hint = f"{told.param_hint}: " if told.param_hint else ""
        return f"{hint}{message}"
    return message[:1].lower() + message[1:]


def _refused_value(error: Exception) -> str | None:
    """What the option's type found, in our words; None where it was not the type that refused."""
    found = getattr(error.__cause__, "errors", None)
    if found is None or getattr(error, "param", None) is None:
        return None
    problem = found(include_url=False)[0]
    given = str(problem["input"])
    wrong = remedy(problem)
    if "is not one of" in wrong:
        choices = re.findall(r"'([^']+)'", wrong.partition("is not one of")[2])
        wrong = f"{did_you_mean(given, choices)}Choose from {', '.join(choices)}"
    return f"{given[:80]!r}: {wrong}"


def _named(parameter: Any) -> str:
    """How a user calls a parameter: the long option, or the argument's name in the usage."""
    options = [name for name in parameter.opts if name.startswith("-")]
    return max(options, key=len) if options else str(parameter.metavar or parameter.name).upper()


def _explained(parameter: Any) -> str:
    text = (parameter.help or "").rstrip(".")
    return f": {text}" if text else ""


def _commands(error: Any) -> list[str]:
    return sorted(getattr(error.ctx.command, "commands", {})) if error.ctx else []


def _listed(error: Any) -> str:
    return f"there are {', '.join(_commands(error))}"
