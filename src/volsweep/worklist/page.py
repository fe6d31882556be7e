"""How readers agree, as a page: one HTML file, in the style of a batch's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from volsweep.io.writing.pages import escaped, fill, foot_of, head_of, parts_of, template
from volsweep.worklist.readers import CaseAgreement

_ROOM = "volsweep.worklist"
Kappas = Mapping[tuple[str, str], tuple[float | None, int]]


def agreement_page(rows: Sequence[CaseAgreement], kappas: Kappas, title: str) -> str:
    """The page's text.

    Parameters
    ----------
    rows
        Every object of every case, by pair of readers.
    kappas
        Of accepting, and over how many cases, by pair of readers.
    title
        Of the worklist.
    """
    parts = parts_of(template(_ROOM, "agreement.html"))
    pairs = sorted({(row.first, row.second) for row in rows} | set(kappas))
    cases = len({row.case for row in rows})
    styles = (template("volsweep.batch", "page.css"), template(_ROOM, "agreement.css"))
    head = fill(
        parts["head"],
        title=escaped(title),
        said=f"{cases} case{'s' * (cases != 1)} drawn by several readers",
        pairs="\n".join(_pair(pair, rows, kappas) for pair in pairs),
        objects="\n".join(_objects(rows)),
    )
    worst_first = sorted(rows, key=lambda row: (row.dsc, row.nsd, row.case, row.object))
    foot = fill(parts["foot"], hidden=" hidden" * bool(rows))
    body = (head, *map(_case, worst_first), foot)
    return "".join((head_of(title, "\n".join(styles)), *body, foot_of(template(_ROOM, "agreement.js"))))


def _pair(pair: tuple[str, str], rows: Sequence[CaseAgreement], kappas: Kappas) -> str:
    theirs = [row for row in rows if (row.first, row.second) == pair]
    value, count = kappas.get(pair, (None, 0))
    if not count:
        kappa = "no case decided by both"
    else:
        said = "not defined, for both always said the same" if value is None else f"{value:.2f}"
        kappa = f"{said} ({count} case{'s' * (count != 1)})"
    volumes = [row.second_ml - row.first_ml for row in theirs]
    difference = f"{fmean(volumes):+.2f} mL" if volumes else ""
    return (
        f"<tr><th>{escaped(' and '.join(pair))}</th>{_sums(theirs)}"
        f'<td class="number">{difference}</td><td>{kappa}</td></tr>'
    )


def _objects(rows: Sequence[CaseAgreement]) -> Iterator[str]:
    for name in sorted({row.object for row in rows}):
        yield f"<tr><th>{escaped(name)}</th>{_sums([row for row in rows if row.object == name])}</tr>"


def _sums(rows: Sequence[CaseAgreement]) -> str:
    if not rows:
        return '<td class="number">0</td>' + '<td class="number"></td>' * 3
    dsc = [row.dsc for row in rows]
    told = (len(rows), f"{fmean(dsc):.3f}", f"{min(dsc):.3f}", f"{fmean(row.nsd for row in rows):.3f}")
    return "".join(f'<td class="number">{value}</td>' for value in told)


def _case(row: CaseAgreement) -> str:
    bar = f'<meter min="0" max="1" low="0.7" high="0.85" optimum="1" value="{row.dsc:.3f}"></meter>'
    numbers = ((row.dsc, f"{bar} {row.dsc:.3f}"), (row.nsd, f"{row.nsd:.3f}"))
    volumes = ((one, f"{one:.2f}") for one in (row.first_ml, row.second_ml))
    cells = "".join(f'<td class="number" data-value="{value:.4f}">{text}</td>' for value, text in (*numbers, *volumes))
    readers = escaped(f"{row.first}, {row.second}")
    return f"<tr><th>{escaped(row.case)}</th><td>{escaped(row.object)}</td><td>{readers}</td>{cells}</tr>\n"
