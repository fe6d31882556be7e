"""File dialogs: where they open, and whether what is there may be replaced."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QSettings, QStandardPaths
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from volsweep.errors import SettingsError
from volsweep.settings import data_folder

_KEY = "folders/{}"


def remembered(what: str, otherwise: Path) -> Path:
    """The folder that was last used for something, if it is still there."""
    settings = _settings()
    found = Path(str(settings.value(_KEY.format(what)))) if settings is not None else otherwise
    return found if found.is_absolute() and found.is_dir() else otherwise


def remember(what: str, folder: Path) -> None:
    """Begin there the next time."""
    settings = _settings()
    if settings is not None:
        settings.setValue(_KEY.format(what), str(folder.absolute()))


def documents() -> Path:
    """The user's folder of documents, or their home where there is none."""
    found = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(found) if found and Path(found).is_dir() else Path.home()


def _settings() -> QSettings | None:
    try:
        return QSettings(str(data_folder() / "window.ini"), QSettings.Format.IniFormat)
    except SettingsError:  # no home folder: nothing is remembered
        return None


def ask_for_file(parent: QWidget, title: str, suggested: Path, kinds: str) -> tuple[Path | None, str]:
    """The path that the user typed or chose to write to, and the kind; not asked about what is there already.

    How the file will be called is known only when it has its ending: `may_replace` asks then.
    """
    options = QFileDialog.Option.DontConfirmOverwrite
    path, kind = QFileDialog.getSaveFileName(parent, title, str(suggested), kinds, options=options)
    return (Path(path) if path else None), kind


def may_replace(parent: QWidget, *paths: Path) -> bool:
    """Whether files may be written: none of them is there, or the user agrees to replace them."""
    there = [path for path in paths if path.exists()]
    if not there:
        return True
    yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
    names = " and ".join(path.name for path in there)
    question = f"{names} {'is' if len(there) == 1 else 'are'} in {there[0].parent} already. Replace?"
    return QMessageBox.question(parent, "Replace the file", question, yes | no, no) == yes


def choice(what: str, otherwise: str) -> str:
    """What was chosen of something the last time."""
    settings = _settings()
    return otherwise if settings is None else str(settings.value(f"choices/{what}", otherwise))


def choose(what: str, value: str) -> None:
    """Choose the same the next time."""
    settings = _settings()
    if settings is not None:
        settings.setValue(f"choices/{what}", value)
