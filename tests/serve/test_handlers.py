"""Every request of a session: what is shown is what the library makes, and what is saved is read back."""

from __future__ import annotations

import gzip
import json
import threading
import zlib

import nibabel
import numpy as np
import pytest
from support.live_server import LONGEST_SECONDS, options_of, serving, tiny_load, write_volume
from support.tiny_engine import TinySession

import volsweep
from volsweep.io import read_labels, read_objects, read_volume
from volsweep.remote.wire import labels_of, unpack
from volsweep.serve.answers import as_displayed
from volsweep.session.actions import parse_action
from volsweep.terminology import called


def local(scans, name="a.nii.gz"):
    return TinySession(read_volume(scans / name), device="cpu")


def painted(frames, labels_zyx):
    """The label volume after frames, as the page paints them."""
    for head, body in frames:
        if head["kind"] == "slice":
            top, left, height, width = head["box"]
            labels_zyx[head["slice"]] = 0
            labels_zyx[head["slice"], top : top + height, left : left + width] = labels_of(body, (height, width))
        elif head["kind"] == "labels":
            labels_zyx[:] = labels_of(body, tuple(head["shape_zyx"]))
    return labels_zyx


def test_box_sweep_correct_undo_redo_are_those_of_the_library(client, scans):
    session, mine = client.open(), local(scans)
    number, shown = session["id"], np.zeros(mine.volume.shape_zyx, np.uint16)
    assert session["volume"]["shape_zyx"] == list(mine.volume.shape_zyx)

    def same():
        np.testing.assert_array_equal(shown, mine.labels.array_zyx)
        np.testing.assert_array_equal(client.labels(number), mine.labels.array_zyx)

    painted(client.box(number), shown)
    mine.add_box(label=1, slice=4, box_xyxy=(6, 6, 14, 12))
    same()
    frames = client.frames(f"/sessions/{number}/sweep", {})
    painted(frames, shown)
    mine.sweep()
    same()
    assert frames[-1][0]["outcome"] == "finished"
    steps = [head for head, _ in frames if head["kind"] == "step"]
    assert {head["slice"] for head in steps} == set(range(9))
    point = {"kind": "point", "label": 1, "plane": "axial", "slice": 5, "point_xy": [20, 20], "positive": True}
    painted(client.act(number, {"action": "add_prompts", "prompts": [point]}), shown)
    mine.add_point(label=1, point_zyx=(5, 20, 20))
    same()
    for action in ("undo", "undo", "redo"):
        frames = client.act(number, {"action": action})
        painted(frames, shown)
        getattr(mine, action)()
        same()
    assert frames[-1][0]["can_redo"]


def test_names_locks_extents_and_the_state_that_tells_of_them(client):
    number = client.open()["id"]
    client.box(number)
    client.act(number, {"action": "edit_label", "label": 1, "name": "lesion", "color": "#ff0000", "locked": True})
    state = client.get(f"/sessions/{number}")
    alone = {"overlaps": False, "inside": None, "outside": [], "doubts": []}
    (label,) = state["labels"]
    assert label == {"value": 1, "name": "lesion", "color": "#ff0000", "locked": True, "swept": False, **alone}
    answer = client.ask("POST", f"/sessions/{number}/sweep", {})
    assert answer.status_code == 422
    assert "unlocked" in answer.json()["error"]
    assert not client.get(f"/sessions/{number}")["sweeping"]


def test_a_name_gives_its_colour_and_what_does_not_fit_is_told(client, scans):
    (scans / "b.json").write_text(json.dumps({"BodyPartExamined": "KNEE"}))
    number = client.open("b.nii.gz")["id"]
    for told, color in (
        ({"name": "Leber"}, called("liver", 1).color),
        ({"color": "#123456"}, "#123456"),
        ({"name": "spleen"}, "#123456"),  # someone chose it
    ):
        client.act(number, {"action": "edit_label", "label": 1, **told})
        (label,) = client.get(f"/sessions/{number}")["labels"]
        assert label["color"] == color
        assert "taken, KNEE" in label["doubts"][0]


def stacks(frames, layers):
    """Labels after frames as the page keeps them: what is seen, and what lies beneath."""
    for head, body in frames:
        kind, _, beneath = head["kind"].partition("_")
        if kind not in ("slice", "labels"):
            continue
        while len(layers) <= head.get("layer", 0):
            layers.append(np.zeros_like(layers[0]))
        where = head["slice"] if kind == "slice" else slice(None)
        if not beneath:
            for layer in layers:
                layer[where] = 0
        layer = layers[head.get("layer", 0)]
        if kind == "slice":
            top, left, height, width = head["box"]
            layer[where, top : top + height, left : left + width] = labels_of(body, (height, width))
        else:
            layer[:] = labels_of(body, tuple(head["shape_zyx"]))
    return layers


def test_objects_that_overlap_are_shown_whole_after_everything_that_is_done(client, scans, tmp_path):
    number, mine = client.open()["id"], local(scans)
    layers = [np.zeros(mine.volume.shape_zyx, np.uint16)]

    def same():
        want = mine.shown.layers_zyx
        for n, layer in enumerate(layers):
            np.testing.assert_array_equal(layer, want[n] if n < len(want) else 0 * layers[0])
        assert len(layers) >= len(want)

    def act(**action):
        stacks(client.act(number, action), layers)
        mine.apply(parse_action(json.dumps(action).encode()))
        same()

    def box(label, index, xyxy, plane="axial"):
        prompt = {"kind": "box", "label": label, "plane": plane, "slice": index, "box_xyxy": xyxy}
        act(action="add_prompts", prompts=[prompt])

    box(1, 4, [4, 4, 20, 18])
    box(2, 4, [8, 8, 14, 12])
    act(action="relate", label=2, overlaps=True)
    box(3, 4, [10, 2, 24, 10])
    stacks(client.frames(f"/sessions/{number}/sweep", {"labels": [2]}), layers)
    mine.sweep(labels=[2])
    same()
    act(action="relate", label=3, inside=1)
    state = client.get(f"/sessions/{number}")
    assert [(one["overlaps"], one["inside"]) for one in state["labels"]] == [(False, None), (True, None), (True, 1)]
    stacks(client.frames(f"/sessions/{number}/sweep", {"labels": [1]}), layers)  # larger now: what lies over what
    mine.sweep(labels=[1])
    same()
    box(2, 5, [2, 2, 26, 22])
    box(2, 6, [2, 2, 26, 22])
    act(action="edit_label", label=1, locked=True)
    act(action="relate", label=3, outside=[2])
    for step in ("undo", "undo", "undo", "redo", "undo"):
        act(action=step)
    box(3, 10, [3, 3, 12, 7], "coronal")
    act(action="relate", label=2, overlaps=False)
    act(action="undo")
    assert np.count_nonzero(mine.shown.layers_zyx[1:]), "something lies beneath"
    told = client.post(f"/sessions/{number}/exports", {"name": "x.seg.nrrd"}, 201)
    (tmp_path / "x.seg.nrrd").write_bytes(client.get(f"/sessions/{number}/exports/{told['files'][0]}").content)
    found = read_objects(tmp_path / "x.seg.nrrd")
    for label in (1, 2, 3):
        np.testing.assert_array_equal(found.mask_zyx(label), mine.objects.mask_zyx(label))
    act(action="delete_label", label=1)


def test_what_another_window_did_is_told(client, scans):
    number = client.open()["id"]
    client.box(number)
    state = client.act(number, {"action": "undo"})[-1][0]
    assert (state["after"], state["actions"]) == (1, 2)
    assert client.post(f"/sessions/{number}/heartbeat")["actions"] == 2


def test_prompts_of_another_plane_are_shown_whole(client, scans):
    number, mine = client.open()["id"], local(scans)
    prompt = {"kind": "box", "label": 2, "plane": "coronal", "slice": 10, "box_xyxy": [5, 2, 12, 6]}
    frames = client.act(number, {"action": "add_prompts", "prompts": [prompt]})
    mine.add_box(label=2, slice=10, box_xyxy=(5, 2, 12, 6), plane="coronal")
    assert [head["kind"] for head, _ in frames] == ["labels", "state"]
    np.testing.assert_array_equal(painted(frames, np.zeros(mine.volume.shape_zyx, np.uint16)), mine.labels.array_zyx)
    frames = client.frames(f"/sessions/{number}/sweep", {"plane": "coronal"})
    mine.sweep(plane="coronal")
    np.testing.assert_array_equal(painted(frames, np.zeros(mine.volume.shape_zyx, np.uint16)), mine.labels.array_zyx)


def test_preview_measurements_and_review(client, scans):
    number, mine = client.open()["id"], local(scans)
    client.box(number)
    mine.add_box(label=1, slice=4, box_xyxy=(6, 6, 14, 12))
    ((head, body),) = client.frames(f"/sessions/{number}/preview", {"label": 1, "slice": 4})
    top, left, height, width = head["box"]
    want = mine.preview(label=1, slice=4)
    assert (
        want[top : top + height, left : left + width].sum()
        == want.sum()
        == np.count_nonzero(labels_of(body, (height, width)))
    )
    client.frames(f"/sessions/{number}/sweep", {})
    mine.sweep()
    (measured,) = client.get(f"/sessions/{number}/measurements")["measurements"]
    assert measured["voxels"] == np.count_nonzero(mine.labels.array_zyx)
    trust = client.get(f"/sessions/{number}/review")["1"]["slices"]
    assert {int(z): one["doubtful"] for z, one in trust.items()} == {z: t.doubtful for z, t in mine.trust(1).items()}


def test_what_the_next_click_waits_for_is_done_while_the_reader_looks(scans, tmp_path):
    here, there = threading.Event(), threading.Event()

    class Session(TinySession):
        def get_ready(self):
            here.set()

    def load(*given):
        engine = tiny_load(*given)
        engine.get_ready = there.set
        return engine

    with serving(options_of(scans), tmp_path / "served", Session, load) as client:
        number = client.open()["id"]
        client.box(number)
        assert here.wait(LONGEST_SECONDS)
        for path, said in (("preview", {"label": 1, "slice": 4}), ("sweep", {})):
            here.clear()
            client.frames(f"/sessions/{number}/{path}", said)
            assert here.wait(LONGEST_SECONDS), path
        laptop = volsweep.Session(read_volume(scans / "a.nii.gz"), server=f"{client.url}/#token={client.options.token}")
        laptop.add_box(label=1, slice=4, box_xyxy=(6, 6, 14, 12))
        assert laptop.labels.array_zyx.any()
        assert there.wait(LONGEST_SECONDS)


def test_voxels_as_they_are_and_as_they_are_shown(client, scans):
    number, volume = client.open()["id"], read_volume(scans / "a.nii.gz")
    answer = client.get(f"/sessions/{number}/volume")
    shown = nibabel.Nifti1Image.from_bytes(answer.content)
    np.testing.assert_array_equal(np.asarray(shown.dataobj), as_displayed(volume.array_zyx, volume.grid))
    assert nibabel.aff2axcodes(shown.affine) == ("R", "A", "S")
    theirs = nibabel.as_closest_canonical(nibabel.load(scans / "a.nii.gz"))
    np.testing.assert_allclose(shown.affine, theirs.affine)
    np.testing.assert_array_equal(np.asarray(shown.dataobj), np.asarray(theirs.dataobj))
    ((head, body),) = unpack([client.get(f"/sessions/{number}/slices/coronal/3").content])
    voxels = np.frombuffer(zlib.decompress(body), head["dtype"]).reshape(head["shape_yx"])
    np.testing.assert_array_equal(voxels, volume.slice_yx("coronal", 3))
    client.get(f"/sessions/{number}/slices/coronal/99", 422)
    assert gzip.decompress(gzip.compress(b"")) == b""


@pytest.mark.parametrize("name", ["lesion.nii.gz", "lesion.nrrd", "lesion.seg.nrrd", "Läsion 肝臓.nii.gz"])
def test_a_download_is_what_the_library_has_with_its_receipt(client, scans, tmp_path, name):
    number, mine = client.open()["id"], local(scans)
    client.box(number)
    client.frames(f"/sessions/{number}/sweep", {})
    mine.add_box(label=1, slice=4, box_xyxy=(6, 6, 14, 12))
    mine.sweep()
    told = client.post(f"/sessions/{number}/exports", {"name": name}, 201)
    for file in told["files"]:
        (tmp_path / file).write_bytes(client.get(f"/sessions/{number}/exports/{file}").content)
    found = read_labels(tmp_path / name)
    np.testing.assert_array_equal(found.array_zyx, mine.labels.array_zyx)
    assert found.grid.matches(mine.volume.grid)
    assert told["receipt"]["voxels"] == {"1": int(np.count_nonzero(found.array_zyx))}
    assert str(tmp_path) not in str(told)


def test_saving_to_the_servers_folder_replaces_nothing_unasked(scans, tmp_path):
    saved = tmp_path / "saved"
    saved.mkdir()
    from dataclasses import replace

    with serving(replace(options_of(scans), save_to=saved), tmp_path / "served") as client:
        number = client.open()["id"]
        client.box(number)
        asked = {"name": "x.nii.gz", "to_folder": True}
        client.post(f"/sessions/{number}/exports", asked, 201)
        before = (saved / "x.nii.gz").read_bytes()
        refused = client.post(f"/sessions/{number}/exports", asked, 409)["error"]
        assert refused == "x.nii.gz exists already; choose another name, or overwrite it"
        client.box(number, 1, 5)
        client.post(f"/sessions/{number}/exports", {**asked, "overwrite": True}, 201)
        assert (saved / "x.nii.gz").read_bytes() != before


def test_a_server_without_a_folder_saves_nothing(client):
    number = client.open()["id"]
    client.post(f"/sessions/{number}/exports", {"name": "x.nii.gz", "to_folder": True}, 403)
    client.post(f"/sessions/{number}/exports", {"name": "x.txt"}, 409)
    client.get(f"/sessions/{number}/exports/x.nii.gz", 404)


class Held(TinySession):
    """Its sweeps wait at every slice until they may go on: who asks something meanwhile asks in time."""

    go_on = threading.Event()

    def steps(self, **options):
        for step in super().steps(**options):
            self.go_on.wait(0.2)
            yield step


@pytest.fixture
def held(scans, tmp_path):
    """A server of such sessions, with a long volume."""
    write_volume(scans / "long.nii.gz", 3, (400, 24, 28))
    Held.go_on.clear()
    with serving(options_of(scans), tmp_path / "served", Held) as client:
        yield client
        Held.go_on.set()


def test_a_sweep_makes_way_for_a_correction_and_goes_on_beside_others(held):
    client = held
    number = client.open("long.nii.gz")["id"]
    client.box(number, 1, 200)
    outcomes = []

    def sweep(said):
        outcomes.append(client.frames(f"/sessions/{number}/sweep", said)[-1][0])

    started = client.http.post(
        client.url + f"/api/v1/sessions/{number}/sweep", json={"patience": 0}, stream=True, timeout=LONGEST_SECONDS
    )
    chunks = started.iter_content(4096)
    frames = unpack(chunks)
    next(frames)
    assert client.ask("POST", f"/sessions/{number}/sweep", {}).status_code == 409
    client.box(number, 2, 100)  # another object: beside it
    assert client.get(f"/sessions/{number}")["sweeping"]
    client.box(number, 1, 201)  # the swept one
    last = list(frames)[-1][0]
    assert (last["kind"], last["outcome"]) == ("end", "corrected")
    state = client.get(f"/sessions/{number}")
    assert not state["sweeping"]
    assert len(state["prompts"]) == 3
    Held.go_on.set()
    thread = threading.Thread(target=sweep, args=({"labels": [1], "patience": 0},))
    thread.start()
    thread.join()
    assert outcomes[0]["outcome"] == "finished"


def test_a_sweep_is_stopped_and_keeps_what_it_found(held):
    client = held
    number = client.open("long.nii.gz")["id"]
    client.box(number, 1, 200)
    answer = client.http.post(
        client.url + f"/api/v1/sessions/{number}/sweep", json={"patience": 0}, stream=True, timeout=LONGEST_SECONDS
    )
    frames = unpack(answer.iter_content(2048))
    next(frames)
    assert client.ask("POST", f"/sessions/{number}/cancel").status_code == 204
    assert list(frames)[-1][0]["outcome"] == "stopped"
    assert 1 <= len(np.unique(np.nonzero(client.labels(number))[0])) < 400


def test_windows_and_models_are_the_servers_list(client):
    number = client.open()["id"]
    ((head, _),) = client.frames(f"/sessions/{number}/use", {"window": "300/40"})
    assert head["window"] == [40, 300]
    client.post(f"/sessions/{number}/use", {"model": "/etc/passwd"}, 409)
    client.post(f"/sessions/{number}/use", {"window": "no such"}, 422)


def test_folders_and_series_are_listed(client):
    folder = client.get("")["folders"][0]
    listed = client.post("/folder", {"folder": folder})
    assert listed["files"] == ["a.nii.gz", "b.nii.gz"]
    (series,) = client.post("/series", {"folder": folder, "path": "b.nii.gz"})["series"]
    assert series["shape_zyx"] == [9, 24, 28]
    assert series["path"] == "b.nii.gz"
    assert not {"accession", "study_date"} & series.keys()


def test_two_sessions_side_by_side_do_not_mix(client, scans):
    one, two = client.open("a.nii.gz")["id"], client.open("b.nii.gz")["id"]
    client.box(one, 1, 2)
    client.box(two, 3, 6)
    client.frames(f"/sessions/{one}/sweep", {})
    client.frames(f"/sessions/{two}/sweep", {})
    mine, others = local(scans), local(scans, "b.nii.gz")
    mine.add_box(label=1, slice=2, box_xyxy=(6, 6, 14, 12))
    others.add_box(label=3, slice=6, box_xyxy=(6, 6, 14, 12))
    mine.sweep()
    others.sweep()
    np.testing.assert_array_equal(client.labels(one), mine.labels.array_zyx)
    np.testing.assert_array_equal(client.labels(two), others.labels.array_zyx)
