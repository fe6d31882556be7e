"""A browser that comes back finds its work: after the lease, after another session took its place, after a restart."""

from __future__ import annotations

import numpy as np
from support.live_server import options_of, serving
from support.tiny_engine import TinySession

from volsweep.io import read_volume
from volsweep.serve.weigh import promised_bytes


def work(client, number):
    client.box(number)
    client.frames(f"/sessions/{number}/sweep", {})
    client.act(number, {"action": "edit_label", "label": 1, "name": "lesion"})
    return client.labels(number)


def test_work_outlives_the_server(scans, tmp_path):
    with serving(options_of(scans), tmp_path / "served") as client:
        number = client.open()["id"]
        done = work(client, number)
    with serving(options_of(scans), tmp_path / "served") as client:
        client.get(f"/sessions/{number}", 404)
        (resting,) = client.get("/sessions")["sessions"]
        assert (resting["id"], resting["open"], resting["title"]) == (number, False, "a.nii.gz")
        again = client.post(f"/sessions/{number}/resume")
        assert again["labels"][0]["name"] == "lesion"
        np.testing.assert_array_equal(client.labels(number), done)
        client.act(number, {"action": "undo"})
        client.act(number, {"action": "undo"})
        assert np.count_nonzero(client.labels(number)) < np.count_nonzero(done)
        client.act(number, {"action": "redo"})
        np.testing.assert_array_equal(client.labels(number), done)
    with serving(options_of(scans), tmp_path / "served") as client:  # once more, with what was written anew
        again = client.post(f"/sessions/{number}/resume")
        np.testing.assert_array_equal(client.labels(number), done)
        assert again["labels"][0]["name"] != "lesion"
        assert again["can_redo"], "the name was undone before"
        client.act(number, {"action": "redo"})
        assert client.get(f"/sessions/{number}")["labels"][0]["name"] == "lesion"


def test_nothing_is_swept_again_when_it_comes_back(scans, tmp_path):
    made = []

    def make(*given, **more):
        made.append(TinySession(*given, **more))
        return made[-1]

    with serving(options_of(scans), tmp_path / "served") as client:
        number = client.open()["id"]
        work(client, number)
    with serving(options_of(scans), tmp_path / "served", make) as client:
        client.post(f"/sessions/{number}/resume")
        assert made[0].loaded == 0


def test_work_outlives_the_lease_and_who_took_its_place(scans, tmp_path, clock):
    with serving(options_of(scans, sessions=1, lease_s=30), tmp_path / "served") as client:
        number = client.open()["id"]
        done = work(client, number)
        client.post("/sessions", {"where": {"folder": "scans", "path": "b.nii.gz"}}, 503)
        clock[0] += 50
        other = client.open("b.nii.gz")["id"]
        client.get(f"/sessions/{number}", 404)
        client.box(other)
        clock[0] += 50
        client.post(f"/sessions/{number}/resume")
        np.testing.assert_array_equal(client.labels(number), done)


def test_a_heartbeat_keeps_a_session(scans, tmp_path, clock):
    with serving(options_of(scans, sessions=1, lease_s=60), tmp_path / "served") as client:
        number = client.open()["id"]
        for _ in range(5):
            clock[0] += 20
            client.post(f"/sessions/{number}/heartbeat")
        client.post("/sessions", {"where": {"folder": "scans", "path": "b.nii.gz"}}, 503)


def test_an_upload_goes_on_as_a_folders_volume_does_and_goes_when_it_is_forgotten(scans, tmp_path):
    content = (scans / "b.nii.gz").read_bytes()
    with serving(options_of(scans), tmp_path / "served") as client:
        sent = client.ask("POST", "/uploads", data=content, headers={"volsweep-name": "../C:\\dir\\b scan.nii.gz"})
        assert sent.status_code == 201
        opened = client.post("/sessions", {"upload": sent.json()["upload"]}, 201)
        assert opened["title"] == "b scan.nii.gz"
        number = opened["id"]
        done = work(client, number)
        client.post("/sessions", {"upload": sent.json()["upload"]}, 404)
    with serving(options_of(scans), tmp_path / "served") as client:
        client.post(f"/sessions/{number}/resume")
        np.testing.assert_array_equal(client.labels(number), done)
        assert client.ask("DELETE", f"/sessions/{number}").status_code == 204
        client.post(f"/sessions/{number}/resume", status=404)
        assert not (tmp_path / "served" / number).exists()


def test_a_session_whose_folder_is_served_no_more_stays_shut(scans, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    with serving(options_of(scans), tmp_path / "served") as client:
        number = client.open()["id"]
        client.box(number)
    with serving(options_of(other), tmp_path / "served") as client:
        assert "not among the folders" in client.post(f"/sessions/{number}/resume", status=404)["error"]


def test_bytes_of_volumes_are_counted(scans, tmp_path):
    """One is let in if what its header promises fits beside what those that are open take."""
    takes = read_volume(scans / "a.nii.gz").array_zyx.nbytes
    promises = promised_bytes(scans / "b.nii.gz", 2**30)
    with serving(options_of(scans, volume_bytes=promises + 2 * takes), tmp_path / "served") as client:
        client.open()
        answers = [
            client.ask("POST", "/sessions", {"where": {"folder": "scans", "path": "b.nii.gz"}}) for _ in range(3)
        ]
        assert [answer.status_code for answer in answers] == [201, 201, 503]


def test_numbers_that_are_none(client):
    for number in ("x", "0" * 32, "..", "%2e%2e", "uploads"):
        assert client.ask("POST", f"/sessions/{number}/resume").status_code in (404, 405)


def test_what_networks_encoded_is_kept_for_few_sessions_and_made_again(scans, tmp_path):
    made = []

    def make(*given, **more):
        made.append(TinySession(*given, **more))
        return made[-1]

    with serving(options_of(scans), tmp_path / "served", make) as client:
        numbers = [client.open()["id"] for _ in range(5)]
        for number in numbers:
            client.box(number)
        client.labels(numbers[-1])
        assert [bool(session._engines._kept) for session in made] == [False, False, True, True, True]
        before = made[0].loaded
        assert client.labels(numbers[0]).any()
        assert made[0].loaded == before + 1
