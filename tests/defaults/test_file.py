"""The file of defaults: where it is, what is read from it, and what is wrong with it."""

from __future__ import annotations

import json

import pytest

from volsweep import settings
from volsweep.defaults import Defaults, LabelRow, defaults_path, read_defaults, write_defaults
from volsweep.errors import SettingsError

CHOSEN = Defaults(window={"CT": "400/40"}, plane="coronal", format="seg.nrrd", labels={3: LabelRow(name="Läsion")})


def test_what_is_written_is_read(monkeypatch, tmp_path):
    monkeypatch.setenv("VOLSWEEP_DEFAULTS", str(tmp_path / "mine" / "d.json"))
    assert read_defaults() == Defaults(), "no file, nothing chosen"
    assert write_defaults(CHOSEN) == tmp_path / "mine" / "d.json" == defaults_path()
    assert read_defaults() == CHOSEN
    assert json.loads(defaults_path().read_text(encoding="utf-8"))["format"] == ".seg.nrrd"


def test_without_the_variable_it_is_in_the_users_folder_of_settings(monkeypatch, tmp_path):
    monkeypatch.delenv("VOLSWEEP_DEFAULTS", raising=False)
    monkeypatch.setattr(settings, "user_config_dir", lambda *_, **__: str(tmp_path / "volsweep"))
    assert defaults_path() == tmp_path / "volsweep" / "defaults.json"
    monkeypatch.setattr(settings, "user_config_dir", lambda *_, **__: "~/x")
    monkeypatch.setattr("pathlib.Path.expanduser", lambda self: self)
    assert read_defaults() == Defaults(), "a container's nameless user has none"
    with pytest.raises(SettingsError, match="VOLSWEEP_DEFAULTS"):
        defaults_path()


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "cannot be followed"), ('{"windw": {}}', "windw is not known here"), ('{"plane": "x"}', "plane 'x'")],
)
def test_a_file_that_cannot_be_followed_is_named_with_what_is_wrong(monkeypatch, tmp_path, text, told):
    path = tmp_path / "d.json"
    path.write_text(text)
    monkeypatch.setenv("VOLSWEEP_DEFAULTS", str(path))
    with pytest.raises(SettingsError, match=f"{path} .*{told}"):
        read_defaults()
