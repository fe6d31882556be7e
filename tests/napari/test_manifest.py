"""The manifest, as npe2 and napari read it."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from npe2 import PluginManager, PluginManifest

import volsweep

MANIFEST = Path(volsweep.__file__).parent / "napari" / "napari.yaml"


def test_the_manifest_is_valid_and_everything_in_it_can_be_imported():
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    contributions = manifest.contributions
    ids = {command.id for command in contributions.commands}
    used = {c.command for c in (*contributions.readers, *contributions.writers, *contributions.widgets)}
    used |= {item.command for items in contributions.menus.values() for item in items if hasattr(item, "command")}
    used |= {s.command for s in contributions.sample_data}
    assert used == ids


def test_napari_finds_it_by_its_entry_point():
    (found,) = (e for e in entry_points(group="napari.manifest") if e.name == "napari-volsweep")
    assert found.value == "volsweep.napari:napari.yaml"
    manager = PluginManager()
    manager.discover()
    assert "napari-volsweep" in manager
