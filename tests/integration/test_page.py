"""A real browser does what a reader does, and the file on the disk is the library's to the voxel.

`VOLSWEEP_SHOTS` names a folder that gets a picture of each step (docs/web.md shows them).
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.browser import LAPTOP, TABLET, Browser
from support.lit_finder import head, light, write_head
from support.live_server import options_of, serving, serving_apart, write_volume
from support.ports import free_port
from support.tiny_engine import TinySession
from support.voxtell_server import blosc2_of_zlib, voxtell

from volsweep.finder import BundledFinder
from volsweep.io import read_labels, read_objects, read_volume
from volsweep.io.contours import fill
from volsweep.io.dicom.samples import sample_folder
from volsweep.operations.kinds import CopySlice
from volsweep.serve.engines import load_engine
from volsweep.session.session import Session

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(900),
    # Selenium leaves the pipe to its driver to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

REPOSITORY = Path(__file__).resolve().parents[2]
LESION, SLICE = (55, 98, 86, 126), 20


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


def test_a_readers_work(browser, served):
    _, saved = served
    browser.shot("start")
    browser.open("ct_phantom")
    assert "token" not in browser.driver.current_url
    mine = Session(read_volume("sample:ct_phantom"), device="cpu")
    browser.go_to("axial", SLICE)

    # A box, and its mask at once.
    browser.drag(LESION[:2], (70, 110), LESION[2:])
    browser.done(1)
    (prompt,) = browser.js("return volsweep.work().state.prompts")
    assert np.abs(np.subtract(prompt["box_xyxy"], LESION)).max() <= 1
    mine.add_box(label=1, slice=SLICE, box_xyxy=prompt["box_xyxy"])
    browser.same_as(mine.labels)
    browser.shot("box")

    # Swept; its name, its colour.
    browser.press("#sweep")
    browser.done(2)
    mine.sweep(labels=[1])
    browser.same_as(mine.labels)
    browser.until("document.querySelectorAll('#strip i.sure').length > 0")
    browser.shot("swept")
    browser.js("""const name = document.querySelector('.object input[type=text]'); name.value = 'lesion'
        name.dispatchEvent(new Event('change'))""")
    browser.done(3)
    mine.name_label(1, "lesion")

    # A click that corrects, and one that is undone.
    browser.go_to("axial", SLICE + 3)
    browser.key("p")
    browser.drag((68, 128))
    browser.done(4)
    x, y = browser.js("return volsweep.work().state.prompts.find((one) => one.kind === 'point').point_xy")
    mine.add_point(label=1, point_zyx=(SLICE + 3, y, x))
    browser.same_as(mine.labels)
    browser.shot("corrected")
    browser.key("f")
    browser.until("volsweep.viewer.nv.scene.pan2Dxyzmm[3] > 1.5")
    browser.until("volsweep.viewer.tiles().length === 4")
    browser.shot("zoomed")
    browser.go_to("axial", SLICE + 3)
    browser.key("c")
    browser.drag((60, 106), (64, 110), (70, 114))  # on the object, which is what was zoomed to
    browser.done(5)
    path = browser.js("return volsweep.work().state.prompts.find((one) => one.kind === 'scribble').path_xy")
    assert np.abs(np.subtract(path[:2], (60, 106))).max() < 1, "a place is the same place when it is zoomed"
    assert np.abs(np.subtract(path[-2:], (70, 114))).max() < 1
    browser.key("f")
    browser.until("volsweep.viewer.nv.scene.pan2Dxyzmm[3] === 1")
    browser.press("#undo")
    browser.done(6)
    browser.same_as(mine.labels)

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
    browser.opened()
    browser.same_as(mine.labels)
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


def disc(shape_yx, from_xy, to_xy, wide):
    """Voxels no further than half its width from the way of a brush, and the one under its end."""
    y, x = np.mgrid[: shape_yx[0], : shape_yx[1]]
    (ax, ay), (bx, by) = from_xy, to_xy
    long2 = (bx - ax) ** 2 + (by - ay) ** 2
    along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / long2 if long2 else 0.0, 0, 1)
    return np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)) <= wide / 2


@pytest.fixture
def drawn_on(tmp_path, request):
    """A page over sessions of arithmetic, the phantom open on it, and the library's session beside it."""
    with serving(options_of(sample_folder()), tmp_path / "served") as client:
        browser = Browser(client, tmp_path / "browser", getattr(request, "param", LAPTOP))
        try:
            browser.open("ct_phantom")
            browser.go_to("axial", SLICE)
            yield browser, TinySession(read_volume("sample:ct_phantom"))
            # What a lock refuses is a status that Chromium notes, too.
            assert not [line for line in browser.complaints() if "409" not in line]
        finally:
            browser.driver.quit()


def test_axes_brush_eraser_lasso_and_ends(drawn_on):
    browser, mine = drawn_on

    # Both axes; the first alone is forgotten with Esc.
    browser.key("x")
    browser.drag((60, 112), (82, 112))
    browser.until("document.querySelector('#message').textContent.startsWith('Now the axis across it')")
    browser.key("\ue00c")
    browser.until("document.querySelector('#message').textContent === ''")
    browser.drag((58, 112), (84, 112))
    browser.until("volsweep.overlay.first !== null")
    browser.drag((71, 102), (71, 122))
    browser.done(1)
    (prompt,) = browser.js("return volsweep.work().state.prompts")
    assert prompt["kind"] == "recist"
    assert np.abs(np.subtract(prompt["axes_xyxy"], (58, 112, 84, 112, 71, 102, 71, 122))).max() < 1
    mine.add_recist(label=1, slice=SLICE, axes_xyxy=prompt["axes_xyxy"])
    browser.same_as(mine.labels)
    browser.shot("axes")

    # A brush: the voxels under its way are the object's, to the voxel; each stroke is undone alone.
    browser.key("r")
    browser.js(
        "document.querySelector('#size').value = 9; document.querySelector('#size').dispatchEvent(new Event('input'))"
    )
    browser.key("]")
    assert browser.js("return document.querySelector('#size').value") == "10"
    before = np.array(mine.label_slice(SLICE) == 1)
    browser.js(
        "window.ways = []; const p = volsweep.pointing, f = p.events.painted;"
        "p.events.painted = (plane, z, a, b) => { ways.push([a.x, a.y, b.x, b.y]); f(plane, z, a, b) }"
    )
    browser.drag((90, 130), (104, 136))
    browser.done(2)
    ways = browser.js("return ways")
    assert np.abs(np.subtract(ways[0][:2], (90, 130))).max() < 1
    assert np.abs(np.subtract(ways[-1][2:], (104, 136))).max() < 1
    under = np.any([disc(before.shape, way[:2], way[2:], 10) for way in ways], axis=0)
    mine.add_mask(label=1, slice=SLICE, mask_yx=before | under)
    browser.same_as(mine.labels)
    browser.shot("brush")
    browser.key("e")
    browser.js("ways.length = 0")
    browser.drag((60, 110), (80, 110))
    browser.done(3)
    away = np.any([disc(before.shape, way[:2], way[2:], 10) for way in browser.js("return ways")], axis=0)
    mine.add_mask(label=1, slice=SLICE, mask_yx=(before | under) & ~away)
    browser.same_as(mine.labels)
    browser.press("#undo")
    browser.done(4)
    mine.undo()
    browser.same_as(mine.labels)

    # A lasso encloses what the library's own rule says.
    browser.key("l")
    browser.js(
        "window.outline = null; const o = volsweep.pointing, g = o.events.drawn;"
        "o.events.drawn = (tool, stroke, away) => { outline = stroke.path; g(tool, stroke, away) }"
    )
    browser.drag((40, 150), (60, 150), (66, 165), (44, 170))
    browser.done(5)
    outline = [(one["x"], one["y"]) for one in browser.js("return outline")]
    inside = fill([outline], before.shape)
    assert 200 < inside.sum() < 600
    mine.add_mask(label=1, slice=SLICE, mask_yx=before | under | inside)
    browser.same_as(mine.labels)

    # A box in the plane beside it: where the object begins and ends; then what it shows, on the next slice.
    browser.go_to("coronal", 112)
    browser.key("b")
    browser.drag((50, 14), (90, 27), plane="coronal")
    browser.done(6)
    (extent,) = browser.js("return volsweep.work().state.extents")
    assert (extent["plane"], extent["drawn"]["plane"], extent["drawn"]["slice"]) == ("axial", "coronal", 112)
    assert abs(extent["first"] - 14) <= 1
    assert abs(extent["last"] - 27) <= 1
    drawn = extent["drawn"]
    mine.set_side_box(label=1, side="coronal", slice=112, box_xyxy=drawn["box_xyxy"])
    (same,) = mine.state.extents
    assert (same.first, same.last) == (extent["first"], extent["last"])
    browser.until("document.querySelector('#message').textContent.startsWith('axial slices')")
    browser.shot("ends")
    browser.go_to("axial", SLICE)
    browser.js(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowUp', ctrlKey: true, bubbles: true}))"
    )
    browser.done(7)
    browser.until(f"volsweep.viewer.slice('axial') === {SLICE + 1}")
    mine.operate(CopySlice(plane="axial", slice=SLICE, to=SLICE + 1), label=1)
    browser.same_as(mine.labels)

    # What a lock holds is not painted over: the picture is again what it was.
    browser.key("k")
    browser.done(8)
    mine.lock(1)
    browser.key("r")
    browser.drag((120, 120))
    browser.until("document.querySelector('#message').className === 'bad'")
    browser.same_as(mine.labels)
    browser.key("t")
    browser.until("volsweep.viewer.nv.drawRimOpacity === 1")
    browser.shot("outlined")
    browser.key("t")
    browser.key(",")
    browser.until("volsweep.viewer.nv.drawRimOpacity === -1 && Math.abs(volsweep.viewer.nv.drawOpacity - 0.4) < 1e-6")


@pytest.mark.parametrize("drawn_on", [TABLET], indirect=True, ids=["1024x768"])
def test_fingers(drawn_on):
    browser, mine = drawn_on
    assert browser.js("return matchMedia('(pointer: coarse)').matches")
    assert browser.js("return [innerWidth, innerHeight]") == [1024, 768]
    assert browser.js("return document.documentElement.scrollWidth") <= 1024
    for button in browser.driver.find_elements("css selector", "header button, aside button, footer button"):
        box = button.rect
        assert not button.is_displayed() or (box["height"] >= 36 and box["x"] + box["width"] <= 1024), button.text

    # A finger that drags draws the box; one that taps is a click on the object.
    a, b = browser.point(*LESION[:2]), browser.point(*LESION[2:])
    browser.touch([a, ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2), b, b])
    browser.done(1)
    (prompt,) = browser.js("return volsweep.work().state.prompts")
    assert np.abs(np.subtract(prompt["box_xyxy"], LESION)).max() <= 2
    mine.add_box(label=1, slice=SLICE, box_xyxy=prompt["box_xyxy"])
    browser.same_as(mine.labels)
    browser.shot("tablet")
    browser.touch([browser.point(68, 128)] * 2)
    browser.done(2)
    click = browser.js("return volsweep.work().state.prompts.find((one) => one.kind === 'point')")
    assert click["positive"]
    assert np.abs(np.subtract(click["point_xy"], (68, 128))).max() <= 1
    mine.add_point(label=1, point_zyx=(SLICE, *click["point_xy"][::-1]))
    browser.same_as(mine.labels)

    # With a tool that clicks, one finger goes through the slices; at the edge it does with every tool.
    browser.press("#tools button:nth-child(1)")
    x, y = browser.point(128, 128)
    browser.touch([(x, y - 40), (x, y), (x, y + 40), (x, y + 60)])
    browser.until(f"volsweep.viewer.slice('axial') < {SLICE}")
    left, top, width, height = browser.js(
        "const t = volsweep.viewer.tiles().find((one) => one.plane === 'axial'), b = document.querySelector('#over')"
        ".getBoundingClientRect(); return [t.left + b.left, t.top + b.top, t.width, t.height]"
    )
    browser.press("#tools button:nth-child(2)")
    edge = left + width - 8
    browser.touch([(edge, top + height / 2), (edge, top + height / 4), (edge, top + height / 4)])
    browser.until("volsweep.viewer.slice('axial') === 29")
    assert browser.js("return volsweep.work().state.actions") == 2

    # Two fingers zoom: what was under them stays there; and nothing is drawn meanwhile.
    here = browser.point(70, 112)
    spread = [[(here[0] + side * (20 + 8 * n), here[1]) for n in range(8)] for side in (-1, 1)]
    browser.touch(*spread)
    browser.until("volsweep.viewer.nv.scene.pan2Dxyzmm[3] > 2")
    assert np.abs(np.subtract(browser.point(70, 112), here)).max() <= 12
    assert browser.js("return volsweep.work().state.actions") == 2
    assert browser.js("return volsweep.overlay.stroke") is None
    browser.shot("tablet-zoomed")

    # Painted with a finger; a second one that comes takes the stroke back.
    browser.press("#tools button:nth-child(9)")
    shown = browser.shown()
    start = browser.point(70, 112)
    browser.touch([start, (start[0] + 30, start[1]), (start[0] + 30, start[1])])
    browser.done(3)
    assert (browser.shown() != shown).any()
    browser.press("#undo")
    browser.done(4)
    np.testing.assert_array_equal(browser.shown(), shown)
    browser.same_as(mine.labels)


def test_an_organ_by_its_name(tmp_path, monkeypatch):
    light(monkeypatch)
    volume = head()
    scans = tmp_path / "scans"
    scans.mkdir()
    write_volume(scans / "a.nii.gz")
    for slices in ("CT.1.2.840.1", "CT.1.2.840.2"):
        (scans / slices).touch()
    made = lambda _, *given, **more: TinySession(volume, *given, **more)  # noqa: E731
    with serving(options_of(scans), tmp_path / "served", made) as client:
        browser = Browser(client, tmp_path / "browser")
        try:
            browser.open("a.nii.gz")
            listed = browser.js(
                "return [...document.querySelectorAll('#start li > button')].map((one) => one.textContent)"
            )
            assert listed == ["This folder · 2 slices", "a.nii.gz"]
            browser.until("document.querySelectorAll('#find-names option').length === 7")
            field = browser.find("#find-words")
            field.send_keys("parotid gland")
            browser.press("#find button")
            browser.until("document.querySelector('#message').className === 'bad'")
            assert "say which" in browser.find("#message").text
            field.clear()
            field.send_keys("Glandula parotis dextra; brain stem")
            browser.press("#find button")
            browser.until("document.querySelectorAll('.proposal').length === 2")
            (found,) = BundledFinder().find(volume, ["right parotid"])
            mine = TinySession(volume, device="cpu")
            prompts = found.prompts(mine.plane, volume.grid, 1)
            browser.until(f"volsweep.viewer.slice('axial') === {prompts.prompts[0].slice}")
            assert not browser.js("return volsweep.work().state.prompts")
            browser.shot("found")
            browser.press(".proposal button:nth-child(2)")
            browser.done(1)
            mine.load_prompts(prompts)
            browser.same_as(mine.labels)
            assert browser.js("return volsweep.work().state.labels[0].name") == "right parotid gland"
            browser.press(".proposal button:nth-child(3)")
            browser.until("document.querySelectorAll('.proposal').length === 0")
            assert browser.js("return volsweep.work().state.actions") == 1
        finally:
            browser.driver.quit()


def test_what_the_finder_draws_itself(tmp_path, monkeypatch):
    light(monkeypatch)
    scans = tmp_path / "scans"
    scans.mkdir()
    write_head(scans / "head.nii.gz")
    kinds = "return [...document.querySelectorAll('#strip i')].map((one) => one.className.split(' ')[0])"
    with serving(options_of(scans), tmp_path / "served") as client:
        browser = Browser(client, tmp_path / "browser")
        try:
            number = client.open("head.nii.gz", modality="CT")["id"]
            browser.js(f"sessionStorage.setItem('volsweep-session', '{number}')")
            browser.go(client)
            browser.opened()
            field = browser.find("#find-words")
            field.send_keys("Unterkiefer; left parotid")
            browser.press("#find button")
            browser.until("document.querySelectorAll('.proposal').length === 2")
            jaw = client.post(f"/sessions/{number}/find", {"words": ["mandible"]})["proposals"][0]
            zyx = [jaw["slice"], *reversed(jaw["point_xy"])]
            browser.until(f"`${{volsweep.viewer.zyx.map(Math.round)}}` === '{','.join(map(str, zyx))}'")
            buttons = [row.text.split("\n") for row in browser.driver.find_elements("css selector", ".proposal")]
            assert [one[1:] for one in buttons] == [["Accept", "Box", "×"], ["Accept", "×"]]
            browser.press(".proposal button:nth-child(2)")
            browser.done(1)
            mine = TinySession(read_volume(scans / "head.nii.gz", modality="CT"), device="cpu")
            (jaw,) = BundledFinder().find(mine.volume, ["mandible"])
            mine.take(jaw, label=1)
            browser.same_as(mine.labels)
            assert "the finder drew it" in browser.find("#message").text
            assert not browser.js("return volsweep.work().state.prompts")
            assert browser.find("#sweep").get_attribute("disabled") is not None, "it is complete"
            trust = mine.trust(1)
            count = mine.volume.shape_zyx[0]
            wanted = ["" if z not in trust else "doubtful" if trust[z].doubtful else "finder" for z in range(count)]
            browser.until(f"document.querySelectorAll('#strip i:is(.finder, .doubtful)').length === {len(trust)}")
            assert [
                one if one in ("doubtful", "finder", "prompted", "sure") else "" for one in browser.js(kinds)
            ] == wanted
            browser.go_to("axial", 4)
            browser.until("document.querySelector('#trust').textContent.includes('drawn by the finder')")
            browser.shot("outlined")
            browser.key("s")
            browser.until("document.querySelector('#message').textContent.includes('it is complete')")
            # Its slice is the reader's once they click there; the others stay as they are.
            browser.press("#tools button:nth-child(3)")
            browser.drag((30, 10))
            browser.done(2)
            browser.until("document.querySelectorAll('#strip i.prompted').length === 1")
            mine.add_point(label=1, point_zyx=(4, 10, 30))
            browser.same_as(mine.labels)
            browser.press("#undo")
            browser.press("#undo")
            browser.until("volsweep.work().state.labels.length === 0")
            browser.settle()
            assert not browser.shown().any()
            # The other one is a box; and so is what is taken by its box.
            browser.press(".proposal button:nth-child(2)")
            browser.until("volsweep.work().state.prompts.length === 1")
            field.clear()
            field.send_keys("mandible")
            browser.press("#find button")
            browser.until("document.querySelectorAll('.proposal').length === 1")
            browser.press(".proposal button:nth-child(3)")
            browser.until("volsweep.work().state.prompts.length === 2")
            kind, box = browser.js("const [, it] = volsweep.work().state.prompts; return [it.kind, it.box_xyxy]")
            assert (kind, box) == ("box", list(jaw.section(mine.plane, mine.volume.grid).box_xyxy))
            assert not browser.complaints()
        finally:
            browser.driver.quit()


def test_a_finder_that_gives_no_score_and_where_voxels_go(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "blosc2", blosc2_of_zlib())
    volume = head()
    scans = tmp_path / "scans"
    scans.mkdir()
    write_volume(scans / "a.nii.gz")
    made = lambda _, *given, **more: TinySession(volume, *given, **more)  # noqa: E731
    with voxtell() as other:
        options = replace(options_of(scans), finder=other.url, send_voxels=True)
        with serving(options, tmp_path / "served", made) as client:
            browser = Browser(client, tmp_path / "browser")
            try:
                browser.open("a.nii.gz")
                browser.until(f"document.querySelector('#find-by').textContent.includes('{other.url}')")
                browser.find("#find-words").send_keys("very bright")
                browser.press("#find button")
                browser.until("document.querySelectorAll('.proposal').length === 1")
                assert browser.find(".proposal button").text == "very bright"
                browser.shot("found-without-score")
                browser.press(".proposal button:nth-child(2)")
                browser.done(1)
                assert browser.js("return volsweep.work().state.labels[0].name") == "very bright"
                assert not browser.complaints()
            finally:
                browser.driver.quit()


def test_objects_that_overlap(drawn_on, tmp_path):
    browser, mine = drawn_on
    browser.drag((50, 90), (100, 140))
    browser.done(1)
    browser.press("#add")
    browser.drag((80, 120), (120, 150))
    browser.done(2)
    for prompt in browser.js("return volsweep.work().state.prompts"):
        mine.add_box(label=prompt["label"], slice=SLICE, box_xyxy=prompt["box_xyxy"])
    browser.same_stacks(mine)

    # The switch, on the page: what lies beneath is seen through what lies over it.
    browser.press(".object[data-label='2'] button[title^='How it lies']")
    browser.press("#lies input[type=checkbox]")
    browser.done(3)
    mine.let_overlap(2)
    browser.same_stacks(mine)
    assert len(mine.shown.layers_zyx) == 2
    browser.shot("lies")
    browser.press("#lies > button")
    assert browser.find(".object[data-label='2'] small").text == "may overlap"
    mixed = browser.js(
        "const { stacks } = volsweep.viewer.bitmap, { lut } = volsweep.viewer.nv.drawLut;"
        "return [...lut.slice(4 * stacks.findIndex((one) => one.length > 1)).slice(0, 3)]"
    )
    colors = [mine.state.labels[n].color for n in (1, 2)]
    ends = np.array([[int(color[at : at + 2], 16) for at in (1, 3, 5)] for color in colors])
    assert np.abs(mixed - ends.mean(axis=0)).max() <= 1

    # Painted where the other one lies over it; swept, so that it is the larger; taken back.
    browser.key("r")
    before = mine.shown.held(2, (mine.plane, SLICE))
    browser.drag((90, 130), (70, 130))
    browser.done(4)
    browser.until("volsweep.work().state.prompts.some((one) => one.kind === 'mask')")
    holding = browser.stacks()
    flat = np.any([layer == 2 for layer in holding], axis=0)
    mask = np.moveaxis(flat[::1], 2, 0)  # shown axes (x, y, z) of one slice
    own = (
        mask[SLICE].T[::-1] if browser.js("return volsweep.work().opened.volume.display[1].flipped") else mask[SLICE].T
    )
    if browser.js("return volsweep.work().opened.volume.display[0].flipped"):
        own = own[:, ::-1]
    assert (own | before).sum() == own.sum() > before.sum(), "nothing of it is lost where the other lies over it"
    mine.add_mask(label=2, slice=SLICE, mask_yx=own)
    browser.same_stacks(mine)
    browser.press("#sweep")
    browser.done(5)
    mine.sweep(labels=[2])
    browser.same_stacks(mine)
    browser.shot("overlap")
    browser.press("#undo")
    browser.done(6)
    mine.undo()
    browser.same_stacks(mine)

    # Saved whole.
    number = browser.js("return volsweep.work().opened.id")
    told = browser.client.post(f"/sessions/{number}/exports", {"name": "x.nii.gz"}, 201)
    for file in told["files"]:
        answer = browser.client.get(f"/sessions/{number}/exports/{file}")
        (tmp_path / file).write_bytes(answer.content)
    found = read_objects(tmp_path / "x.nii.gz")
    for label in (1, 2):
        np.testing.assert_array_equal(found.mask_zyx(label), mine.objects.mask_zyx(label))


def test_two_windows_on_the_same_work(drawn_on):
    """What one does the other shows, before anything is saved from it."""
    browser, mine = drawn_on
    number = browser.js("return volsweep.work().opened.id")
    browser.drag((50, 90), (100, 140))
    browser.done(1)
    (prompt,) = browser.js("return volsweep.work().state.prompts")
    mine.add_box(label=1, slice=SLICE, box_xyxy=prompt["box_xyxy"])
    browser.client.box(number, 2, 10, (120, 120, 140, 150))  # the other window
    mine.add_box(label=2, slice=10, box_xyxy=(120, 120, 140, 150))
    browser.key("p")
    browser.drag((60, 130))
    browser.done(3)
    click = browser.js("return volsweep.work().state.prompts.find((one) => one.kind === 'point')")
    mine.add_point(label=1, point_zyx=(SLICE, *click["point_xy"][::-1]))
    browser.until("volsweep.work().state.labels.length === 2")
    browser.settle()
    browser.same_as(mine.labels)
    browser.client.act(number, {"action": "undo"})
    mine.undo()
    browser.js("window.dispatchEvent(new Event('focus'))")
    browser.done(4)
    browser.same_as(mine.labels)
    browser.client.act(number, {"action": "undo"})
    browser.press("#save")
    browser.until("document.querySelector('#save-down')")
    browser.press("#save-down")
    browser.until("document.querySelector('#save-said').textContent.startsWith('Something was done in another window')")
    browser.settle()
    mine.undo()
    browser.same_as(mine.labels)


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


def test_work_is_there_again_after_the_server_was_killed(tmp_path):
    scans, port = tmp_path / "scans", free_port()
    scans.mkdir()
    write_volume(scans / "a.nii.gz")
    mine = TinySession(read_volume(scans / "a.nii.gz"), device="cpu")
    with serving_apart(scans, tmp_path / "served", port) as (client, server):
        browser = Browser(client, tmp_path / "browser")
        try:
            browser.open("a.nii.gz")
            box = {"kind": "box", "label": 1, "plane": "axial", "slice": 4, "box_xyxy": [6, 6, 14, 12]}
            browser.js("volsweep.work().act({action: 'add_prompts', prompts: [arguments[0]]})", box)
            browser.done(1)
            mine.add_box(label=1, slice=4, box_xyxy=(6, 6, 14, 12))
            browser.same_as(mine.labels)
            server.kill()
            server.wait()
            browser.js("volsweep.work().act({action: 'undo'})")
            browser.until("document.querySelector('#message').className === 'bad'")
            with serving_apart(scans, tmp_path / "served", port) as (again, _):
                browser.go(again)
                browser.opened()
                browser.same_as(mine.labels)
                browser.js("volsweep.work().act({action: 'undo'})")
                mine.undo()
                browser.until("volsweep.work().state.prompts.length === 0")
                browser.settle()
                browser.same_as(mine.labels)
        finally:
            browser.driver.quit()
