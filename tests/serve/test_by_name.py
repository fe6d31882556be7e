"""Names over the server: what is proposed is the finder's, and what is accepted is the library's."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from support.lit_finder import head, light
from support.live_server import options_of, serving
from support.tiny_engine import TinySession
from support.voxtell_server import blosc2_of_zlib, voxtell

from volsweep.finder import BundledFinder
from volsweep.geometry import Plane
from volsweep.serve.by_name import findable, propose


@pytest.fixture
def scanned(scans, tmp_path, monkeypatch):
    light(monkeypatch)
    volume = head()
    with serving(
        options_of(scans), tmp_path / "served", lambda _, *given, **more: TinySession(volume, *given, **more)
    ) as c:
        yield c, volume


def test_what_a_reader_accepts_is_what_the_library_loads(scanned):
    client, volume = scanned
    number, mine = client.open()["id"], TinySession(volume, device="cpu")
    client.box(number)
    mine.add_box(label=1, slice=4, box_xyxy=(6, 6, 14, 12))
    asked = {"words": ["right parotid", " Hirnstamm "]}
    first, second = client.post(f"/sessions/{number}/find", asked)["proposals"]
    assert (first["name"], first["label"], second["name"], second["label"]) == (
        "right parotid gland",
        2,
        "brain stem",
        3,
    )
    assert 0 < first["score"] <= 1
    assert len(client.get(f"/sessions/{number}")["prompts"]) == 1, "nothing is drawn before someone accepts it"
    for proposal, words in ((second, "Hirnstamm"), (first, "right parotid")):
        client.act(number, proposal["action"])
        (found,) = BundledFinder().find(volume, [words])
        mine.load_prompts(found.prompts(mine.plane, volume.grid, proposal["label"]))
    np.testing.assert_array_equal(client.labels(number), mine.labels.array_zyx)
    state = client.get(f"/sessions/{number}")
    assert {one["value"]: one["name"] for one in state["labels"]} == {
        value: label.name for value, label in mine.state.labels.items()
    }
    assert len(state["extents"]) == len(mine.state.extents) == 2


@pytest.mark.parametrize(
    ("words", "text"),
    [(["right parotit glnd"], "right parotid gland"), (["parotid"], "say which"), (["liver"], "it finds brain stem")],
)
def test_what_is_not_known_is_refused_with_the_nearest(scanned, words, text):
    client, _ = scanned
    number = client.open()["id"]
    answer = client.ask("POST", f"/sessions/{number}/find", {"words": ["mandible", *words]})
    if answer.status_code == 200:  # a slip of the pen is understood
        assert answer.json()["proposals"][1]["name"] == text
    else:
        assert answer.status_code == 422
        assert text in answer.json()["error"]
    assert not client.get(f"/sessions/{number}")["prompts"]


def test_words_are_bounded(client):
    number = client.open()["id"]
    for words in ([], ["x"] * 17, ["x" * 201], "mandible"):
        client.post(f"/sessions/{number}/find", {"words": words}, 422)


def test_names_are_known_without_the_network(client):
    assert set(findable()) == {one.name for one in BundledFinder().known}
    told = client.get("")
    assert tuple(told["finds"]) == findable()
    assert told["voxels_go_to"] is None


def test_labels_are_free_ones_and_slices_those_of_the_plane(monkeypatch):
    light(monkeypatch)
    volume = head()
    (told,) = propose(["mandible"], volume, Plane.CORONAL, [1, 2, 4])
    assert told["taken"] == "box", "the page shows boxes, to be moved before they are accepted"
    assert (told["label"], told["plane"]) == (3, "coronal")
    (prompt,) = told["action"]["prompts"]
    assert (prompt["plane"], prompt["slice"], prompt["label"]) == ("coronal", told["slice"], 3)
    assert 6 <= told["slice"] < 16


@pytest.mark.parametrize("may_send", [True, False])
def test_another_finder_is_asked_where_whoever_runs_the_server_says_so(scans, tmp_path, monkeypatch, may_send):
    monkeypatch.setitem(sys.modules, "blosc2", blosc2_of_zlib())
    volume = head()
    with voxtell() as other:
        options = replace(options_of(scans), finder=other.url, send_voxels=may_send)
        made = lambda _, *given, **more: TinySession(volume, *given, **more)  # noqa: E731
        with serving(options, tmp_path / "served", made) as client:
            number, about = client.open()["id"], client.get("")
            assert (about["finds"], about["voxels_go_to"]) == ([], other.url)
            if not may_send:
                told = client.post(f"/sessions/{number}/find", {"words": ["bright"]}, 422)
                assert "nothing was sent" in told["error"]
                assert other.asked == []
                return
            (first,) = client.post(f"/sessions/{number}/find", {"words": ["very bright"]})["proposals"]
            assert (first["name"], first["score"], first["finder"]) == ("very bright", None, "VoxTell")
            assert (first["low_zyx"], first["high_zyx"]) == ([2, 6, 10], [7, 15, 59]), "the mandible of `head`"
            client.act(number, first["action"])
            (prompt,) = client.get(f"/sessions/{number}")["prompts"]
            assert prompt["box_xyxy"] == first["box_xyxy"]
