"""Finding series: what was asked for and nothing else."""

from __future__ import annotations

from dataclasses import asdict

import pydicom
import pytest
from support.dicom_files import PATIENT

from volsweep.errors import PacsError
from volsweep.pacs import Query, Server, find


@pytest.fixture
def server(pacs) -> Server:
    return Server(pacs.url)


@pytest.fixture
def header(slices) -> pydicom.Dataset:
    return pydicom.dcmread(slices[0], stop_before_pixels=True)


def test_ways_to_find_it(server, pacs, header):
    for ds in pacs.instances:
        ds.AccessionNumber, ds.StudyDate, ds.SeriesDescription = "A7", "20260301", "chest"
    by = [
        Query(study=header.StudyInstanceUID),
        Query(series=header.SeriesInstanceUID),
        Query(patient=header.PatientID),
        Query(accession="A7"),
        Query(accession="A7", modality="ct"),
        Query(patient=header.PatientID, series=header.SeriesInstanceUID),
    ]
    for query in by:
        (found,) = find(server, query)
        assert (found.series_uid, found.modality) == (header.SeriesInstanceUID, "CT")
        assert found.description == "chest"
    nothing = [Query(accession="A8"), Query(accession="A7", modality="MR"), Query(study="1.2.3"), Query(series="1.2.3")]
    assert all(find(server, query) == [] for query in nothing)


def test_what_was_not_asked_for_is_left_out(server, pacs, header):
    for ds in pacs.instances:
        ds.AccessionNumber, ds.StudyDate = "A7", "20260301"
    pacs.ignores_filters = True
    assert len(find(server, Query(date="20260101-20260401"))) == 1
    for query in (
        Query(patient="someone else"), Query(accession="A8"), Query(accession="A7", modality="MR"), Query(study="1.2"),
        Query(series="1.2"), Query(date="20260401-"), Query(date="-20260228"), Query(date="20260302"),
    ):  # fmt: skip
        assert find(server, query) == []


def test_a_description_with_the_patients_name_is_left_out(server, pacs, header):
    for ds in pacs.instances:
        ds.SeriesDescription = f"{PATIENT.split('^')[0]} thorax"
    (found,) = find(server, Query(series=header.SeriesInstanceUID))
    assert "quixote" not in str(asdict(found)).lower()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, "say what to find"),
        ({"modality": "CT"}, "say what to find"),
        ({"study": "../../etc"}, "not a UID"),
        ({"series": "1." * 40 + "1"}, "not a UID"),
        ({"date": "yesterday"}, "not of the form"),
        ({"patient": "*"}, "in full"),
        ({"accession": "A\n7"}, "in full"),
    ],
)
def test_questions_that_are_refused(asked, reason):
    with pytest.raises(PacsError, match=reason):
        Query(**asked)


@pytest.mark.parametrize("answer", [b"<html>login</html>", b"[1, 2]", b'{"00081199": 3}', b'[{"0020000D": 5}]'])
def test_nonsense_is_not_understood(pacs, answer):
    pacs.answers_raw = answer
    with pytest.raises(PacsError, match=r"is not understood \(\w+\); is /dicom-web the path"):
        find(Server(pacs.url), Query(patient="QUIXOTE-77"))


def test_results_without_a_uid_are_no_results(pacs):
    pacs.answers_raw = b'[{"00100020": {"vr": "LO", "Value": ["QUIXOTE-77"]}}]'
    assert find(Server(pacs.url), Query(patient="QUIXOTE-77")) == []
