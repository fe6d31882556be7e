"""`volsweep models`: which networks there are, and fetching the ones that are not bundled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from volsweep.cli.console import console, messages, say

if TYPE_CHECKING:
    from volsweep.models import ModelSpec

app = typer.Typer(no_args_is_help=True, help="List, download, verify and locate models.")
ModelName = Annotated[str, typer.Argument(help="A model of `volsweep models list`, or a checkpoint.")]


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
        console.print_json(json.dumps(out))
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
    console.print(str(path), highlight=False, soft_wrap=True)


@app.command()
def verify(name: ModelName) -> None:
    """Check a model's weights against their published (or first recorded) hash."""
    from volsweep.models import find_model
    from volsweep.models import verify as check

    result = check(find_model(name))
    console.print(f"{result.path} matches ({result.trust})", highlight=False, soft_wrap=True)


@app.command()
def path(name: ModelName) -> None:
    """Print where a model's weights are."""
    from volsweep.models import checkpoint_path, find_model

    console.print(str(checkpoint_path(find_model(name))), highlight=False, soft_wrap=True)
