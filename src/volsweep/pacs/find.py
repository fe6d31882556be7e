"""Find series on a server (QIDO-RS)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pydicom

from volsweep.errors import PacsError
from volsweep.io.dicom.values import code_of, harmless_description, integer_of, patient_of, quiet, text_of, uid_of
from volsweep.pacs.server import Server, connected, status_of

if TYPE_CHECKING:
    from dicomweb_client.web import DICOMwebClient

_MOST_PAGES = 2000
_GONE = 404
_FAILED = 500
_NOT_UNDERSTOOD = (400, 406, 422, 501)
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_DATE = re.compile(r"\d{8}|\d{8}-(\d{8})?|-\d{8}")


def is_uid(text: str) -> bool:
    """Whether a text is a UID, and so can name a file: ``..`` is not."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


@dataclass(frozen=True)
class Query:
    """What to look for; at least one of it.

    Parameters
    ----------
    study, series
        StudyInstanceUID, SeriesInstanceUID.
    patient, accession
        PatientID and AccessionNumber, as the server keeps them.
    modality
        Such as ``CT``.
    date
        StudyDate, ``20261121``, or a range: ``20261101-20261121``, ``20261101-``, ``-20261121``.

    Raises
    ------
    PacsError
        If nothing is given, or something of the wrong form.
    """

    study: str = ""
    series: str = ""
    patient: str = ""
    accession: str = ""
    modality: str = ""
    date: str = ""

    def __post_init__(self) -> None:
        if not any((self.study, self.series, self.patient, self.accession, self.date)):
            raise PacsError("say what to find: a study, series, patient, accession number or date")
        for what, uid in (("study", self.study), ("series", self.series)):
            if uid and not is_uid(uid):
                raise PacsError(f"{what} {uid[:80]!r} is not a UID: numbers and dots, 64 characters at most")
        if self.date and not _DATE.fullmatch(self.date):
            raise PacsError(f"date {self.date[:40]!r} is not of the form 20261121 or 20261101-20261121")
        for what, text in (("patient", self.patient), ("accession", self.accession), ("modality", self.modality)):
            if set(text) & set("*?\\") or not text.isprintable():
                raise PacsError(f"the {what} must be given in full, without * ? or backslash")

    @property
    def of_study(self) -> dict[str, str]:
        """What a study is asked for."""
        found = {
            "StudyInstanceUID": self.study,
            "PatientID": self.patient,
            "AccessionNumber": self.accession,
            "StudyDate": self.date,
        }
        return {keyword: value for keyword, value in found.items() if value}

    @property
    def of_series(self) -> dict[str, str]:
        """What a series is asked for."""
        found = {"SeriesInstanceUID": self.series, "Modality": self.modality.upper()}
        return {keyword: value for keyword, value in found.items() if value}


@dataclass(frozen=True)
class RemoteSeries:
    """A series on a server; it holds no patient name, identifier or date."""

    study_uid: str
    series_uid: str
    modality: str = ""
    number: int | None = None
    description: str = ""
    instances: int | None = None
    """How many the server says there are, where it says so."""
    patient: str = field(default="", repr=False, compare=False)
    """Hash of the patient's number, by which another patient's images are known; empty where it is not told."""


def find(server: Server, query: Query) -> list[RemoteSeries]:
    """Find series; what a server returns beyond the question is left out.

    Raises
    ------
    PacsError
        If the server cannot be asked, or answers nonsense.
    """
    with connected(server) as client, quiet():
        return [
            _described(study, found)
            for uid, study in _studies(client, query).items()
            for found in _series_of(client, uid, query)
        ]


def instance_uids(client: DICOMwebClient, series: RemoteSeries) -> list[str]:
    """SOPInstanceUIDs of a series.

    Raises
    ------
    PacsError
        If one of them is none: the series could not be fetched whole.
    """

    def search(**page: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.search_for_instances(series.study_uid, series.series_uid, **page)
        if not all(is_uid(uid_of(entry, "SOPInstanceUID")) for entry in _datasets(found)):
            raise PacsError(f"series {series.series_uid} has instances without a usable SOPInstanceUID on this server")
        return found

    with quiet():
        return list(_paged(search, "SOPInstanceUID", series.instances))


# Not among what every server returns unasked.
_WANTED = {"includefield": ["SeriesDescription", "NumberOfSeriesRelatedInstances"]}


def _studies(client: DICOMwebClient, query: Query) -> dict[str, pydicom.Dataset]:
    wanted = query.of_study
    if wanted:
        found = _paged(lambda **page: client.search_for_studies(search_filters=wanted, **page), "StudyInstanceUID")
        return {uid: study for uid, study in found.items() if _fits(study, wanted)}
    owners = _paged(
        lambda **page: client.search_for_series(search_filters={"SeriesInstanceUID": query.series}, **page),
        "SeriesInstanceUID",
    )
    mine = [series for series in owners.values() if _fits(series, {"SeriesInstanceUID": query.series})]
    return {uid: series for series in mine if (uid := uid_of(series, "StudyInstanceUID"))}


def _series_of(client: DICOMwebClient, study_uid: str, query: Query) -> list[pydicom.Dataset]:
    wanted = query.of_series

    def search(**more: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = client.search_for_series(study_uid, search_filters=wanted, **more)
        return found

    try:
        found = _paged(lambda **page: search(additional_params=_WANTED, **page), "SeriesInstanceUID")
    except Exception as error:
        if status_of(error) not in (*_NOT_UNDERSTOOD, _FAILED):
            raise
        found = _paged(search, "SeriesInstanceUID")  # what was asked for besides is only shown
    return [series for series in found.values() if _fits(series, wanted)]


def _paged(
    search: Callable[..., list[dict[str, Any]]], key: str, count: int | None = None
) -> dict[str, pydicom.Dataset]:
    """All results, by their UID: servers answer in pages, or ignore that they were asked for the next one.

    Parameters
    ----------
    search
        Asks, with or without a page.
    key
        What results are known by.
    count
        How many the server says there are, where it does.

    Raises
    ------
    PacsError
        If there is no end of pages.
    """
    found: dict[str, pydicom.Dataset] = {}
    for number in range(_MOST_PAGES):
        try:
            # Some servers take no offset, and some none without a limit.
            answer = search(offset=len(found), limit=len(found)) if number else search()
        except Exception as error:
            whole = number and (count is None or len(found) >= count)
            if (number and status_of(error) == _GONE) or (whole and status_of(error) in _NOT_UNDERSTOOD):
                return found  # what some servers say of the page after the last, and those that know no pages
            raise
        page = {uid: entry for entry in _datasets(answer) if is_uid(uid := uid_of(entry, key))}
        if not page.keys() - found.keys():
            return found
        found |= page
    raise PacsError(f"the server has more than {_MOST_PAGES} pages of results; ask for less at a time")


def _datasets(entries: list[dict[str, Any]]) -> Iterator[pydicom.Dataset]:
    for entry in entries:
        yield pydicom.Dataset.from_json(entry)


def _fits(found: pydicom.Dataset, wanted: dict[str, str]) -> bool:
    """Whether a result is what was asked for, as far as it tells: some servers ignore what they do not know."""
    for keyword, value in wanted.items():
        said = text_of(found, keyword).strip()
        if keyword == "StudyDate":
            first, dash, last = value.partition("-")
            if said and not (first or "0") <= said <= ((last or "9") if dash else first):
                return False
        elif said and said != value:
            return False
    return True


def _described(study: pydicom.Dataset, found: pydicom.Dataset) -> RemoteSeries:
    both = pydicom.Dataset()
    both.update(study)
    both.update(found)
    return RemoteSeries(
        study_uid=uid_of(study, "StudyInstanceUID"),
        series_uid=uid_of(found, "SeriesInstanceUID"),
        modality=code_of(found, "Modality"),
        number=integer_of(found, "SeriesNumber"),
        description=harmless_description(both),
        instances=integer_of(found, "NumberOfSeriesRelatedInstances"),
        patient=patient_of(both).number,
    )
