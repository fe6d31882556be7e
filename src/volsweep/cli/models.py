"""`volsweep models`: which networks there are, and fetching the ones that are not bundled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from volsweep.cli.options import JsonOption, ModelArgument
from volsweep.cli.terminal.console import NOTHING_FOUND, console, messages, say, table_of, tell, tell_json

if TYPE_CHECKING:
    from volsweep.models import ModelSpec

app = typer.Typer(no_args_is_help=True, help="List, tell about, download, verify and locate models.")


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the models, the finder of names too, their licences, and which are on this machine."""
    from volsweep.models import MODELS
    from volsweep.models.registry import FINDER

    specs = (*MODELS.values(), FINDER)
    if as_json:
        tell_json([_told(spec) for spec in specs])
        return
    table = table_of("model", "here", "size", "licence", "what it is")
    for spec in specs:
        table.add_row(spec.id, _here(spec), _size(spec), spec.licence, spec.title)
    console.print(table)


@app.command()
def info(name: ModelArgument, as_json: JsonOption = False) -> None:
    """Tell all that is known of a model: what it is, its licence, whom to cite, its hash; of the finder, its names."""
    from volsweep.models.find import find_weights, read_architecture
    from volsweep.models.registry import FINDER

    spec = find_weights(name)
    names: list[str] = []
    if spec == FINDER:
        names = [str(one["name"]) for one in read_architecture(spec.config_path)["finder"]["names"]]
    if as_json:
        tell_json({**_told(spec), "size_bytes": spec.size_bytes, "finds": names})
        return
    rows = {
        "what it is": spec.title,
        "here": _here(spec),
        "size": _size(spec),
        "licence": f"{spec.licence}. {spec.licence_note}" if spec.licence_note else spec.licence,
        "to cite": spec.citation,
        "SHA-256": spec.sha256 or "–",
        "from": spec.url or "–",
        "finds": ", ".join(names),
    }
    tell(spec.id)
    for what, told in rows.items():
        if told:
            tell(f"  {what}: {told}")


def _told(spec: ModelSpec) -> dict[str, Any]:
    keys = ("id", "family", "title", "licence", "licence_note", "citation", "url", "sha256", "image_size")
    return {**{key: getattr(spec, key) for key in keys}, "here": _is_here(spec)}


def _here(spec: ModelSpec) -> str:
    return ("bundled" if spec.bundled else "downloaded") if _is_here(spec) else "–"


def _size(spec: ModelSpec) -> str:
    if not spec.size_bytes:
        return "–"
    return f"{spec.size_bytes / 1e6:.{0 if spec.size_bytes >= 1e6 else 1}f} MB"


def _is_here(spec: ModelSpec) -> bool:
    from volsweep.errors import ModelError, SettingsError
    from volsweep.models import checkpoint_path

    try:
        return checkpoint_path(spec).is_file()
    except (ModelError, SettingsError):  # not fetched, or no home to fetch it to
        return False


@app.command()
def download(name: ModelArgument, as_json: JsonOption = False) -> None:
    """Fetch a model's weights, check them, and keep them."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from volsweep.models import download as fetch
    from volsweep.models.find import find_weights

    spec = find_weights(name)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages, transient=True) as progress:
        task = progress.add_task(spec.id, total=spec.size_bytes)
        path = fetch(spec, progress=lambda done, total: progress.update(task, completed=done, total=total))
    if spec.licence_note:
        say(messages, (f"licence {spec.licence}:", "yellow"), spec.licence_note)
    _tell_path(path, as_json)


@app.command()
def verify(name: ModelArgument, as_json: JsonOption = False) -> None:
    """Check a model's weights against their published (or first recorded) hash.

    Exit code 3: there is no hash to hold them against.
    """
    from volsweep.models import verify as check
    from volsweep.models.find import find_weights

    result = check(find_weights(name))
    known = result.trust != "none"
    if as_json:
        compared = result.trust if known else None
        tell_json(
            {"path": str(result.path), "sha256": result.sha256, "compared_with": compared, "matches": known or None}
        )
    elif known:
        tell(f"{result.path} matches ({result.trust})")
    else:
        tell(f"{result.path}: sha256 {result.sha256}; there is no hash to hold it against, so nothing was verified")
    if not known:
        raise typer.Exit(NOTHING_FOUND)


@app.command()
def path(name: ModelArgument, as_json: JsonOption = False) -> None:
    """Print where a model's weights are."""
    from volsweep.models import checkpoint_path
    from volsweep.models.find import find_weights

    _tell_path(checkpoint_path(find_weights(name)), as_json)


def _tell_path(path: Path, as_json: bool) -> None:
    if as_json:
        tell_json({"path": str(path)})
    else:
        tell(str(path))
