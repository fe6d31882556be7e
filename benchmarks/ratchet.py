"""The landed network's figures, which only go up: `make ratchet` compares, `make ratchet-update` measures anew.

`ratchet.json` holds them, with the hash of the bundled weights that they were measured with and the figures of the
network before. Where the bundled weights are the ones that were measured nothing is run: what is left to see is whether
a figure fell by more than its noise without a line in CHANGELOG.md that says why (it has the word ratchet and the
figure's name, such as ``ratchet: sarcoma CT A``). Where they are others, everything is measured and compared.

    python benchmarks/ratchet.py              # what CI does: nothing where the weights are the ones measured
    python benchmarks/ratchet.py --update     # measure, compare with what was, write ratchet.json
    python benchmarks/ratchet.py --measure    # measure whatever the weights are, compare, write nothing
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
FIGURES = REPOSITORY / "benchmarks" / "ratchet.json"
WEIGHTS = REPOSITORY / "checkpoints" / "volsweep-nano.safetensors"
CHANGELOG = REPOSITORY / "CHANGELOG.md"
CASES = Path(os.environ.get("VOLSWEEP_CASES", REPOSITORY.parent / "shared" / "cases"))

FAMILIES = ("sarcoma", "ctlesion", "nodule", "glioma", "hippocampus", "vertebra")
CASES_A_GROUP = 2
"""Of each family and modality the first ones, of each the first label: minutes, and the same ones every time."""
PROTOCOLS = ("A", "E", "B")
LEAST_NOISE = 0.01
"""DSC that other processors and precisions move a figure by."""
NOISE_OF_SPEED = 0.25
"""Share by which the ratio to upstream moves on a machine that does other things, too."""
SPEED = "slices/s over upstream's"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--update", action="store_true", help="measure, and write what was found")
    parser.add_argument("--measure", action="store_true", help="measure whatever the weights are; write nothing")
    parser.add_argument("--no-speed", action="store_true", help="leave the ratio to upstream's as it was")
    args = parser.parse_args()
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {"figures": {}, "before": {}}
    if not (kept["figures"] or args.update or args.measure):
        print("ratchet: no figures were kept yet; `make ratchet-update` measures the bundled network")
        return 0
    sha256 = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    if sha256 == kept.get("sha256") and not (args.update or args.measure):
        problems = unexplained(kept["before"], kept["figures"], CHANGELOG.read_text(encoding="utf-8"))
        print(f"ratchet: the bundled weights are the ones measured ({sha256[:12]}), {len(kept['figures'])} figures")
        return told(problems)
    began = time.perf_counter()
    found = dict(phantoms())
    found |= dict(families()) if CASES.is_dir() else {}
    if args.no_speed:
        found |= {name: row for name, row in kept["figures"].items() if name == SPEED}
    else:
        found |= dict(speed())
    # Measured again with the same weights, they are held against those of the network before.
    before = kept["before"] if sha256 == kept.get("sha256") and kept["before"] else kept["figures"]
    print(table(before, found))
    print(f"measured in {time.perf_counter() - began:.0f} s")
    problems = unexplained(before, found, CHANGELOG.read_text(encoding="utf-8"))
    if args.update:
        content = {"sha256": sha256, "figures": found, "before": before}
        FIGURES.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"written to {FIGURES.relative_to(REPOSITORY)}")
    elif not args.measure:
        problems.append("checkpoints/ changed and benchmarks/ratchet.json did not: run `make ratchet-update`")
    return told(problems)


def told(problems: list[str]) -> int:
    """Say what is wrong; the exit code."""
    for problem in problems:
        print(f"ratchet: {problem}", file=sys.stderr)
    return 1 if problems else 0


def phantoms() -> Iterator[tuple[str, dict]]:
    """Mean DSC of each phantom's objects, from the prompts that come with it."""
    from volsweep.cases.phantoms import sample
    from volsweep.evaluate.metrics import dice
    from volsweep.io import read_labels, read_volume
    from volsweep.prompts import read_prompts
    from volsweep.session.session import Session

    for name in ("ct_phantom", "mr_phantom"):
        files = sample(name)
        volume, truth = read_volume(files.series), read_labels(files.truth)
        session = Session(volume)
        session.load_prompts(read_prompts(files.prompts, volume))
        session.sweep()
        labels = session.labels
        yield name, row({f"{name} {v}": dice(truth.mask_zyx(v), labels.mask_zyx(v)) for v in labels.values()})


def families() -> Iterator[tuple[str, dict]]:
    """Final DSC of each family and protocol on its first cases."""
    from volsweep.evaluate import Options, Protocol, evaluate_each, read_cases
    from volsweep.models import DEFAULT_MODEL

    options = Options(tuple(Protocol(name) for name in PROTOCOLS), baselines=False, pictures=False)
    taken: Counter[str] = Counter()
    found: dict[str, dict[str, float]] = {}
    for case in read_cases(CASES, "dev", FAMILIES):
        taken[case.group] += 1
        if taken[case.group] > CASES_A_GROUP:
            continue
        for _, scored, _ in evaluate_each([case], [DEFAULT_MODEL], options):
            first = min((one.score.label for one in scored), default=None)
            for one in scored:
                if one.score.label == first:
                    name = f"{case.group} {one.score.method.protocol}"
                    found.setdefault(name, {})[f"{case.name} {first}"] = one.score.dice
    for name, targets in found.items():
        yield name, row(targets)


def speed() -> Iterator[tuple[str, dict]]:
    """Processor time of the annotation session, upstream's over ours; nothing where upstream cannot run the network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speed.json"
        command = [sys.executable, "vs_upstream.py", "--slices", "80", "--side", "256", "--json", str(path)]
        done = subprocess.run(command, cwd=REPOSITORY / "benchmarks", capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"ratchet: vs_upstream.py failed, speed is left out:\n{done.stderr[-500:]}", file=sys.stderr)
            return
        seconds = {name: one["processor"] for name, one in json.loads(path.read_text())["results"].items()}
    ratio = seconds["upstream"] / seconds["volsweep, as shipped"]
    yield SPEED, {"mean": round(ratio, 1), "targets": {}}


def row(targets: dict[str, float]) -> dict:
    """A figure and what it is the mean of."""
    return {
        "mean": round(sum(targets.values()) / len(targets), 4),
        "targets": {name: round(value, 4) for name, value in targets.items()},
    }


def noise(name: str, before: dict, now: dict) -> float:
    """By how much a figure falls without meaning anything: the standard error of its targets' differences."""
    if name == SPEED:
        return NOISE_OF_SPEED * float(before["mean"])
    same = [now["targets"][key] - value for key, value in before["targets"].items() if key in now["targets"]]
    if len(same) < 2:
        return LEAST_NOISE
    mean = sum(same) / len(same)
    deviation = (sum((value - mean) ** 2 for value in same) / (len(same) - 1)) ** 0.5
    return max(LEAST_NOISE, deviation / len(same) ** 0.5)


def fallen(before: dict, now: dict) -> dict[str, tuple[float, float]]:
    """Figures that fell by more than their noise: what they were and are. One that is gone fell to nothing."""
    out = {}
    for name, old in before.items():
        new = now.get(name)
        if new is None:
            out[name] = (old["mean"], 0.0)
        elif new["mean"] < old["mean"] - noise(name, old, new):
            out[name] = (old["mean"], new["mean"])
    return out


def unexplained(before: dict, now: dict, changelog: str) -> list[str]:
    """A sentence for each figure that fell and that no line of the change log tells of."""
    lines = [line for line in changelog.splitlines() if "ratchet" in line.lower()]
    return [
        f"{name} fell from {old:g} to {new:g}; say why in CHANGELOG.md, in a line with `ratchet: {name}`, or mend it"
        for name, (old, new) in fallen(before, now).items()
        if not any(name in line for line in lines)
    ]


def table(before: dict, now: dict) -> str:
    """Every figure beside what it was."""
    lines = ["| figure | was | is | noise | |", "|---|---|---|---|---|"]
    for name in dict.fromkeys((*now, *before)):
        old, new = before.get(name), now.get(name)
        was, now_is = ("–" if one is None else f"{one['mean']:g}" for one in (old, new))
        width = f"{noise(name, old, new):.3f}" if old and new else ""
        lines.append(f"| {name} | {was} | {now_is} | {width} | {'FELL' if name in fallen(before, now) else ''} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
