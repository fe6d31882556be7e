"""File dialogs: where they open, and whether what is there may be replaced, or what they name loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QSettings, QStandardPaths, Qt
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox, QWidget

from volsweep.errors import SettingsError, shown
from volsweep.napari.canvas.chosen import chosen
from volsweep.napari.panels.widgets import as_typed
from volsweep.settings import data_folder

_KEY = "folders/{}"
_LONGEST = 300


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
    return QMessageBox.question(parent, "Replace the file", as_typed(question), yes | no, no) == yes


def is_model_trusted(parent: QWidget, named_by: str, models: Sequence[str]) -> bool:
    """Ask whether to load weights that a file names, and not the reader; no is what counts unless they say yes."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle("Weights of another origin")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(shown(f"{named_by} asks for weights that are none of Volsweep's own models."))
    names = "\n".join(shown(name[:_LONGEST]) for name in models)
    box.setInformativeText(as_typed(f"{names}\n\nLoad them only if you trust where they and the session come from."))
    load = box.addButton("Load them", QMessageBox.ButtonRole.AcceptRole)
    leave = box.addButton("Do not open", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(leave)
    box.setEscapeButton(leave)
    box.exec()
    return box.clickedButton() is load


def choice(what: str, otherwise: str) -> str:
    """What was chosen of something the last time."""
    settings = _settings()
    return otherwise if settings is None else str(settings.value(f"choices/{what}", otherwise))


def choose(what: str, value: str) -> None:
    """Choose the same the next time."""
    settings = _settings()
    if settings is not None:
        settings.setValue(f"choices/{what}", value)


def ask_worklist(parent: QWidget | None) -> tuple[Path, str] | None:
    """Which list is worked through, and by whom; None where that was not said."""
    folder = str(remembered("worklist", Path.home()))
    path, _ = QFileDialog.getOpenFileName(parent, "Open a worklist", folder, "Worklist (*.json)")
    if not path:
        return None
    remember("worklist", Path(path).parent)
    told = "Initials, kept beside the list and sent nowhere; empty for none"
    reader, agreed = QInputDialog.getText(parent, "Who reads", told, text=choice("reader", chosen().reader or ""))
    if not agreed:
        return None
    choose("reader", reader)
    return Path(path), reader
