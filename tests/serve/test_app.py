"""The description is of what is there, and a server that ends lets its sessions rest."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from support.live_server import Client, write_volume

from volsweep.finder import BundledFinder, Proposal
from volsweep.geometry import Grid
from volsweep.remote.wire import PREFIX, VolumeHead, pack, volume_key
from volsweep.serve.app import DOORS, described
from volsweep.serve.handlers import Handlers
from volsweep.volume import Volume


def test_every_door_is_described_and_every_reference_leads_somewhere():
    told = described()
    assert sum(len(methods) for methods in told["paths"].values()) == len(DOORS)
    schemas = told["components"]["schemas"]

    def references(node):
        if isinstance(node, dict):
            yield from ([node["$ref"]] if isinstance(node.get("$ref"), str) else [])
            node = list(node.values())
        for each in node if isinstance(node, list) else ():
            yield from references(each)

    found = set(references(told))
    assert found
    assert {name.removeprefix("#/components/schemas/") for name in found} <= schemas.keys()
    for door in DOORS:
        assert (getattr(Handlers, door.handler).__doc__ or "").strip()
        assert told["paths"][PREFIX + door.plain][door.method.lower()]["operationId"] == door.handler


def test_the_server_describes_itself(client):
    told = client.get("/openapi.json")
    assert told["openapi"].startswith("3.1")
    assert f"{PREFIX}/sessions/{{session}}/slices/{{plane}}/{{index}}" in told["paths"]


def test_no_handler_is_without_a_door():
    public = {name for name in vars(Handlers) if not name.startswith("_")}
    assert public == {door.handler for door in DOORS}


def test_a_disk_that_refuses_is_said_and_whose_it_is(client, monkeypatch):
    from volsweep.serve import sessions

    def full(path):
        raise OSError(28, "No space left on device", str(path))

    folder = client.get("")["folders"][0]
    with monkeypatch.context() as patch:
        patch.setattr(sessions, "private_folder", full)
        told = client.post("/sessions", {"where": {"folder": folder, "path": "a.nii.gz"}}, 507)
    assert told["error"] == "the server's disk refuses: No space left on device; tell who runs it"
    assert client.open()["id"]


def test_nothing_is_evaluated_or_unpacked_on_the_disk():
    """What other servers were exploited by."""
    room = Path(__file__).resolve().parents[2] / "src" / "volsweep"
    text = "".join(path.read_text() for name in ("serve", "remote") for path in (room / name).glob("*.py"))
    for word in ("eval(", "exec(", "pickle", "extractall", "tarfile", "subprocess", "os.system", "yaml", "__import__"):
        assert word not in text, word


POINT = {"kind": "point", "label": 1, "plane": "axial", "slice": 4, "point_xy": [9, 9], "positive": True}
LOOKS = {"model": "volsweep-nano", "window": [100, 200], "zoom": None}
BODIES = {
    "folder": {"folder": "scans", "path": ""},
    "series": {"folder": "scans", "path": "a.nii.gz"},
    "open": {"where": {"folder": "scans", "path": "a.nii.gz"}},
    "act": {"action": {"action": "add_prompts", "prompts": [POINT]}},
    "preview": {"label": 1, "slice": 4, "plane": "axial"},
    "find": {"words": ["mandible"]},
    "accept": {"proposal": "0" * 32, "label": 9},
    "use": {"window": "percentile"},
    "sweep": {"labels": [1], "patience": 1},
    "export": {"name": "found.nii.gz"},
    "engine_describe": LOOKS,
    "engine_preview": {"looks": LOOKS, "index": 4, "prompts": [POINT]},
    "engine_sweep": {"looks": LOOKS, "plane": "axial", "prompts": [[1, [POINT]]], "first": 0, "last": 8,
                     "direction": "both", "stride": 1, "patience": 1},
}  # fmt: skip


def asked_as_described(client: Client, tmp_path: Path):
    """Every door with what its description says; what closes or throws away comes last."""
    schemas = client.get("/openapi.json")
    volume = Volume(np.zeros((9, 24, 28), np.int16), Grid.axis_aligned((9, 24, 28)))
    head = {name: value for name, value in VolumeHead.of(volume).model_dump().items() if name != "kind"}
    sent = {
        "upload": write_volume(tmp_path / "u.nii.gz").read_bytes(),
        "send_volume": pack("volume", head, zlib.compress(volume.array_zyx.tobytes())),
    }
    varies = {"session": client.open()["id"], "volume": volume_key(volume), "plane": "axial", "index": 3}
    varies["name"] = "found.nii.gz"
    last = ("has_volume", "engine_describe", "engine_preview", "engine_sweep", "cancel", "close", "resume", "forget")
    proposed = None
    for door in sorted(DOORS, key=lambda door: last.index(door.handler) if door.handler in last else -1):
        said = BODIES.get(door.handler) if door.asks else None
        if door.handler == "accept":
            said = {**said, "proposal": proposed}
        told = schemas["paths"][PREFIX + door.plain][door.method.lower()]
        more = {"data": sent[door.handler]} if door.handler in sent else {}
        if door.handler == "upload":
            more["headers"] = {"Volsweep-Name": "u.nii.gz"}
        answer = client.ask(door.method, door.plain.format(**varies), said, **more)
        if door.handler == "find":
            proposed = answer.json()["proposals"][0]["proposal"]
        yield door, told, said, answer


def test_what_is_served_is_what_is_described(client, tmp_path, monkeypatch):
    seen = set()
    found = Proposal("mandible", "mandible", 0.9, (2, 3, 4), (6, 9, 9), "a rule")  # the scan is no CT
    monkeypatch.setattr(BundledFinder, "find", lambda *_: (found,))
    for door, told, said, answer in asked_as_described(client, tmp_path):
        (status,) = set(told["responses"]) - {"default"}
        assert answer.status_code == int(status), (door, answer.text[:300])
        content = told["responses"][status].get("content", {})
        kind = answer.headers.get("content-type", "").partition(";")[0]
        assert (kind in content) if content else not answer.content, (door, kind)
        if door.asks is not None:
            assert set(told["requestBody"]["content"]) == {"application/json"}
            assert said is not None, door
        seen.add(door.handler)
    assert seen == {door.handler for door in DOORS}


def test_bodies_are_those_of_the_schemas(client):
    validator = pytest.importorskip("jsonschema")
    told = client.get("/openapi.json")
    for door in DOORS:
        if door.asks is not None:
            schema = {**told["components"]["schemas"][door.asks.__name__], "components": told["components"]}
            validator.Draft202012Validator.check_schema(schema)
            validator.validate(BODIES[door.handler], schema)


@pytest.mark.parametrize("door", [door for door in DOORS if door.asks], ids=lambda door: door.handler)
def test_other_bodies_are_refused_with_words(client, door):
    where = {"session": client.open()["id"], "volume": "0" * 64}
    body = BODIES[door.handler]
    wrong = [[], None, 7, "x", {**body, "evil": 1}, *({**body, name: {"$ref": "file:///etc/passwd"}} for name in body)]
    for said in wrong:
        answer = client.ask(door.method, door.plain.format(**where), data=json.dumps(said))
        assert 400 <= answer.status_code < 500, (said, answer.text)
        assert answer.json()["error"]
        assert "Error" not in answer.json()["error"]
        assert "pydantic" not in answer.text
    assert client.get(f"/sessions/{where['session']}")["actions"] == 0
