"""A real browser does what a reader does, and the file on the disk is the library's to the voxel.

`VOLSWEEP_SHOTS` names a folder that gets a picture of each step (docs/web.md shows them).
"""

from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.live_server import Client, options_of, serving

from volsweep.io import read_labels, read_volume
from volsweep.io.dicom.samples import sample_folder
from volsweep.serve.engines import load_engine
from volsweep.session.session import Session

webdriver = pytest.importorskip("selenium.webdriver", reason="the extra `integration` is not installed")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    # Selenium leaves the pipe to its driver to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
SIZE = {"width": 1366, "height": 768, "deviceScaleFactor": 1, "mobile": False}
QUIET = "no-sandbox use-gl=angle use-angle=swiftshader enable-unsafe-swiftshader disable-quic no-first-run"
QUIET += " disable-background-networking disable-component-update disable-sync"
LESION, SLICE = (55, 98, 86, 126), 20


class Browser:
    """A browser with the page open."""

    def __init__(self, client: Client, folder: Path) -> None:
        if not (Path(CHROMIUM).exists() and Path(DRIVER).exists()):
            pytest.skip("Chromium is not installed (tools/system-packages --integration)")
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for switch in ("headless=new", f"user-data-dir={folder}", *QUIET.split()):
            options.add_argument(f"--{switch}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SIZE)
        self.driver.set_script_timeout(60)
        self.go(client)

    def go(self, client: Client) -> None:
        self.driver.get("about:blank")
        self.driver.get(f"{client.url}/#token={client.options.token}")

    def js(self, text: str, *given):
        return self.driver.execute_script(text, *given)

    def until(self, text: str, seconds: float = 240) -> None:
        end = time.monotonic() + seconds
        while not self.js(f"return {text}"):
            assert time.monotonic() < end, f"never: {text}; it says {self.find('#message').text!r}"
            time.sleep(0.1)

    def find(self, css: str):
        return self.driver.find_element("css selector", css)

    def press(self, css: str) -> None:
        self.until(f"document.querySelector({css!r}) && !document.querySelector({css!r}).disabled")
        self.find(css).click()

    def key(self, keys: str) -> None:
        self.find("body").send_keys(keys)

    def open(self, name: str) -> None:
        self.until("document.querySelectorAll('#start li > button').length > 0")
        (row,) = [one for one in self.driver.find_elements("css selector", "#start li > button") if one.text == name]
        row.click()
        self.until("document.body.dataset.ready && volsweep.viewer.tiles().length == 4")

    def point(self, x: float, y: float) -> tuple[int, int]:
        """The point of the screen over a voxel of the axial slice that is shown."""
        found = self.js(
            """const [x, y] = arguments, { viewer, pointOf } = volsweep
            const tile = viewer.tiles().find((one) => one.plane === 'axial')
            const box = document.querySelector('#over').getBoundingClientRect()
            const { geometry } = viewer
            const zyx = geometry.fromPlane('axial', viewer.slice('axial'), x, y)
            const [left, top] = pointOf(tile, geometry.toShown(zyx))
            return [left + box.left, top + box.top]""",
            x,
            y,
        )
        return round(found[0]), round(found[1])

    def drag(self, *places: tuple[float, float]) -> None:
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        actions = ActionBuilder(self.driver, duration=20)
        mouse = actions.pointer_action
        mouse.move_to_location(*self.point(*places[0])).pointer_down()
        for place in places[1:]:
            mouse.move_to_location(*self.point(*place))
        mouse.pointer_up()
        actions.perform()

    def done(self, actions: int) -> None:
        """Wait until so many actions are in the journal, and shown."""
        self.until(f"volsweep.work().state.actions === {actions} && !volsweep.work().progress")

    def shown(self) -> np.ndarray:
        """The label volume as it is drawn, axes as shown."""
        number = self.js(
            "return Array.from(volsweep.viewer.bitmap.voxels.keys()).filter((n) => volsweep.viewer.bitmap.voxels[n])"
        )
        values = self.js("return Array.from(volsweep.viewer.bitmap.voxels.filter((v) => v))")
        shape = self.js("return volsweep.viewer.geometry.shown")
        out = np.zeros(int(np.prod(shape)), np.uint8)
        out[number] = values
        return out.reshape(shape[::-1]).transpose()

    def shot(self, name: str) -> None:
        if folder := os.environ.get("VOLSWEEP_SHOTS"):
            time.sleep(0.8)
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.driver.save_screenshot(str(Path(folder) / f"{name}.png"))

    def complaints(self) -> list[str]:
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]


@pytest.fixture
def served(tmp_path):
    saved = tmp_path / "saved"
    saved.mkdir()
    options = replace(options_of(sample_folder()), save_to=saved)
    with serving(options, tmp_path / "served", Session, load_engine) as client:
        yield client, saved


@pytest.fixture
def browser(served, tmp_path):
    made = Browser(served[0], tmp_path / "browser")
    yield made
    made.driver.quit()


def same_as_drawn(browser: Browser, labels_zyx: np.ndarray) -> None:
    from volsweep.serve.answers import as_displayed

    grid = read_volume("sample:ct_phantom").grid
    np.testing.assert_array_equal(browser.shown(), as_displayed(labels_zyx, grid))


def test_a_readers_work(browser, served):
    _, saved = served
    browser.shot("start")
    browser.open("ct_phantom")
    assert "token" not in browser.driver.current_url
    mine = Session(read_volume("sample:ct_phantom"), device="cpu")
    browser.js(f"volsweep.viewer.go('axial', {SLICE})")
    browser.until(f"volsweep.viewer.slice('axial') === {SLICE}")

    # A box, and its mask at once.
    time.sleep(0.5)
    browser.drag(LESION[:2], (70, 110), LESION[2:])
    browser.done(1)
    (prompt,) = browser.js("return volsweep.work().state.prompts")
    assert np.abs(np.subtract(prompt["box_xyxy"], LESION)).max() <= 1
    mine.add_box(label=1, slice=SLICE, box_xyxy=prompt["box_xyxy"])
    same_as_drawn(browser, mine.labels.array_zyx)
    browser.shot("box")

    # Swept; its name, its colour.
    browser.press("#sweep")
    browser.done(2)
    mine.sweep(labels=[1])
    same_as_drawn(browser, mine.labels.array_zyx)
    browser.until("document.querySelectorAll('#strip i.sure').length > 0")
    browser.shot("swept")
    browser.js("""const name = document.querySelector('.object input[type=text]'); name.value = 'lesion'
        name.dispatchEvent(new Event('change'))""")
    browser.done(3)
    mine.name_label(1, "lesion")

    # A click that corrects, and one that is undone.
    browser.js(f"volsweep.viewer.go('axial', {SLICE + 3})")
    browser.until(f"volsweep.viewer.slice('axial') === {SLICE + 3}")
    browser.key("p")
    time.sleep(0.5)
    browser.drag((68, 128))
    browser.done(4)
    x, y = browser.js("return volsweep.work().state.prompts.find((one) => one.kind === 'point').point_xy")
    mine.add_point(label=1, point_zyx=(SLICE + 3, y, x))
    same_as_drawn(browser, mine.labels.array_zyx)
    browser.shot("corrected")
    browser.key("f")
    browser.until("volsweep.viewer.nv.scene.pan2Dxyzmm[3] > 1.5")
    browser.until("volsweep.viewer.tiles().length === 4")
    time.sleep(0.5)
    browser.shot("zoomed")
    browser.js(f"volsweep.viewer.go('axial', {SLICE + 3})")
    browser.until(f"volsweep.viewer.slice('axial') === {SLICE + 3}")
    browser.key("c")
    browser.drag((60, 140), (64, 146), (70, 150))
    browser.done(5)
    path = browser.js("return volsweep.work().state.prompts.find((one) => one.kind === 'scribble').path_xy")
    assert np.abs(np.subtract(path[:2], (60, 140))).max() < 1, "a place is the same place when it is zoomed"
    assert np.abs(np.subtract(path[-2:], (70, 150))).max() < 1
    browser.key("f")
    browser.until("volsweep.viewer.nv.scene.pan2Dxyzmm[3] === 1")
    browser.press("#undo")
    browser.done(6)
    same_as_drawn(browser, mine.labels.array_zyx)

    # Saved, and the same on the disk.
    browser.press("#save")
    browser.until("document.querySelector('#save-folder') && !document.querySelector('#save-folder').hidden")
    browser.press("#save-folder")
    browser.until("document.querySelector('#save-said').textContent.includes('SHA-256')")
    browser.shot("saved")
    found = read_labels(saved / "ct_phantom-labels.nii.gz")
    np.testing.assert_array_equal(found.array_zyx, mine.labels.array_zyx)
    assert found.labels[1].name == "lesion"
    assert found.array_zyx.any()
    browser.press("#save-done")

    # A page that is loaded again finds its work; so does one that comes with the address.
    browser.driver.refresh()
    browser.until("document.body.dataset.ready && volsweep.viewer.tiles().length == 4")
    same_as_drawn(browser, mine.labels.array_zyx)
    assert browser.js("return volsweep.work().state.labels[0].name") == "lesion"
    assert not browser.complaints()


def test_wheel_window_layouts_and_keys(browser, served):
    browser.open("ct_phantom")
    before = browser.js("return [volsweep.viewer.slice('axial'), volsweep.viewer.nv.volumes[0].cal_max]")
    x, y = browser.point(128, 128)
    browser.driver.execute_cdp_cmd(
        "Input.dispatchMouseEvent", {"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": 100}
    )
    browser.until(f"volsweep.viewer.slice('axial') === {before[0] - 1}")
    browser.key("1")
    browser.until("volsweep.viewer.nv.volumes[0].cal_max === 150 && volsweep.work().state.window[0] === -600")
    browser.key("0")
    browser.until(f"volsweep.viewer.nv.volumes[0].cal_max === {before[1]}")
    browser.key("o")
    browser.until("volsweep.viewer.tiles().length === 1 && volsweep.viewer.tiles()[0].plane === 'axial'")
    browser.key("?")
    browser.until("document.querySelector('#help').open")
    browser.shot("keys")
    assert not browser.complaints()


def test_a_wrong_token_is_said(served, tmp_path):
    client, _ = served
    client.options = replace(client.options, token="x" * 40)
    browser = Browser(client, tmp_path / "other")
    try:
        browser.until("document.querySelector('#start .error')?.textContent.includes('token is missing or wrong')")
    finally:
        browser.driver.quit()


def test_the_bundle_is_made_again_to_the_byte(tmp_path):
    if shutil.which("npm") is None:
        pytest.skip("Node.js is not installed")
    web = tmp_path / "web"
    shutil.copytree(REPOSITORY / "web", web, ignore=shutil.ignore_patterns("node_modules"))
    for command in (
        ["npm", "ci", "--silent"],
        ["npm", "run", "--silent", "check"],
        ["node", "build.mjs", str(tmp_path / "made")],
    ):
        subprocess.run(command, cwd=web, check=True, timeout=600)
    shipped = REPOSITORY / "src/volsweep/serve/static"
    names = sorted(path.name for path in shipped.iterdir())
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == names
    assert filecmp.cmpfiles(shipped, tmp_path / "made", names, shallow=False)[0] == names
