"""Two Chromiums and a session whose network is elsewhere, at one server: nothing mixed, its memory flat."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.browser import Browser
from support.chance import acts, locally, side_by_side
from support.live_server import Client, serving_apart, write_volume
from support.ports import free_port
from support.tiny_engine import TinySession

from volsweep.io import read_labels, read_volume
from volsweep.session.session import Session

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
    # Selenium leaves the pipe to its driver to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ROUNDS = 2
"""Of 67 actions of each of three; the first one warms up."""
MOST_GROWTH = 16 * 2**20


@pytest.fixture
def apart(tmp_path) -> Iterator[tuple[Client, int, Path]]:
    """A server in a process of its own, the process, and its folder of scans."""
    scans = tmp_path / "scans"
    scans.mkdir()
    for seed, name in enumerate(("a", "b")):
        write_volume(scans / f"{name}.nii.gz", seed)
    with serving_apart(scans, tmp_path / "served", free_port()) as (client, server):
        yield client, server.pid, scans


def on_the_page(browser: Browser, what: str, at: dict, prompted: set[int], can_undo: bool) -> None:
    """The same as `chance.locally`, by the page's own ways to the server."""
    label, index, x, y = at["label"], at["slice"], at["x"], at["y"]
    where = {"label": label, "plane": "axial", "slice": index}
    if what == "box":
        add(browser, {"kind": "box", **where, "box_xyxy": [x, y, x + 6, y + 5]})
    elif what == "point" and label in prompted:
        add(browser, {"kind": "point", **where, "point_xy": [x, y], "positive": True})
    elif what == "sweep" and label in prompted:
        call(browser, f"(volsweep.work().label = {label}, volsweep.work().sweep())")
    elif what == "undo" and can_undo:
        call(browser, "volsweep.work().act({action: 'undo'})")
    elif what == "name" and label in prompted:
        call(browser, f"volsweep.work().act({{action: 'edit_label', label: {label}, name: 'object {x}'}})")


def call(browser: Browser, text: str, *given: object) -> None:
    ended = "() => arguments[arguments.length - 1]()"
    browser.driver.execute_async_script(f"Promise.resolve({text}).then({ended}, {ended})", *given)


def add(browser: Browser, prompt: dict) -> None:
    call(browser, "volsweep.work().act({action: 'add_prompts', prompts: [arguments[0]]})", prompt)


class Page:
    """A browser with a volume open, and a session here that does the same."""

    def __init__(self, client: Client, name: str, path: Path, folder: Path) -> None:
        self.browser, self.path = Browser(client, folder), path
        self.browser.open(name)
        self.browser.js("volsweep.panel.setLayout('axial')")  # one plane: a processor draws it
        self.twin = TinySession(read_volume(path), device="cpu")

    def work(self, seed: int) -> None:
        twin = self.twin
        for what, at in acts(seed):
            prompted, can_undo = {p.label for p in twin.state.prompts}, twin.journal.can_undo
            on_the_page(self.browser, what, at, prompted, can_undo)
            locally(twin, what, at)
        assert self.browser.find("#message").get_attribute("class") != "bad", self.browser.find("#message").text
        self.browser.same_as(twin.labels)
        told = {one["value"]: one["name"] for one in self.browser.js("return volsweep.work().state.labels")}
        assert told == {value: label.name for value, label in twin.state.labels.items()}


def test_two_browsers_and_a_laptop(apart, tmp_path):
    client, process, scans = apart
    used = []
    pages = [Page(client, f"{name}.nii.gz", scans / f"{name}.nii.gz", tmp_path / f"browser-{name}") for name in "ab"]
    try:
        laptop = Session(read_volume(scans / "a.nii.gz"), server=f"{client.url}/#token={client.options.token}")
        beside = TinySession(read_volume(scans / "a.nii.gz"), device="cpu")

        def a_laptop(seed: int) -> None:
            for what, at in acts(seed):
                locally(laptop, what, at)
                locally(beside, what, at)
            np.testing.assert_array_equal(laptop.labels.array_zyx, beside.labels.array_zyx)

        for turn in range(ROUNDS):
            side_by_side(
                lambda n=turn: pages[0].work(10 * n + 1),
                lambda n=turn: pages[1].work(10 * n + 2),
                lambda n=turn: a_laptop(10 * n + 3),
            )
            used.append(int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096)
        for page in pages:
            number = page.browser.js("return volsweep.work().opened.id")
            receipt = client.post(f"/sessions/{number}/exports", {"name": "found.nii.gz"}, 201)
            (tmp_path / number).mkdir()
            for file in receipt["files"]:
                (tmp_path / number / file).write_bytes(client.get(f"/sessions/{number}/exports/{file}").content)
            saved = read_labels(tmp_path / number / "found.nii.gz")
            np.testing.assert_array_equal(saved.array_zyx, page.twin.labels.array_zyx)
            assert not page.browser.complaints()
    finally:
        for page in pages:
            page.browser.driver.quit()
    assert used[-1] - used[0] < MOST_GROWTH, [round(one / 2**20) for one in used]
    print("resident MiB of the server after each round:", [round(one / 2**20) for one in used])
