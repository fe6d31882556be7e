"""`volsweep worklist`: many cases, worked through one by one, by one reader or several; and `volsweep agreement`."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volsweep.cli.options import ForceOption, JsonOption
from volsweep.cli.terminal.console import as_bad_call, console, nothing_found, table_of, tell, tell_json, warn
from volsweep.geometry import Plane

if TYPE_CHECKING:
    from volsweep.worklist import Case, Progress, Reading, Worklist
    from volsweep.worklist.listing import TaskLabel

app = typer.Typer(no_args_is_help=True, help="Work through many cases, alone or with other readers on one share.")

ListArgument = Annotated[Path, typer.Argument(metavar="LIST", help="A worklist that `worklist make` wrote.")]


def _reader(given: str) -> str:
    """Who reads: as typed, else as the user's defaults say."""
    from volsweep.defaults import read_defaults

    return given or read_defaults().reader or ""


ReaderOption = Annotated[
    str,
    typer.Option(
        metavar="INITIALS",
        callback=_reader,
        help="Who reads, by default as `config` says; it stays in the list's own folder and is sent nowhere.",
    ),
]


class Outcomes(StrEnum):
    """What becomes of a case."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SKIPPED = "skipped"


class Rules(StrEnum):
    """How a consensus is found."""

    MAJORITY = "majority"
    STAPLE = "staple"


@app.command("make")
def make(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A folder of images, a manifest, or a batch's results.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Worklist to write, JSON.")],
    readings: Annotated[int, typer.Option(min=1, max=20, help="Readers a case, blind to each other.")] = 1,
    due: Annotated[str | None, typer.Option(metavar="DATE", help="The day all are due: 2026-12-01.")] = None,
    window: Annotated[str | None, typer.Option(help="In which cases open: lung, 400/40.")] = None,
    plane: Annotated[Plane | None, typer.Option(help="In which cases open.")] = None,
    model: Annotated[str | None, typer.Option(help="That cases open with.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(metavar="N=NAME[:#COLOUR]", help="An object that is looked for. Repeat.")
    ] = None,
    measured: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="An object without which no case is accepted. Repeat.")
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a list of cases; a batch's results are opened, corrected and accepted."""
    from volsweep.intensity import window_named
    from volsweep.io.writing import check_spares
    from volsweep.worklist import Task, Worklist, cases_of, write_worklist

    with as_bad_call("--window"):
        window_named(window or "auto")
    labels = {} if label is None else dict(map(_label, label))
    if due is not None and not _is_day(due):
        raise typer.BadParameter(f"{due!r} is no day such as 2026-12-01", param_hint="--due")
    cases, notes = cases_of(source, output.absolute().parent)
    for note in notes:
        warn(note)
    task = Task(window=window, plane=plane, model=model, labels=labels, measured=tuple(measured or ()))
    dated = tuple(case.model_copy(update={"due": due}) for case in cases) if due else tuple(cases)
    check_spares([output], source)
    write_worklist(output, Worklist(readings=readings, task=task, cases=dated), overwrite=force)
    if as_json:
        tell_json({"worklist": str(output), "cases": [case.name for case in cases], "notes": list(notes)})
    else:
        tell(f"wrote {output}: {len(cases)} cases")


@app.command("show")
def show(
    path: ListArgument,
    reader: ReaderOption = "",
    search: Annotated[str, typer.Option(help="Cases whose name holds this.")] = "",
    everyone: Annotated[
        bool, typer.Option("--all", help="What every reader made of them, not this one alone.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the cases with what became of them."""
    worklist, progress = _open(path)
    rows: list[tuple[Case, list[Reading]]] = []
    for case in worklist.cases:
        if search.casefold() not in case.name.casefold():
            continue
        mine = progress.of(case.name, reader)
        shown = progress.readings(case.name) if everyone else [] if mine is None else [mine]
        rows.append((case, shown))
    if as_json:
        told = [
            {"case": case.name, "due": case.due, "readings": [r.model_dump() for r in shown]} for case, shown in rows
        ]
        tell_json(told)
        return
    table = table_of("case", "due", "outcome", "minutes", "reason")
    for case, shown in rows:
        if not shown:
            table.add_row(case.name, case.due or "", "", "", "")
        for one in shown:
            outcome = f"{one.outcome} ({one.reader})" if everyone else one.outcome
            table.add_row(case.name, case.due or "", outcome, f"{one.seconds / 60:.1f}", one.reason)
    console.print(table)
    tell(f"{sum(1 for _ in progress.waiting(reader))} of {len(worklist.cases)} wait")


@app.command("next")
def next_case(path: ListArgument, reader: ReaderOption = "", as_json: JsonOption = False) -> None:
    """Say which case is next: one that waits, and that nobody works on. Exit code 3: none does."""
    from volsweep.worklist.listing import path_in

    _, progress = _open(path)
    working = progress.next(reader)
    if working is None:
        raise nothing_found("no case waits")
    working.leave()
    case = working.case
    series = path_in(path.absolute().parent, case.series)
    if as_json:
        tell_json({**case.model_dump(mode="json"), "series": str(series)})
        return
    tell(f"{case.name}: {series}")


@app.command("mark")
def mark(
    path: ListArgument,
    case: Annotated[str, typer.Argument(metavar="CASE", help="Its name.")],
    outcome: Annotated[Outcomes, typer.Argument(metavar="OUTCOME", help="accepted, rejected or skipped.")],
    reason: Annotated[str, typer.Option(help="Why; a case is neither rejected nor skipped without one.")] = "",
    labels: Annotated[Path | None, typer.Option(help="What was drawn, of any format that `convert` reads.")] = None,
    reader: ReaderOption = "",
    as_json: JsonOption = False,
) -> None:
    """Write down what became of a case that was read elsewhere."""
    from volsweep.io import read_objects
    from volsweep.worklist.corrected import follow, result_of
    from volsweep.worklist.listing import check_measured, path_in, place_of

    worklist, progress = _open(path)
    found, notes = worklist.case(case), list[str]()
    if labels is not None:
        objects = read_objects(labels, source=place_of(found, path.absolute().parent))
        notes += objects.warnings
        for note in notes:
            warn(note)
        if outcome is Outcomes.ACCEPTED:
            check_measured(worklist.task, [objects.labels[value].name for value in objects.values()])
    elif outcome is Outcomes.ACCEPTED:
        check_measured(worklist.task, [])
    working = progress.begin(case, reader)
    try:
        reading = working.end(outcome.value, reason=reason, labels=None if labels is None else labels.absolute())
    finally:
        working.leave()
    if not as_json:
        tell(f"{case} {reading.outcome} by {reading.reader}")
    base = path.absolute().parent
    result = result_of(progress, base, case) if outcome is Outcomes.ACCEPTED else None
    try:
        if result is not None and (note := follow(result, labels or path_in(base, found.labels or ""), reading)):
            notes.append(note)
            warn(note)
    finally:  # it is written down, whatever the batch makes of it
        if as_json:
            tell_json({**reading.model_dump(mode="json"), "notes": notes})


def agreement(
    path: ListArgument,
    csv: Annotated[Path | None, typer.Option(help="Write the table as CSV.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write it as a page for a browser, one HTML file.")] = None,
    consensus: Annotated[Rules | None, typer.Option(help="Make one set of labels a case, in --output.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A new folder for the consensus.")] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """How well the readers of a worklist agree: DSC, NSD at 2 mm, volumes, and kappa of accepting."""
    from volsweep.io.writing import write_whole
    from volsweep.worklist.readers import agreement as agree
    from volsweep.worklist.readers import kappa, left_out, to_csv

    if (consensus is None) != (output is None):
        raise typer.BadParameter("a consensus needs both --consensus and --output")
    _, progress = _open(path)
    base = path.absolute().parent
    rows, kappas = agree(progress, base), kappa(progress)
    for note in left_out(progress):
        warn(note)
    if csv is not None:
        write_whole(csv, to_csv(rows), overwrite=force, spare=path)
    if page is not None:
        from volsweep.worklist.page import agreement_page

        write_whole(page, agreement_page(rows, kappas, f"Agreement: {path.stem}"), overwrite=force, spare=path)
    if consensus is not None and output is not None:
        _write_consensus(progress, base, (consensus.value, output), force)
    if as_json:
        told = [{"readers": list(pair), "kappa": value, "cases": count} for pair, (value, count) in kappas.items()]
        tell_json({"rows": [row.to_dict() for row in rows], "kappa": told})
        return
    table = table_of("case", "object", "readers", numbers=("DSC", "NSD 2 mm", "first", "second"))
    for row in rows:
        pair, volumes = f"{row.first}, {row.second}", (f"{row.first_ml:.2f} mL", f"{row.second_ml:.2f} mL")
        table.add_row(row.case, row.object, pair, f"{row.dsc:.3f}", f"{row.nsd:.3f}", *volumes)
    console.print(table)
    for (first, second), (value, count) in kappas.items():
        said = "is not defined, for both always said the same" if value is None else f"{value:.2f}"
        tell(f"kappa of accepting, {first} and {second}, {count} cases: {said}")


def _write_consensus(progress: Progress, base: Path, asked: tuple[str, Path], force: bool) -> None:
    from volsweep.errors import VolsweepError
    from volsweep.io import write_labels
    from volsweep.io.writing import make_folder
    from volsweep.worklist import consensus_of
    from volsweep.worklist.readers import drawn_by

    rule, folder = asked
    make_folder(folder)
    for case in progress.worklist.cases:
        drawn = drawn_by(progress, base, case.name)
        try:
            made = consensus_of(drawn, "staple" if rule == "staple" else "majority")
            write_labels(folder / f"{case.name}.nii.gz", made, overwrite=force, overlaps="files", drawn_here=False)
        except VolsweepError as error:
            warn(f"{case.name}: {error}")


def _open(path: Path) -> tuple[Worklist, Progress]:
    from volsweep.worklist import Progress, read_worklist

    worklist = read_worklist(path)
    return worklist, Progress(path.absolute(), worklist)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _label(text: str) -> tuple[int, TaskLabel]:
    from volsweep.worklist.listing import TaskLabel

    found = re.fullmatch(r"\s*(\d+)\s*=\s*([^:]{1,120}?)\s*(?::\s*(#[0-9a-fA-F]{6}))?\s*", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is not of the form N=NAME or N=NAME:#rrggbb", param_hint="--label")
    return int(found[1]), TaskLabel(name=found[2], color=found[3])
