"""One exception tree: every failure that Volsweep foresees is a `VolsweepError`.

::

    VolsweepError
    ├── SettingsError            an environment variable, or no home folder
    ├── InputError               what was given to read
    │   └── GeometryError        slices, or two geometries, that do not fit
    │       └── GapsError        slices are missing: gaps="keep" loads the others
    ├── PromptError              a prompt
    ├── SessionError             not in the session's present state
    ├── OutputError              a result that cannot be written
    ├── ModelError               a model or its weights
    │   └── DownloadError        weights that cannot be fetched
    │       └── DownloadCancelled
    ├── EngineError              the network while it runs
    │   ├── EngineMemoryError
    │   └── ServerError          a Volsweep server that runs the network for us
    ├── BatchError               a batch that cannot start
    └── PacsError                a DICOMweb server

A message says what is wrong, with the offending value, and what to do about it.
Nothing here subclasses `RuntimeError`: a generator that raises one inside a superqt
worker ends without `errored` or `finished`, and the window waits for ever.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError


class VolsweepError(Exception):
    """Base of everything Volsweep raises on purpose."""


class SettingsError(VolsweepError):
    """An environment variable says nothing that can be followed, or a folder that is needed cannot be found."""


class InputError(VolsweepError):
    """What was given to read is missing, damaged, or not an image volume."""


class GeometryError(InputError):
    """The slices do not form one volume, or two geometries that must agree do not."""


class GapsError(GeometryError):
    """Slices are missing, damaged or unequally spaced; those there are load with ``gaps="keep"``."""


class PromptError(VolsweepError):
    """A prompt is outside the volume, malformed, or names something that does not exist."""


class SessionError(VolsweepError):
    """The session cannot do what was asked in its present state (a locked label, no prompts)."""


class OutputError(VolsweepError):
    """A result could not be written, or what was read back is not what was written."""


class ModelError(VolsweepError):
    """A model is unknown, its files are missing or damaged, or they do not fit each other."""


class DownloadError(ModelError):
    """Weights could not be fetched or are not the ones that were published."""


class DownloadCancelled(DownloadError):  # noqa: N818
    """The user stopped a download; nothing of it was kept."""


class EngineError(VolsweepError):
    """The network failed while running; torch's own errors arrive as this."""


class EngineMemoryError(EngineError):
    """The device ran out of memory."""


class ServerError(EngineError):
    """A Volsweep server cannot be reached, refuses, or does not say what was asked."""


class BatchError(VolsweepError):
    """A batch cannot start: its manifest, its folder or its cluster is not as it must be."""


class PacsError(VolsweepError):
    """A DICOMweb server cannot be reached, refuses, or does not do what was asked."""


_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "a text",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "dict": "an object",
    "model": "an object",
}
"""What a field wants, by the beginning of pydantic's type of the error."""
_FORMS = {
    "#[0-9a-fA-F]{6}": "a colour such as #e69f00",
    r"[\w-]{1,16}": "initials: up to 16 letters, digits, _ and -, such as AB",
    r"[^:\s]{1,16}:[^:\s]{1,16}:[^:]{1,64}": "VALUE:SCHEME:MEANING, such as 108369006:SCT:Neoplasm",
    r"\d{4}-\d\d-\d\d": "a day such as 2026-12-01",
    r"[^\x00]*": "a text without a NUL",
}
"""What a text is to look like, by the pattern that it does not fit."""
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_LENGTHS = {"min_length": "at least", "max_length": "at most"}
_LONGEST_VALUE = 80
_LONGEST_WORDS = 200


# C0 and C1 controls but tab and line feed, DEL, marks that turn the direction of text or end lines, halves of pairs,
# and what has no width and joins nothing: a name with it looks like another.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def sentence(text: str) -> str:
    """A message with a capital, unless it begins with the name of a file, which is as it is."""
    return text[:1].upper() + text[1:] if re.match(r"[a-z]+(?![\w./-])", text) else text


def shown(text: str) -> str:
    """A text for people: what would command a screen, or turn letters round, is written out as an escape."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def first_of(items: Sequence[str], count: int = 3, separator: str = ", ") -> str:
    """Some of what may be thousands, and how many more there are: a message stays a sentence."""
    more = f" (and {len(items) - count} more)" if len(items) > count else ""
    return separator.join(items[:count]) + more


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """Ask for the nearest of some words, as in ``"did you mean lung? "``; empty where none is near."""
    words = {word.lower(): word for word in known}
    near = difflib.get_close_matches(given.strip().lower(), list(words), n=1, cutoff=0.5)
    return f"did you mean {words[near[0]]}? " if near else ""


# What libraries say to programmers: addresses of objects, C++ files, who raised it and from where it was called.
_FOR_PROGRAMMERS = (
    re.compile(r"^(Exception thrown in|Exception raised from|frame #\d|ideal =).*|^Reason: No such file or directory$"),
    re.compile(r"^(sitk|itk)(::| )ERROR: *|^\[\w+\] *|\[enforce fail at [^\]]*\] *", re.IGNORECASE),
    re.compile(r"\b\w+ ?\(0x[0-9a-f]+\):? *| at 0x[0-9a-f]+|\b0x[0-9a-f]{6,}\b", re.IGNORECASE),
    re.compile(r"(\bat )?[^\s\"'(]+\.(cxx|cpp|cc|cu|hxx|hpp|txx|h)(:\d+)?:? *"),
    re.compile(r"^(_?nrrd\w+|ReadImageInformation|Read): *"),
)
_MATRIX = re.compile(r"[-+\d.e\s]*")


def why_failed(error: BaseException) -> str:
    """What a library says went wrong, in one line for people: no addresses, source files, or lists of calls.

    Of teem's lines, each of which is about the one below, the last is taken; of others the first.
    """
    lines = []
    for line in str(error).splitlines():
        told = line.strip()
        for pattern in _FOR_PROGRAMMERS:
            told = pattern.sub("", told).strip()
        if told and not _MATRIX.fullmatch(told):
            lines.append((told, line.startswith("[nrrd]")))
    teem = [told for told, deep in lines if deep]
    words, *more = teem[-1:] or [told for told, _ in lines] or ["no reason is given"]
    while words.endswith(":") and more:
        words = f"{words} {more.pop(0)}"
    return words[:_LONGEST_WORDS].rstrip(" :")


def why_invalid(error: ValidationError) -> str:
    """What is wrong with values that a model refused, in our words: the field, its value, and what it takes.

    Of several faults the first; the checker's own texts speak to programmers.
    """
    problem = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "json_invalid":
        return remedy(problem)
    if problem["type"] == "missing":
        return f"{field} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{field} is not known here"
    if problem["type"] == "union_tag_invalid":
        field = ".".join(filter(None, (field, problem["ctx"]["discriminator"].strip("'"))))
    given = problem.get("ctx", {}).get("tag", problem["input"])
    value = "" if isinstance(given, dict | list | tuple) else _short(given)
    told = " ".join(filter(None, (field, value)))
    return f"{told}: {remedy(problem)}" if told else remedy(problem)


def remedy(problem: Mapping[str, Any]) -> str:
    """What to give instead of a value, from one of pydantic's errors."""
    kind, context, text = problem["type"], problem.get("ctx", {}), problem["msg"]
    text = text.removeprefix("Value error, ").removeprefix("Input should be ")
    if kind == "value_error":
        return str(context.get("error", text))
    if kind == "json_invalid":
        return f"it is no JSON, or was cut off ({context.get('error', text)})"
    bounds = [f"{words} {context[name]:g}" for name, words in _BOUNDS.items() if name in context]
    what = "letters" if kind.startswith("string") else "values"
    lengths = [f"{words} {context[name]} {what}" for name, words in _LENGTHS.items() if name in context]
    choices = str(context.get("expected") or context.get("expected_tags") or "").replace("'", "")
    form = _FORMS.get(str(context.get("pattern", "")).strip("^$"))
    wanted = (*bounds, *lengths, choices and f"one of {choices}", form, _WANTED.get(kind.split("_")[0]), text)
    return f"give {next(filter(None, wanted))}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def unwritten(path: Path, error: OSError) -> str:
    """Say that a file was not written, why, and what to do."""
    return f"{path} cannot be written: {why_refused(error)}; {what_to_do(error)}"


def what_to_do(error: OSError) -> str:
    """What helps where the system refuses to write."""
    number = error.errno or next((n for n in _FULL if why_refused(error) == os.strerror(n)), None)
    return "make room there, or choose another folder" if number in _FULL else "choose another folder"


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def why_refused(error: OSError) -> str:
    """What the system says of a file: ``No space left on device``, also where a library wrapped it in words."""
    wrapped = re.search(r"\[Errno (\d+)\]", str(error))
    if error.strerror is None and wrapped:
        return os.strerror(int(wrapped[1]))
    return error.strerror or str(error).partition("\n")[0][:200] or type(error).__name__
