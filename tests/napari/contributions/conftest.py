"""Plugins as napari finds them."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def plugins():
    """Installed plugins, as a starting napari finds them."""
    from napari.plugins import _initialize_plugins

    _initialize_plugins()
