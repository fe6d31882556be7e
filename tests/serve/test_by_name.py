"""Names over the server: what is proposed is the finder's, and what is accepted is the library's."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.lit_finder import head, light, write_head
from support.live_server import options_of, serving
from support.tiny_engine import TinySession
from support.voxtell_server import blosc2_of_zlib, voxtell

from volsweep.errors import SessionError
from volsweep.finder import BundledFinder
from volsweep.finder.known import findable
from volsweep.geometry import Plane
from volsweep.io import read_labels, read_volume
from volsweep.serve.by_name import Proposed, look_for
from volsweep.serve.requests import Accept


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
    accepted = {"proposal": first["proposal"], "label": 2}
    for proposal, words in ((second, "Hirnstamm"), (first, "right parotid")):
        if proposal is first:
            client.frames(f"/sessions/{number}/accept", accepted)
        else:  # programs may do it as any other action
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
    told = client.get("")
    assert tuple(told["finds"]) == findable()
    assert told["voxels_go_to"] is None


def test_labels_are_free_ones_and_slices_those_of_the_plane(monkeypatch):
    light(monkeypatch)
    mine = TinySession(head(), device="cpu")
    for label in (1, 2, 4):
        mine.name_label(label, f"object {label}")
    found = look_for(["mandible", "brain stem"], mine.volume)
    told, other = Proposed().offer(found, Plane.CORONAL, mine.volume.grid, mine.state)
    assert (told["taken"], other["taken"]) == ("outline", "box")
    assert (told["label"], told["plane"], other["label"]) == (3, "coronal", 5)
    (prompt,) = told["action"]["prompts"]
    assert (prompt["plane"], prompt["slice"], prompt["label"]) == ("coronal", told["slice"], 3)
    assert 6 <= told["slice"] < 16


def review(client, number, label: int = 1) -> dict[int, dict[str, Any]]:
    told = client.get(f"/sessions/{number}/review").get(str(label), {"slices": {}})
    return {int(index): trust for index, trust in told["slices"].items()}


def test_the_finders_own_outline_is_taken_as_everywhere(tmp_path, monkeypatch):
    light(monkeypatch)
    scans = tmp_path / "scans"
    scans.mkdir()
    write_head(scans / "head.nii.gz")
    with serving(options_of(scans), tmp_path / "served") as client:
        _outlined(client, tmp_path)


def _outlined(client, folder):
    number = client.open("head.nii.gz", modality="CT")["id"]
    volume = read_volume(client.options.folders["scans"] / "head.nii.gz", modality="CT")
    mine = TinySession(volume, device="cpu")
    (told,) = client.post(f"/sessions/{number}/find", {"words": ["mandible"]})["proposals"]
    assert told["taken"] == "outline"
    assert not client.labels(number).any(), "nothing is drawn before someone accepts it"
    frames = client.frames(f"/sessions/{number}/accept", {"proposal": told["proposal"], "label": told["label"]})
    (found,) = BundledFinder().find(volume, ["mandible"])
    mine.take(found, label=told["label"])
    assert mine.labels.array_zyx.any()
    np.testing.assert_array_equal(client.labels(number), mine.labels.array_zyx)
    assert {head["slice"] for head, _ in frames if head["kind"] == "slice"} == set(mine.trust(1))
    # Nobody's prompt, and as doubtful as was measured.
    state = client.get(f"/sessions/{number}")
    assert (state["prompts"], state["actions"], state["labels"][0]["name"]) == ([], 1, "mandible")
    marks = review(client, number)
    assert {index: (one["from_finder"], one["prompted"], one["trust"]) for index, one in marks.items()} == {
        index: (True, False, round(trust.trust, 4)) for index, trust in mine.trust(1).items()
    }
    assert "what a finder drew is complete" in client.post(f"/sessions/{number}/sweep", {}, 422)["error"]
    # One undo, one redo, and all of it again once the session rested.
    client.act(number, {"action": "undo"})
    assert not client.labels(number).any()
    client.act(number, {"action": "redo"})
    client.post(f"/sessions/{number}/close", status=204)
    client.post(f"/sessions/{number}/resume")
    np.testing.assert_array_equal(client.labels(number), mine.labels.array_zyx)
    assert review(client, number) == marks
    # And in the file.
    client.post(f"/sessions/{number}/exports", {"name": "jaw.nii.gz"}, 201)
    (folder / "jaw.nii.gz").write_bytes(client.get(f"/sessions/{number}/exports/jaw.nii.gz").content)
    np.testing.assert_array_equal(read_labels(folder / "jaw.nii.gz").array_zyx, mine.labels.array_zyx)
    # A click makes its slice the reader's; the others stay the finder's.
    where = {"kind": "point", "label": 1, "plane": "axial", "slice": 4, "point_xy": [30, 10]}
    client.act(number, {"action": "add_prompts", "prompts": [where]})
    after = review(client, number)
    assert [index for index, one in after.items() if one["prompted"]] == [4]
    assert all(one["from_finder"] for index, one in after.items() if index != 4)


def test_its_box_is_taken_where_the_reader_says_so(scanned):
    client, volume = scanned
    number, mine = client.open()["id"], TinySession(volume, device="cpu")
    (told,) = client.post(f"/sessions/{number}/find", {"words": ["mandible"]})["proposals"]
    client.frames(f"/sessions/{number}/accept", {"proposal": told["proposal"], "label": 3, "box": True})
    (found,) = BundledFinder().find(volume, ["mandible"])
    mine.load_prompts(found.prompts(mine.plane, volume.grid, 3))
    np.testing.assert_array_equal(client.labels(number), mine.labels.array_zyx)
    (prompt,) = client.get(f"/sessions/{number}")["prompts"]
    assert (prompt["kind"], prompt["box_xyxy"]) == ("box", told["box_xyxy"])


def test_what_cannot_be_accepted_is_refused(scanned):
    client, _ = scanned
    number, other = client.open()["id"], client.open()["id"]
    client.box(number)
    (told,) = client.post(f"/sessions/{number}/find", {"words": ["mandible"]})["proposals"]

    def refused(session, status, **asked):
        said = {"proposal": told["proposal"], "label": told["label"], **asked}
        return client.post(f"/sessions/{session}/accept", said, status)["error"]

    assert "object 1 is there already" in refused(number, 409, label=1)
    assert "look for the name again" in refused(number, 409, proposal="0" * 32)
    assert "look for the name again" in refused(other, 409)
    for wrong in ({"proposal": "../x"}, {"label": 0}, {"label": 70_000}, {"masks": []}):
        refused(number, 422, **wrong)
    assert client.get(f"/sessions/{number}")["actions"] == 1
    # What a finder drew comes from the finder: a client cannot say that it did.
    load = {"kind": "load", "finder": "a finder", "expected": [1.0]}
    for label in (1, 2):
        action = {"action": "operate", "label": label, "operation": load}
        client.post(f"/sessions/{number}/actions", {"action": action}, 409)
    assert client.get(f"/sessions/{number}")["actions"] == 1


def test_the_last_proposals_alone_are_kept(monkeypatch):
    light(monkeypatch)
    mine = TinySession(head(), device="cpu")
    found, grid, kept = look_for(["mandible"], mine.volume), mine.volume.grid, Proposed()
    numbers = [kept.offer(found, Plane.AXIAL, grid, mine.state)[0]["proposal"] for _ in range(40)]
    assert len(set(numbers)) == 40
    known = []
    for number in numbers:
        try:
            kept.taking(Accept(proposal=number, label=1), mine.state, grid)
        except SessionError:
            continue
        known.append(number)
    assert known == numbers[-32:]


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
