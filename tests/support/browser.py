"""A real Chromium with the page of `volsweep serve` open, worked as a reader works it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from support.live_server import Client

from volsweep.session.session import Session
from volsweep.volume import LabelVolume

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
LAPTOP = {"width": 1366, "height": 768, "deviceScaleFactor": 1, "mobile": False}
TABLET = {"width": 1024, "height": 768, "deviceScaleFactor": 1, "mobile": True}
LONGEST_SECONDS = 240
QUIET = "no-sandbox use-gl=angle use-angle=swiftshader enable-unsafe-swiftshader disable-quic no-first-run"
QUIET += " disable-background-networking disable-component-update disable-sync"
_SETTLED = """
const done = arguments[arguments.length - 1], work = () => window.volsweep?.work()
const picture = () => new Promise((drawn) => requestAnimationFrame(drawn))
const settle = async () => {
  let order
  do {
    order = work()?.order
    await order
    do { await picture(); await picture() } while (volsweep.viewer.waiting)
  } while (order !== work()?.order)
}
settle().then(done)
"""
"""Two pictures: what changes the size of something is measured in the first."""


class Browser:
    """A browser with the page open."""

    def __init__(self, client: Client, folder: Path, screen: dict = LAPTOP) -> None:
        webdriver = pytest.importorskip("selenium.webdriver", reason="the extra `integration` is not installed")
        if not (Path(CHROMIUM).exists() and Path(DRIVER).exists()):
            pytest.skip("Chromium is not installed (tools/system-packages --integration)")
        from selenium.webdriver.chrome.service import Service

        self.client, self.touches = client, screen is TABLET
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for switch in ("headless=new", f"user-data-dir={folder}", *QUIET.split()):
            options.add_argument(f"--{switch}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        if self.touches:
            self.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 5})
        self.driver.set_script_timeout(LONGEST_SECONDS)
        self.go(client)

    def go(self, client: Client) -> None:
        self.driver.get("about:blank")
        self.driver.get(f"{client.url}/#token={client.options.token}")

    def js(self, text: str, *given):
        return self.driver.execute_script(text, *given)

    def until(self, text: str) -> None:
        end = time.monotonic() + LONGEST_SECONDS
        while not self.js(f"return {text}"):
            assert time.monotonic() < end, f"never: {text}; it says {self.find('#message').text!r}"
            time.sleep(0.1)

    def settle(self) -> None:
        """Wait until all that was asked of the server is done and shown, and every picture is drawn."""
        self.driver.execute_async_script(_SETTLED)

    def find(self, css: str):
        return self.driver.find_element("css selector", css)

    def press(self, css: str) -> None:
        from selenium.common.exceptions import StaleElementReferenceException

        self.until(f"document.querySelector({css!r}) && !document.querySelector({css!r}).disabled")
        while True:
            try:
                return self.find(css).click()
            except StaleElementReferenceException:  # sizes and trust came meanwhile: its list was made anew
                continue

    def key(self, keys: str) -> None:
        self.find("body").send_keys(keys)

    def open(self, name: str) -> None:
        # The reader's own work comes first, each folder when it was listed: wait for this very row.
        row = f"[...document.querySelectorAll('#start li > button')].find((one) => one.textContent === {name!r})"
        self.until(f"!!{row}")
        self.js(f"return {row}").click()
        self.opened()

    def opened(self) -> None:
        """Wait until a volume is open, and shown."""
        self.until("document.body.dataset.ready && volsweep.viewer.tiles().length == 4")
        self.settle()

    def point(self, x: float, y: float, plane: str = "axial") -> tuple[int, int]:
        """The point of the screen over a voxel of the slice that is shown in a plane."""
        self.settle()  # the ways between points and places are those of the last picture
        found = self.js(
            """const [x, y, plane] = arguments, { viewer, pointOf } = volsweep
            const tile = viewer.tiles().find((one) => one.plane === plane)
            const box = document.querySelector('#over').getBoundingClientRect()
            const { geometry } = viewer
            const zyx = geometry.fromPlane(plane, viewer.slice(plane), x, y)
            const [left, top] = pointOf(tile, geometry.toShown(zyx))
            return [left + box.left, top + box.top]""",
            x,
            y,
            plane,
        )
        return round(found[0]), round(found[1])

    def go_to(self, plane: str, index: int) -> None:
        self.js(f"volsweep.viewer.go({plane!r}, {index})")
        self.until(f"volsweep.viewer.slice({plane!r}) === {index}")
        self.settle()

    def drag(self, *places: tuple[float, float], plane: str = "axial") -> None:
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        points = [self.point(*place, plane) for place in places]
        for n, point in enumerate(points):
            actions = ActionBuilder(self.driver, duration=20)
            actions.pointer_action.move_to_location(*point)
            if n == 0:
                actions.pointer_action.pointer_down()
            actions.perform()
            self.settle()  # moves that wait for the same picture become one: a corner would be lost
        actions = ActionBuilder(self.driver, duration=20)
        actions.pointer_action.pointer_up()
        actions.perform()

    def touch(self, *paths: list[tuple[float, float]]) -> None:
        """Fingers go their ways side by side, in points of the screen; all are lifted at the end."""

        def tell(kind: str, at: int) -> None:
            there = [{"x": path[at][0], "y": path[at][1], "id": n} for n, path in enumerate(paths)]
            points = [] if kind == "touchEnd" else there
            self.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        tell("touchStart", 0)
        for at in range(1, len(paths[0])):
            tell("touchMove", at)
            self.settle()  # as with `drag`
        tell("touchEnd", -1)

    def done(self, actions: int) -> None:
        """Wait until so many actions are in the journal, and shown."""
        self.until(f"volsweep.work().state.actions === {actions} && !volsweep.work().progress")
        self.settle()

    def stacks(self) -> list[np.ndarray]:
        """Label volumes as they are drawn, axes as shown: what is seen, then what lies beneath."""
        number, values, stacks, shape = self.js(
            """const { voxels, stacks } = volsweep.viewer.bitmap
            const drawn = Array.from(voxels.keys()).filter((n) => voxels[n])
            return [drawn, drawn.map((n) => voxels[n]), stacks, volsweep.viewer.geometry.shown]"""
        )
        out = []
        for layer in range(max(1, *map(len, stacks))):
            labels = np.array([(*stack, *[0] * 9)[layer] for stack in stacks], np.uint16)
            flat = np.zeros(int(np.prod(shape)), np.uint16)
            flat[number] = labels[np.array(values, dtype=np.intp)]
            out.append(flat.reshape(shape[::-1]).transpose())
        return out

    def shown(self) -> np.ndarray:
        """The label volume as it is drawn, axes as shown."""
        return self.stacks()[0]

    def same_as(self, labels: LabelVolume) -> None:
        """What is drawn is this label volume, to the voxel."""
        from volsweep.serve.answers import as_displayed

        np.testing.assert_array_equal(self.shown(), as_displayed(labels.array_zyx, labels.grid))

    def same_stacks(self, session: Session) -> None:
        """What is drawn, and what lies beneath it, is what a session shows."""
        from volsweep.serve.answers import as_displayed

        layers, grid = session.shown.layers_zyx, session.volume.grid
        drawn = self.stacks()
        assert len(drawn) >= len(layers)
        for n, layer in enumerate(drawn):
            want = layers[n] if n < len(layers) else np.zeros_like(layers[0])
            np.testing.assert_array_equal(layer, as_displayed(want, grid))

    def shot(self, name: str) -> None:
        if folder := os.environ.get("VOLSWEEP_SHOTS"):
            self.settle()
            time.sleep(0.8)  # sizes and trust, too, which come a moment later
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(Path(folder) / f"{name}.png"))

    def complaints(self) -> list[str]:
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
