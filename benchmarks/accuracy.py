"""Accuracy on the shared cases, beside the floors that the project set itself.

    python benchmarks/accuracy.py                       # dev, protocol A, the bundled network
    python benchmarks/accuracy.py --protocol all --jitter --out runs/accuracy
    python benchmarks/accuracy.py --model runs/a/best.safetensors --starter ../shared/starter

The same on your own cases: ``volsweep evaluate --data MANIFEST``.
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

FLOORS = {
    "sarcoma CT": {"slice": 0.90, "A": 0.81, "E": 0.84, "B": 0.87, "D": 0.93},
    "sarcoma MR": {"slice": 0.91, "A": 0.81, "E": 0.84, "B": 0.87, "D": 0.93},
    "sarcoma PT": {"slice": 0.90, "A": 0.81, "E": 0.84, "B": 0.87, "D": 0.93},
    "ctlesion CT": {"slice": 0.95, "A": 0.86, "E": 0.88, "B": 0.91, "D": 0.96},
    "nodule CT": {"slice": 0.88, "A": 0.82, "E": 0.85, "B": 0.89},
    "glioma MR": {"slice": 0.89, "A": 0.82, "E": 0.85, "B": 0.88},
    "hippocampus MR": {"slice": 0.88, "A": 0.68, "E": 0.72, "B": 0.83},
    "vertebra MR": {"slice": 0.90, "A": 0.82, "E": 0.85, "B": 0.88},
}
"""Mean DSC in 3D at the end of a protocol, and on the prompted slice of one box."""
NEAR_A = 0.03
NEAR_A_WITH_AXES = 0.01
END_ERROR = 2.0
PROTOCOLS = ("A", "B", "C", "C2", "D", "E")


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
            for protocol in PROTOCOLS
            for jittered in (False, True)
        }
        for what, asked, reached, passed in floors_of(group, rows, report.row(group, Method("ellipse, one slice"))):
            lines.append(f"| {group} | {what} | {asked} | {reached:.3f} | {'yes' if passed else 'NO'} |")
    return "\n".join(lines) + "\n"


def floors_of(group, rows, ellipse):
    a, c = rows["A", False], rows["C", False]
    asked = FLOORS.get(group, {})
    for protocol, floor in asked.items():
        row = rows.get((protocol, False))
        if row is not None:
            yield f"{protocol}: mean DSC", f">= {floor:.2f}", row.dice.mean, row.dice.mean >= floor
    if a is not None:
        floor = max(asked.get("slice", 0), 0 if ellipse is None else ellipse.slice_dice.mean)
        if floor:
            yield "A: prompted slice DSC", f">= {floor:.3f}", a.slice_dice.mean, a.slice_dice.mean >= floor
        yield "A: median end error (slices)", f"<= {END_ERROR:g}", a.end_error, a.end_error <= END_ERROR
        if a.slices_per_second is not None:
            yield "A: slices/s", ">= 15", a.slices_per_second, a.slices_per_second >= 15
    if a is not None and c is not None:
        floor = a.dice.mean - NEAR_A
        yield "C: mean DSC, near A", f">= {floor:.3f}", c.dice.mean, c.dice.mean >= floor
    c2 = rows["C2", False]
    if a is not None and c2 is not None:
        floor = a.dice.mean - NEAR_A_WITH_AXES
        yield "C2: mean DSC, near A", f">= {floor:.3f}", c2.dice.mean, c2.dice.mean >= floor
    for protocol in PROTOCOLS:
        ideal, jittered = rows[protocol, False], rows[protocol, True]
        if ideal is not None and jittered is not None:
            floor = ideal.dice.mean - NEAR_A
            what = f"{protocol}: mean DSC with jittered prompts"
            yield what, f">= {floor:.3f}", jittered.dice.mean, jittered.dice.mean >= floor


if __name__ == "__main__":
    sys.exit(main())
