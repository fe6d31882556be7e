"""The rows of a manifest as they stand in the file, CSV or JSON, one at a time, each with its line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import zip_longest
from pathlib import Path
from typing import Any

from volsweep.errors import BatchError
from volsweep.settings import read_regular, regular

_SAID = re.compile(r'"?sep=([^\s"]|\t)"?[;,\t]*\s*', re.IGNORECASE)
_REQUIRED = (("series",), ("prompts", "text"))
"""Columns of which a header names at least one each."""


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Any]]:
    """Read a file row by row.

    Parameters
    ----------
    path
        ``.json``, a list of objects; anything else is CSV with a header line.
    columns
        That a header may name.

    Yields
    ------
    int, Any
        The line a row begins on, from 1, and its cells by column; a sentence where it has no usable ones.

    Raises
    ------
    BatchError
        If the file cannot be read at all, or its header names an unknown column.
    """
    return _json_rows(path) if path.suffix.lower() == ".json" else _csv_rows(path, columns)


def _csv_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Any]]:
    try:
        with regular(path).open(encoding=_encoding(path), newline="") as stream:
            yield from _cells(stream, path, columns)
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BatchError(f"{path} is not a UTF-8 text (byte {error.start}); save it as CSV UTF-8") from None


def _encoding(path: Path) -> str:
    """UTF-8, or UTF-16 where the file begins as one: a spreadsheet's "Unicode text"."""
    with regular(path).open("rb") as stream:
        return "utf-16" if stream.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _cells(stream: Any, path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Any]]:
    delimiter, line = _dialect(stream)
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    before = line - 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            # Where quotes are wrong nothing says where the next row begins.
            raise BatchError(f"{path}, line {line}: {error}; check the quotes") from None
        begins, line = line, before + reader.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header = _header(cells, path, columns)
        elif stray := [cell for cell, name in zip_longest(cells, header, fillvalue="") if cell.strip() and not name]:
            yield (
                begins,
                (
                    f"{len(cells)} cells under {sum(map(bool, header))} columns, {stray[0].strip()[:40]!r} under none; "
                    'a cell that holds commas stands in quotes: "box 1@20:55,98,86,126"'
                ),
            )
        else:
            yield begins, {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name}
    if header is None:
        raise BatchError(f"{path} is empty; its first line names columns, at least series and prompts")


def _dialect(stream: Any) -> tuple[str, int]:
    """What stands between cells, and the line where the table begins; the stream is left there.

    Excel writes and reads a line ``sep=;`` before the table.
    """
    line, at = 1, 0
    while first := stream.readline():
        if said := _SAID.fullmatch(first):
            return said[1], line + 1
        if first.strip(" \t\r\n;,"):
            break
        line, at = line + 1, stream.tell()
    stream.seek(at)
    return max(",;\t", key=first.count), line


def _header(cells: list[str], path: Path, columns: Sequence[str]) -> list[str]:
    header = [cell.strip().lower() for cell in cells]
    named = [name for name in header if name]
    unknown = [name for name in named if name not in columns]
    missing = [" or ".join(names) for names in _REQUIRED if not set(names) & set(header)]
    if unknown or missing:
        what = (
            f"unknown: {', '.join(_with_guess(name, columns) for name in unknown)}"
            if unknown
            else f"missing: {', '.join(missing)}"
        )
        raise BatchError(f"{path}, line 1: the first line names columns ({what}); there are {', '.join(columns)}")
    if len(set(named)) < len(named):
        raise BatchError(f"{path}, line 1: a column is named twice ({', '.join(named)})")
    return header


def _with_guess(name: str, columns: Sequence[str]) -> str:
    near = get_close_matches(name, columns, 1)
    return f"{name[:80]!r}, which may mean {near[0]}" if near else repr(name[:80])


_SPACE = re.compile(r"[ \t\r\n]*")


def _json_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Elements of a list, one at a time, each with the line it begins on."""
    try:
        text = read_regular(path).decode("utf-8-sig")
    except OSError as error:
        raise BatchError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BatchError(f"{path} is not a UTF-8 text (byte {error.start})") from None
    decoder = json.JSONDecoder()
    at, line, counted = _skip(text, 0), 1, 0
    if text[at : at + 1] != "[":
        raise BatchError(f'{path} must be a list of objects: [{{"series": …, "prompts": …}}, …]')
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise BatchError(f"{path}, line {error.lineno}: {error.msg}") from None
        except RecursionError:
            raise BatchError(f"{path}, line {line}: lists within lists without end") from None
        yield line, value
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            raise BatchError(f"{path}, line {line}: a comma or the end of the list is missing after this object")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
