"""`volsweep serve`: the page for a browser, and the network for laptops."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from volsweep.cli.options import NETWORK, DeviceOption, FinderOption, SendVoxelsOption, known_models
from volsweep.cli.terminal.console import as_bad_call, console, tell, warn
from volsweep.engine.network.device_name import check_device_name
from volsweep.errors import SettingsError
from volsweep.settings import SERVER_TOKEN, own_folder, read_regular, server_token

_REACH, _LIMITS = "Who reaches it", "What it holds"


def serve(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FOLDER]...", help="What clients may open series from; the samples by default."),
    ] = None,
    host: Annotated[
        str,
        typer.Option(rich_help_panel=_REACH, help="Address to listen on. Another than this machine's needs a token."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, rich_help_panel=_REACH, help="Port to listen on.")] = 8765,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]",
            rich_help_panel=_REACH,
            help="A name by which clients call it: a proxy's, a DNS name. Repeat for more.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_REACH, help=f"File with the token that clients show; or {SERVER_TOKEN}.  [default: drawn]"
        ),
    ] = None,
    save_to: Annotated[
        Path | None, typer.Option(help="Folder into which clients may save labels; else they only download them.")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            autocompletion=known_models, rich_help_panel=NETWORK, help="The model of new sessions, or a checkpoint."
        ),
    ] = "volsweep-nano",
    device: DeviceOption = "auto",
    finder: FinderOption = None,
    send_voxels: SendVoxelsOption = False,
    sessions: Annotated[int, typer.Option(min=1, rich_help_panel=_LIMITS, help="Volumes open at once.")] = 8,
    memory: Annotated[float, typer.Option(min=0.01, rich_help_panel=_LIMITS, help="GiB of all open volumes.")] = 4.0,
    upload: Annotated[
        float, typer.Option(min=0.001, rich_help_panel=_LIMITS, help="GiB of one upload, packed and unpacked.")
    ] = 2.0,
    disk: Annotated[
        float, typer.Option(min=0.001, rich_help_panel=_LIMITS, help="GiB of all uploads that are kept.")
    ] = 20.0,
    lease: Annotated[
        float,
        typer.Option(
            min=1, rich_help_panel=_LIMITS, help="Seconds without a sign of life before a volume may make room."
        ),
    ] = 120.0,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the page for a browser, and the network for other machines' sessions.

    \b
    Series below two folders, in a browser on this machine:
      volsweep serve /data/ct /data/mr --save-to labels --open
    For a laptop, through ssh (docs/security-of-serve.md tells of proxies with TLS):
      ssh -L 8765:127.0.0.1:8765 gpu-machine
      volsweep segment ct/ -o lesion.nii.gz --box 1@20:55,98,86,126 --server http://127.0.0.1:8765
    """  # noqa: D301 - the first backslash is the sign for: leave these lines as they are
    if any(importlib.util.find_spec(needed) is None for needed in ("starlette", "uvicorn")):
        raise SettingsError(
            'the server needs starlette and uvicorn; install them with: pip install "napari-volsweep[serve]"'
        )
    from volsweep.serve.app import run_server
    from volsweep.serve.options import Limits, Options, check_binding, folders_named

    given = _token(token_file)
    with as_bad_call("--device"):
        check_device_name(device)
    if finder is not None:
        from volsweep.finder.named import check_finder

        check_finder(finder, may_send=send_voxels)
    elif send_voxels:
        raise SettingsError("--send-voxels says that voxels may go to a VoxTell server; name it with --finder")
    warning = check_binding(host, port, given)
    gib = 2**30
    options = Options(
        folders=folders_named(folders or []),
        host=host,
        port=port,
        **({"token": given} if given else {}),
        names=tuple(name or ()),
        save_to=_made(save_to),
        model=model,
        device=device,
        finder=finder,
        send_voxels=send_voxels,
        limits=Limits(sessions, int(memory * gib), int(upload * gib), int(disk * gib), lease),
    )
    if warning:
        warn(warning)
    tell(options.address)
    console.file.flush()
    if browser:
        import webbrowser

        webbrowser.open(options.address)
    run_server(options)


def _token(file: Path | None) -> str:
    """The token that someone chose; empty where nobody did."""
    if file is None:
        return server_token()
    try:
        given = read_regular(file).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the token cannot be read from {file}: {getattr(error, 'strerror', error)}") from None
    if not given.isascii() or not given.isprintable() or " " in given or not given:
        raise SettingsError(f"{file} holds no token: give one line of letters, digits, - and _")
    return given


def _made(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    try:
        own_folder(folder)
    except OSError as error:
        raise SettingsError(f"labels cannot be saved to {folder}: {error.strerror}") from None
    return folder.resolve()
