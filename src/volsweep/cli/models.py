"""`volsweep models`: which networks there are, and fetching the ones that are not bundled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from volsweep.cli.terminal.console import NOTHING_FOUND, console, messages, say, tell, tell_json
from volsweep.cli.terminal.words import known_models

if TYPE_CHECKING:
    from volsweep.models import ModelSpec

app = typer.Typer(no_args_is_help=True, help="List, download, verify and locate models.")
ModelName = Annotated[
    str, typer.Argument(autocompletion=known_models, help="A model of `volsweep models list`, or a checkpoint.")
]


@app.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models, their licences, and which are on this machine."""
    from rich.table import Table

    from volsweep.models import MODELS

    rows = [
        (spec, ("bundled" if spec.bundled else "downloaded") if _is_here(spec) else "–") for spec in MODELS.values()
    ]
    if as_json:
        keys = ("id", "family", "title", "licence", "licence_note", "citation", "url", "sha256", "image_size")
        out = [{**{k: getattr(spec, k) for k in keys}, "here": here != "–"} for spec, here in rows]
        tell_json(out)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("model", "here", "size", "licence", "what it is"):
        table.add_column(heading)
    for spec, here in rows:
        size = f"{spec.size_bytes / 1e6:.0f} MB" if spec.size_bytes else "–"
        table.add_row(spec.id, here, size, spec.licence, spec.title)
    console.print(table)


def _is_here(spec: ModelSpec) -> bool:
    from volsweep.errors import ModelError, SettingsError
    from volsweep.models import checkpoint_path

    try:
        return checkpoint_path(spec).is_file()
    except (ModelError, SettingsError):  # not fetched, or no home to fetch it to
        return False


@app.command()
def download(name: ModelName) -> None:
    """Fetch a model's weights, check them, and keep them."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from volsweep.models import download as fetch
    from volsweep.models import find_model

    spec = find_model(name)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=messages, transient=True) as progress:
        task = progress.add_task(spec.id, total=spec.size_bytes)
        path = fetch(spec, progress=lambda done, total: progress.update(task, completed=done, total=total))
    if spec.licence_note:
        say(messages, (f"licence {spec.licence}:", "yellow"), spec.licence_note)
    tell(str(path))


@app.command()
def verify(name: ModelName, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Check a model's weights against their published (or first recorded) hash.

    Exit code 3: there is no hash to hold them against.
    """
    from volsweep.models import find_model
    from volsweep.models import verify as check

    result = check(find_model(name))
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
def path(name: ModelName) -> None:
    """Print where a model's weights are."""
    from volsweep.models import checkpoint_path, find_model

    tell(str(checkpoint_path(find_model(name))))
