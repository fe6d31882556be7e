"""The page as it is shipped: whole, small, made of what the lock file names, and asking nobody but its server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import requests

REPOSITORY = Path(__file__).resolve().parents[2]
STATIC, WEB = REPOSITORY / "src/volsweep/serve/static", REPOSITORY / "web"


def test_it_is_served_without_a_token_and_with_a_policy(client):
    for path, kind in (("/", "text/html"), ("/app.js", "javascript"), ("/style.css", "text/css")):
        answer = requests.get(client.url + path, timeout=120)
        assert answer.status_code == 200
        assert kind in answer.headers["content-type"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert requests.get(client.url + "/../options.py", timeout=120).status_code == 404
    assert requests.get(client.url + "/%2e%2e/options.py", timeout=120).status_code == 404


def test_it_is_small_and_refers_to_nothing_elsewhere():
    assert (STATIC / "app.js").stat().st_size < 3 * 2**20
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    for reference in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert reference.startswith("data:") or (STATIC / reference).is_file(), reference
    assert page == (WEB / "index.html").read_text(encoding="utf-8")


def test_the_lock_file_names_no_registry_and_every_package_by_its_hash():
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: told for name, told in lock["packages"].items() if name}
    assert packages
    for name, told in packages.items():
        assert "resolved" not in told, name
        assert told["integrity"].startswith("sha512-"), name
    wanted = json.loads((WEB / "package.json").read_text(encoding="utf-8"))
    for name, version in {**wanted["dependencies"], **wanted["devDependencies"]}.items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_licences_of_all_that_is_in_it_come_with_it():
    text = (STATIC / "LICENSES.txt").read_text(encoding="utf-8")
    lock = json.loads((WEB / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    bundled = [
        name.removeprefix("node_modules/")
        for name, told in lock.items()
        if name and not told.get("dev") and not told.get("optional")
    ]
    for name in bundled:
        assert name.rpartition("/")[2].lower() in text.lower(), name


def test_page_and_server_have_the_same_doors():
    from volsweep.serve.app import DOORS

    sources = "".join(path.read_text(encoding="utf-8") for path in (WEB / "src").glob("*.ts"))
    asked = set(re.findall(r"(?:get|post|remove|bytes|blob)\(\s*[`']([^`']*)[`']", sources))
    asked |= set(re.findall(r"frames\('\w+', [`']([^`']*)[`']", sources))
    known = [re.sub(r"{\w+}", "[^/]+", door.plain) for door in DOORS]
    asked = {path for path in asked if path.startswith(("/", "$")) or not path}
    for path in asked:
        path = path.replace("${this.path}", "/sessions/x")
        path = re.sub(r"\$\{[^}]*\}", "x", path)
        assert any(re.fullmatch(pattern, path) for pattern in known), path
    assert len(asked) > 12


def test_its_keys_are_those_of_the_plugin():
    """Whoever works in both finds the same tool under the same key; the page has no polygon, ruler and angle."""
    keys_file = pytest.importorskip("volsweep.napari.keys", reason="the extra `napari` is not installed")
    from volsweep.napari.reading.looks import PRESET_KEYS

    text = (WEB / "src/keys.ts").read_text(encoding="utf-8")
    (table,) = re.findall(r"TOOL_KEYS: Record<Tool, string> = {(.*?)}", text, re.DOTALL)
    tools = dict(re.findall(r"'?([\w+-]+)'?: '([\w-]+)'", table))
    assert tools.pop("look") == keys_file.TOOL_KEYS["pan"]
    assert set(keys_file.TOOL_KEYS) - set(tools) == {"pan", "polygon", "ruler", "angle"}
    assert tools == {tool: keys_file.TOOL_KEYS[tool] for tool in tools}
    main = (WEB / "src/main.ts").read_text(encoding="utf-8")
    (does,) = re.findall(r"const DO: Record<string, \(\) => void> = {(.*?)\n}", main, re.DOTALL)
    known = {
        (plain or quoted).replace("Arrow", "") for plain, quoted in re.findall(r"(?m)^  (?:(\w+)|'([^']+)'):", does)
    }
    plugins = set(keys_file.bindings(MagicMock(), MagicMock())) - set(keys_file.TOOL_KEYS.values())
    assert plugins <= known
    assert {"T", ",", ".", "H", "F", "O", "?"} <= known
    assert len(PRESET_KEYS) == 8  # the digits are places in its list of windows
