"""Two pages and a session whose network is here, two hundred actions side by side: nothing mixed, memory flat."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from support.chance import acts, locally, side_by_side
from support.live_server import Client, options_of, serving
from support.tiny_engine import TinySession

from volsweep.io import read_volume
from volsweep.session.session import Session

ROUNDS = 2
MOST_GROWTH = 24 * 2**20


def over_there(client: Client, number: str, what: str, at: dict, prompted: set[int], can_undo: bool) -> None:
    label, index, x, y = at["label"], at["slice"], at["x"], at["y"]
    where = {"label": label, "plane": "axial", "slice": index}
    if what == "box":
        client.box(number, label, index, (x, y, x + 6, y + 5))
    elif what == "point" and label in prompted:
        prompt = {"kind": "point", **where, "point_xy": [x, y], "positive": True}
        client.act(number, {"action": "add_prompts", "prompts": [prompt]})
    elif what == "sweep" and label in prompted:
        client.frames(f"/sessions/{number}/sweep", {"labels": [label]})
    elif what == "undo" and can_undo:
        client.act(number, {"action": "undo"})
    elif what == "name" and label in prompted:
        client.act(number, {"action": "edit_label", "label": label, "name": f"object {x}"})


def a_page(client: Client, path: Path, seed: int) -> None:
    client = Client(client.options, int(client.url.rpartition(":")[2]))
    number, twin = client.open(path.name)["id"], TinySession(read_volume(path), device="cpu")
    for what, at in acts(seed):
        over_there(client, number, what, at, {p.label for p in twin.state.prompts}, twin.journal.can_undo)
        locally(twin, what, at)
    np.testing.assert_array_equal(client.labels(number), twin.labels.array_zyx)
    told = {one["value"]: one["name"] for one in client.get(f"/sessions/{number}")["labels"]}
    assert told == {value: label.name for value, label in twin.state.labels.items()}
    client.ask("DELETE", f"/sessions/{number}")
    client.http.close()


def a_laptop(client: Client, path: Path, seed: int) -> None:
    there = Session(read_volume(path), server=f"{client.url}/#token={client.options.token}")
    twin = TinySession(read_volume(path), device="cpu")
    for what, at in acts(seed):
        locally(there, what, at)
        locally(twin, what, at)
    np.testing.assert_array_equal(there.labels.array_zyx, twin.labels.array_zyx)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_two_pages_and_a_laptop(scans, tmp_path):
    used = []
    with serving(options_of(scans), tmp_path / "served") as client:
        for turn in range(ROUNDS + 1):
            side_by_side(
                lambda n=turn: a_page(client, scans / "a.nii.gz", 10 * n + 1),
                lambda n=turn: a_page(client, scans / "b.nii.gz", 10 * n + 2),
                lambda n=turn: a_laptop(client, scans / "a.nii.gz", 10 * n + 3),
            )
            used.append(resident())
        assert not client.get("/sessions")["sessions"]
    assert used[-1] - used[0] < MOST_GROWTH, [round(one / 2**20) for one in used]
