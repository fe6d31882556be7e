"""`volsweep config`: the user's defaults."""

from __future__ import annotations

from typing import Annotated

import typer

from volsweep.cli.options import JsonOption
from volsweep.cli.terminal.console import as_bad_call, tell, tell_json
from volsweep.settings import defaults_file

app = typer.Typer(
    no_args_is_help=True,
    help="""Your defaults: window by modality, plane, model, format of labels, what labels are called.

\b
They count where nothing else is said, on the command line and in the window:
  volsweep config set window.CT lung
  volsweep config set label.1.name GTV
  volsweep config set label.1.color "#e69f00"
  volsweep config show""",
)
_KEY = "window.MODALITY, plane, model, format, label.NUMBER.name, .color or .code (VALUE:SCHEME:MEANING)."


@app.command("show")
def show(as_json: JsonOption = False) -> None:
    """Show what is set, a line each."""
    from volsweep.defaults import listed, read_defaults

    found = listed(read_defaults())
    if as_json:
        tell_json({"path": str(defaults_file() or ""), "defaults": found})
        return
    for key, value in found.items():
        tell(f"{key} {value}")
    if not found:
        tell("nothing is set; Volsweep decides by itself")


@app.command("set")
def set_(
    key: Annotated[str, typer.Argument(metavar="KEY", help=_KEY)],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What is to count where nothing else is said.")],
    as_json: JsonOption = False,
) -> None:
    """Set a default."""
    _change(key, value, as_json)


@app.command("unset")
def unset(key: Annotated[str, typer.Argument(metavar="KEY", help=_KEY)], as_json: JsonOption = False) -> None:
    """Take a default back: Volsweep decides by itself again."""
    _change(key, None, as_json)


@app.command("path")
def path(as_json: JsonOption = False) -> None:
    """Print the name of the file, whether it is there or not."""
    from volsweep.defaults import defaults_path

    where = str(defaults_path())
    if as_json:
        tell_json({"path": where})
    else:
        tell(where)


def _change(key: str, value: str | None, as_json: bool) -> None:
    from volsweep.defaults import changed, listed, read_defaults, write_defaults

    before = read_defaults()
    with as_bad_call():
        after = changed(before, key, value)
    written = write_defaults(after)
    if as_json:
        tell_json({"path": str(written), "defaults": listed(after)})
    else:
        tell(f"wrote {written}")
