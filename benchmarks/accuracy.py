"""Accuracy on the shared cases, beside the floors that the project set itself.

    python benchmarks/accuracy.py                       # dev, protocol A, the bundled network
    python benchmarks/accuracy.py --protocol all --jitter --out runs/accuracy
    python benchmarks/accuracy.py --model runs/a/best.safetensors --starter ../shared/starter

The same on your own cases: ``volsweep evaluate MANIFEST``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"

# Mean 3D DSC under protocol A, and mean DSC on the prompted slice.
DSC_FLOORS = {"sarcoma CT": 0.83, "sarcoma MR": 0.83, "sarcoma PT": 0.78, "ctlesion CT": 0.82, "hippocampus MR": 0.68}
SLICE_FLOORS = {"sarcoma CT": 0.92, "sarcoma MR": 0.92, "sarcoma PT": 0.92}
PROTOCOL_B_FLOOR = 0.90
NEAR_A = 0.03
NEAR_A_WITH_AXES = 0.01
END_ERROR = 2.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=Path, default=os.environ.get("VOLSWEEP_CASES", SHARED / "cases"))
    parser.add_argument("--split", default="dev")
    parser.add_argument("--families", nargs="*", default=[])
    parser.add_argument("--protocol", default="A", choices=["A", "B", "C", "C2", "D", "E", "all"])
    parser.add_argument("--model", default="volsweep-nano", help="a name, or the path of a checkpoint; 'none' for none")
    parser.add_argument("--config", default=None, help="yaml of a local checkpoint, or the id of its architecture")
    parser.add_argument("--starter", type=Path, default=None, help="folder or checkpoint to compare with")
    parser.add_argument("--jitter", action="store_true", help="jittered prompts as well")
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--out", type=Path, default=None, help="folder for table, JSON and contact sheets")
    parser.add_argument("--threads", type=int, default=None)
    return parser.parse_args()


def main() -> int:
    args = arguments()
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    from volsweep.errors import VolsweepError

    try:
        run(args)
    except VolsweepError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def run(args: argparse.Namespace) -> None:
    from rich.progress import track

    from volsweep.evaluate import Options, Protocol, Report, evaluate_each, read_cases
    from volsweep.models import find_model

    cases = read_cases(args.cases, args.split, args.families)
    models = [] if args.model == "none" else [find_model(args.model, args.config)]
    if args.starter:
        folder = args.starter
        weights = next(folder.glob("*.safetensors")) if folder.is_dir() else folder
        # Its yaml names no zoom; its README says 2.2, as the bundled architecture does.
        models.append(replace(find_model(weights), id="starter", zoom=2.2))
    options = Options(
        protocols=tuple(Protocol) if args.protocol == "all" else (Protocol(args.protocol),),
        jitter=args.jitter,
        baselines=not args.no_baselines,
        pictures=args.out is not None,
    )
    began = time.perf_counter()
    scored, skipped = [], []
    for _, found, left_out in track(
        evaluate_each(cases, models, options), "evaluating", total=len(cases), transient=True
    ):
        scored += found
        skipped += left_out
    report = Report(tuple(scored), tuple(skipped))
    print(report.to_markdown())
    if models:
        print(floors(report, models[0].id))
    print(f"{len(cases)} cases in {time.perf_counter() - began:.0f} s")
    if args.out:
        (args.out).mkdir(parents=True, exist_ok=True)
        report.write(args.out)
        if models:
            (args.out / "floors.md").write_text(floors(report, models[0].id), encoding="utf-8")
        print(f"written to {args.out}")


def floors(report, model: str) -> str:
    """Each floor beside what was reached."""
    from volsweep.evaluate import Method

    lines = ["| family | floor | asked | reached | passed |", "|---|---|---|---|---|"]
    for group in dict.fromkeys(row.group for row in report.rows):
        rows = {
            (protocol, jittered): report.row(group, Method(model, protocol, jittered))
            for protocol in ("A", "B", "C", "C2", "E")
            for jittered in (False, True)
        }
        for what, asked, reached, passed in floors_of(group, rows, report.row(group, Method("ellipse, one slice"))):
            lines.append(f"| {group} | {what} | {asked} | {reached:.3f} | {'yes' if passed else 'NO'} |")
    return "\n".join(lines) + "\n"


def floors_of(group, rows, ellipse):
    a, b, c = (rows[protocol, False] for protocol in "ABC")
    if a is not None:
        if group in DSC_FLOORS:
            floor = DSC_FLOORS[group]
            yield "A: mean DSC", f">= {floor:.2f}", a.dice.mean, a.dice.mean >= floor
        if ellipse is not None:
            floor = max(ellipse.slice_dice.mean, SLICE_FLOORS.get(group, 0))
            name = "A: prompted slice DSC, above the ellipse"
            yield name, f">= {floor:.3f}", a.slice_dice.mean, a.slice_dice.mean >= floor
        yield "A: median end error (slices)", f"<= {END_ERROR:g}", a.end_error, a.end_error <= END_ERROR
        if a.slices_per_second is not None:
            yield "A: slices/s", ">= 15", a.slices_per_second, a.slices_per_second >= 15
    if b is not None and group.startswith("sarcoma"):
        yield "B: final mean DSC", f">= {PROTOCOL_B_FLOOR:.2f}", b.dice.mean, b.dice.mean >= PROTOCOL_B_FLOOR
    if a is not None and c is not None:
        floor = a.dice.mean - NEAR_A
        yield "C: mean DSC, near A", f">= {floor:.3f}", c.dice.mean, c.dice.mean >= floor
    c2 = rows["C2", False]
    if a is not None and c2 is not None:
        floor = a.dice.mean - NEAR_A_WITH_AXES
        yield "C2: mean DSC, near A", f">= {floor:.3f}", c2.dice.mean, c2.dice.mean >= floor
    for protocol in ("A", "B", "C", "C2", "E"):
        ideal, jittered = rows[protocol, False], rows[protocol, True]
        if ideal is not None and jittered is not None:
            floor = ideal.dice.mean - NEAR_A
            what = f"{protocol}: mean DSC with jittered prompts"
            yield what, f">= {floor:.3f}", jittered.dice.mean, jittered.dice.mean >= floor


if __name__ == "__main__":
    sys.exit(main())
