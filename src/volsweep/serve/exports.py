"""Labels as files: into the folder that they are saved to, or kept with the session to be downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException

from volsweep.io import write_labels
from volsweep.io.formats import format_written_as, stem_of
from volsweep.io.overlaps import Labelled
from volsweep.io.sidecar import files_of
from volsweep.serve.requests import Export
from volsweep.settings import private_folder

FOLDER = "exports"


def write_export(asked: Export, labels: Labelled, session_folder: Path, save_to: Path | None) -> dict[str, Any]:
    """Write labels, and say what was written.

    Parameters
    ----------
    asked
        Its name, and where to.
    labels
        Of the session.
    session_folder, save_to
        The session's own folder, and the server's for labels.

    Returns
    -------
    dict
        The receipt, names in place of paths, and the names of all files.

    Raises
    ------
    HTTPException
        403 where labels are to be saved and the server has no folder for them.
    OutputError
        If they cannot be written.
    """
    if asked.to_folder and save_to is None:
        raise HTTPException(
            403, "this server saves no labels; download them, or have it started with a folder to save to"
        )
    folder = save_to if asked.to_folder and save_to is not None else private_folder(session_folder / FOLDER)
    path = folder / asked.name
    format_written_as(path)
    receipt = write_labels(path, labels, overwrite=asked.overwrite or not asked.to_folder, overlaps="files")
    told = receipt.to_dict()
    files = [file for each in (receipt, *receipt.others) for file in files_of(each.path)]
    for each, said in zip((receipt, *receipt.others), (told, *told.get("others", ())), strict=True):
        said["path"], said["sidecar"] = each.path.name, each.sidecar and each.sidecar.name
    return {"receipt": told, "files": [file.name for file in files], "stem": stem_of(path.name)}


def export_path(session_folder: Path, name: str) -> Path:
    """A file that was exported.

    Raises
    ------
    HTTPException
        404 where there is none of this name.
    """
    folder = session_folder / FOLDER
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if name not in names:  # compared with names that are there: no path is made of what a client sent
        raise HTTPException(404, "there is no such file; export it first")
    return folder / name
