"""`volsweep pull` and `volsweep push`: series from a PACS over DICOMweb, and results back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volsweep.cli.terminal.console import fail, nothing_found, progress, tell, tell_json
from volsweep.settings import DICOMWEB_URL

if TYPE_CHECKING:
    from volsweep.pacs import Pulled, RemoteSeries, Server, Stored

UrlOption = Annotated[
    str,
    typer.Option(
        envvar=DICOMWEB_URL,
        help="The DICOMweb service, https://host:port/dicom-web. Who you are there is read from "
        "VOLSWEEP_DICOMWEB_USER and VOLSWEEP_DICOMWEB_PASSWORD, VOLSWEEP_DICOMWEB_TOKEN, or ~/.netrc.",
    ),
]
HttpOption = Annotated[
    bool, typer.Option("--allow-http", help="Send data and password unencrypted to another machine.")
]
TimeoutOption = Annotated[float, typer.Option(min=1, help="Seconds that the server may stay silent.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")]


def pull(
    url: UrlOption,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the series, each in a folder of its own.")
    ] = None,
    study: Annotated[str, typer.Option(help="StudyInstanceUID.")] = "",
    series: Annotated[str, typer.Option(help="SeriesInstanceUID.")] = "",
    patient: Annotated[str, typer.Option(help="PatientID.")] = "",
    accession: Annotated[str, typer.Option(help="AccessionNumber.")] = "",
    modality: Annotated[str, typer.Option(help="CT, MR, PT ...")] = "",
    date: Annotated[str, typer.Option(help="StudyDate: 20261121, 20261101-20261121, 20261101- or -20261121.")] = "",
    only_list: Annotated[bool, typer.Option("--list", help="Show what is there, and fetch nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Fetch again what the folder holds already.")] = False,
    allow_http: HttpOption = False,
    timeout: TimeoutOption = 60.0,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find series on a PACS and fetch them: each arrives whole or not at all, and only once."""
    from volsweep.pacs import Query, Server, find

    if output is None and not only_list:
        raise typer.BadParameter("say where to with --output FOLDER, or look around first with --list")
    server = Server(url, allow_http, timeout)
    found = find(server, Query(study, series, patient, accession, modality, date))
    if only_list or output is None:
        _show(found, as_json)
        if not found:
            raise nothing_found(f"{server.name} has no such series; ask for less (no --modality, a wider --date)")
        return
    if not found:
        raise nothing_found(f"{server.name} has no such series; look around with --list")
    pulled = _pull_all(server, found, output, force, quiet or as_json)
    if as_json:
        tell_json([one.to_dict() for one in pulled])
    if len(pulled) < len(found):
        fail(f"{len(found) - len(pulled)} of {len(found)} series did not arrive; run the same command again")
        raise typer.Exit(1)


def _pull_all(server: Server, found: list[RemoteSeries], cache: Path, again: bool, quiet: bool) -> list[Pulled]:
    from volsweep.errors import PacsError
    from volsweep.pacs import pull as pull_series

    pulled = []
    for number, one in enumerate(found, start=1):
        with progress("instances", quiet, f"series {number} of {len(found)}") as meter:
            try:
                receipt = pull_series(server, one, cache, again=again, on_instance=meter.at)
            except PacsError as error:
                fail(str(error))
                continue
        pulled.append(receipt)
        if not quiet:
            what = "was there already" if receipt.kept else f"{receipt.size / 2**20:.1f} MiB"
            text = f"{one.modality}, {receipt.instances} instances, {what}: {receipt.folder}"
            tell(text)
    return pulled


def _show(found: list[RemoteSeries], as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        # Not even a hash of the patient's number: short numbers are found by trying them all.
        told = [{key: value for key, value in asdict(one).items() if key != "patient"} for one in found]
        tell_json(told)
        return
    for one in found:
        instances = "?" if one.instances is None else one.instances
        text = f"{one.series_uid}  {one.modality or '–'}, {instances} instances  {one.description}"
        tell(text.rstrip())
    tell(f"{len(found)} series")


def push(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="DICOM files, or folders of them.")],
    url: UrlOption,
    verify: Annotated[bool, typer.Option("--verify", help="Fetch every file back and compare it.")] = False,
    allow_http: HttpOption = False,
    timeout: TimeoutOption = 60.0,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Store DICOM SEG, RTSTRUCT or other DICOM files on a PACS; one that fails does not keep the others back."""
    from volsweep.pacs import Server
    from volsweep.pacs import push as push_files

    server = Server(url, allow_http, timeout)
    results = push_files(server, paths, verify=verify, on_file=None if as_json else lambda s: _tell(s, quiet))
    if as_json:
        tell_json([one.to_dict() for one in results])
    failed = sum(bool(one.error) for one in results)
    if not quiet and not as_json:
        tell(f"{len(results) - failed} of {len(results)} files stored on {server.name}")
    if failed:
        raise typer.Exit(1)


def _tell(stored: Stored, quiet: bool) -> None:
    if stored.error:
        fail(f"{stored.path.name}: {stored.error}")
    elif not quiet:
        changed = f" (came back changed: {', '.join(stored.changed)})" if stored.changed else ""
        text = f"{stored.path.name}: {stored.modality} stored as {stored.instance_uid}{changed}"
        tell(text)
