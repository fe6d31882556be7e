"""Run the walk-throughs of batch.md and formats.md, and write what their commands print beneath them.

    python docs/make_walkthrough.py            # run, print, and write the documents
    python docs/make_walkthrough.py --check    # run and print only

In a section "A walk through ...", a `csv` block is the manifest, `sh` blocks are run, and a `text` block
holds what the block before it printed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENTS = ("batch.md", "formats.md")
CASES = Path(os.environ.get("VOLSWEEP_CASES", HERE.parents[1] / "shared" / "cases")).absolute()
_BLOCK = re.compile(r"```(csv|sh|text)\n(.*?)```", re.DOTALL)
_SECTION = re.compile(r"^## A walk through.*?(?=^## )", re.DOTALL | re.MULTILINE)


def section(document: str) -> re.Match[str]:
    """Find the walk-through of a document."""
    found = _SECTION.search(document)
    if found is None:
        raise SystemExit("there is no section 'A walk through'")
    return found


def walk(text: str, folder: Path) -> str:
    """Run the blocks of a section in a folder; return the section with what they print."""
    printed = ""

    def run(block: re.Match[str]) -> str:
        nonlocal printed
        language, content = block.groups()
        if language == "csv":
            (folder / "sarcoma.csv").write_text(content, encoding="utf-8")
        elif language == "sh":
            printed = shell(content, folder)
        else:
            return f"```text\n{printed}```"
        return block[0]

    return _BLOCK.sub(run, text)


def shell(commands: str, folder: Path) -> str:
    """What commands print; the first that fails ends it all."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "CASES": str(CASES), "COLUMNS": "100"}
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{commands}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
    lines = [line.rstrip().replace(f"{folder.resolve()}/", "") for line in done.stdout.splitlines()]
    return "".join(f"{line}\n" for line in lines if line)


def main() -> None:
    """Run all walk-throughs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="do not write the documents")
    parser.add_argument("--keep", type=Path, help="folder to run in, and to leave the results in")
    args = parser.parse_args()
    for name in DOCUMENTS:
        path = HERE / name
        document = path.read_text(encoding="utf-8")
        found = section(document)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) if args.keep is None else args.keep / path.stem
            folder.mkdir(parents=True, exist_ok=True)
            new = walk(found[0], folder)
        print(f"{name}\n\n{new}")
        if not args.check:
            path.write_text(document[: found.start()] + new + document[found.end() :], encoding="utf-8")


if __name__ == "__main__":
    main()
