"""What becomes of the cases of a list: on the disk beside it, safe with several readers on one share.

``list.progress/CASE/READER.json`` is one reading, written by that reader alone. Who works on a case holds a lock on a
file in its folder: the system's own, which goes with its process however that ends.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from volsweep.errors import InputError, OutputError, SessionError, why_invalid
from volsweep.io.writing import make_folder, open_private, sha256, write_whole
from volsweep.settings import read_json
from volsweep.volume import checked_reader
from volsweep.worklist.listing import Case, Worklist

Outcome = Literal["accepted", "rejected", "skipped"]
_NOBODY = "reader"
"""What a reader is called who gave no initials."""


class Reading(BaseModel):
    """What one reader made of one case.

    Parameters
    ----------
    outcome, reason
        A skipped case comes back at the end of the list, with its reason.
    labels
        The file that was saved, beside this one or wherever it lies.
    labels_sha256
        Its hash: what was read elsewhere may be written over there; readings of before do not say it.
    seconds
        For how long the case was worked on, all sittings together.
    series
        Which one it was (`Case.identity`); readings of before do not say it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    reader: str
    outcome: Outcome
    reason: Annotated[str, Field(max_length=500)] = ""
    labels: str | None = None
    labels_sha256: str | None = None
    seconds: Annotated[float, Field(ge=0)] = 0.0
    when: float = 0.0
    series: str | None = None


class Progress:
    """All readings of a worklist.

    Parameters
    ----------
    path
        Of the list.
    worklist
        What it holds.
    """

    def __init__(self, path: Path, worklist: Worklist) -> None:
        self.worklist = worklist
        self.folder = path.with_name(f"{path.stem}.progress")

    def readings(self, case: str) -> list[Reading]:
        """What readers made of a case, in the order of their names.

        Raises
        ------
        InputError
            If one of the files is damaged, or about another series: the list was made anew of other images.
        """
        found: list[Reading] = []
        known = next((one.identity for one in self.worklist.cases if one.name == case), None)
        for path in sorted((self.folder / case).glob("*.json")):
            try:
                found.append(Reading.model_validate_json(read_json(path)))
            except OSError as error:
                raise InputError(f"{path} cannot be read: {error.strerror}") from error
            except ValidationError as error:
                raise InputError(f"{path} is not a reading: {why_invalid(error)}; move it away") from error
            if None not in (known, found[-1].series) and found[-1].series != known:
                raise InputError(
                    f"{path} is a reading of another series than case {case!r} of this list, which was made anew; "
                    f"move {self.folder} away, or call the list otherwise"
                )
        return found

    def of(self, case: str, reader: str = "") -> Reading | None:
        """What a reader made of a case; of others' readings it tells nothing."""
        name = filed_under(reader)
        return next((one for one in self.readings(case) if one.reader == name), None)

    def waiting(self, reader: str = "") -> Iterator[Case]:
        """The cases that are left for a reader: those that nobody read first, by due day, then those they skipped.

        A case that enough others have read is left to nobody.
        """
        name = filed_under(reader)
        fresh: list[Case] = []
        again: list[Case] = []
        for case in self.worklist.cases:
            readings = self.readings(case.name)
            mine = next((one for one in readings if one.reader == name), None)
            done = sum(one.outcome != "skipped" for one in readings)
            if mine is not None and mine.outcome != "skipped":
                continue
            if done < self.worklist.readings:
                (fresh if mine is None else again).append(case)
        yield from sorted(fresh, key=lambda case: case.due or "9999")
        yield from again

    def begin(self, case: str, reader: str = "") -> Working:
        """Work on a case: nobody else does, until `Working.leave`, or until this process ends.

        Raises
        ------
        SessionError
            If others work on it already, as many as are to read it.
        """
        self.worklist.case(case)
        name = filed_under(reader)
        folder = make_folder(make_folder(self.folder) / case)
        others = sum(one.outcome != "skipped" and one.reader != name for one in self.readings(case))
        for place in range(1, max(self.worklist.readings - others, 1) + 1):
            lock = FileLock(folder / f"{place}.lock", timeout=0, mode=0o600)
            try:
                lock.acquire()
            except Timeout:
                continue
            except OSError as error:
                raise OutputError(f"{folder} cannot be written: {error.strerror}; choose another place") from None
            return Working(self, case, name, lock)
        raise SessionError(f"case {case!r} is being worked on{_by_whom(folder)}; take the next one")

    def next(self, reader: str = "") -> Working | None:
        """Begin the first waiting case that nobody works on; None where none is left."""
        for case in self.waiting(reader):
            with suppress(SessionError):
                return self.begin(case.name, reader)
        return None


class Working:
    """A case while it is worked on by this process.

    Parameters
    ----------
    progress, case, reader
        Whose.
    lock
        Held until `leave`.
    """

    def __init__(self, progress: Progress, case: str, reader: str, lock: FileLock) -> None:
        self.case, self.reader = progress.worklist.case(case), reader
        self.folder = progress.folder / case
        self._progress, self._lock = progress, lock
        self._since = time.monotonic()
        self._host = self.folder / f"{Path(lock.lock_file).stem}.host"
        with open_private(self._host) as file:
            file.write(socket.gethostname().encode())

    @property
    def labels_folder(self) -> Path:
        """Where this reader's results go: no other reader is shown it."""
        return make_folder(self.folder / self.reader)

    @property
    def seconds(self) -> float:
        """For how long it was worked on, earlier sittings too."""
        before = self._progress.of(self.case.name, self.reader)
        return (0.0 if before is None else before.seconds) + time.monotonic() - self._since

    def end(self, outcome: Outcome, *, reason: str = "", labels: Path | None = None) -> Reading:
        """Write down what became of the case, and leave it.

        Raises
        ------
        InputError
            If a case is skipped or rejected without a reason.
        OutputError
            If it cannot be written; the case is still worked on then.
        """
        if outcome != "accepted" and not reason.strip():
            raise InputError(f"say why case {self.case.name!r} is {outcome}: whoever looks at it next has to know")
        there = None if labels is None else self.folder / labels
        reading = Reading(
            case=self.case.name,
            reader=self.reader,
            outcome=outcome,
            reason=reason.strip(),
            labels=None if labels is None else str(labels),
            labels_sha256=sha256(there) if there is not None and there.is_file() else None,
            seconds=round(self.seconds, 1),
            when=round(time.time(), 1),
            series=self.case.identity,
        )
        write_whole(self.folder / f"{self.reader}.json", reading.model_dump_json(indent=1) + "\n", overwrite=True)
        self.leave()
        if self.case.labels is not None:
            from volsweep.worklist.batch_page import tell_batch

            folder = self._progress.folder
            tell_batch(folder.with_suffix(".json"), self._progress.worklist, self._progress.readings)
        return reading

    def leave(self) -> None:
        """Nobody works on it any more; what is not written down is as before."""
        self._host.unlink(missing_ok=True)
        self._lock.release()


def filed_under(reader: str) -> str:
    """What a reader's files are called.

    Raises
    ------
    InputError
        If they are no initials.
    """
    return checked_reader(reader) or _NOBODY


def _by_whom(folder: Path) -> str:
    hosts = []
    for path in sorted(folder.glob("*.host")):
        with suppress(OSError):
            hosts.append(path.read_text(encoding="utf-8", errors="replace").strip()[:80])
    return f" on {', '.join(hosts)}" if hosts else ""
