"""Volsweep with a Python of its own, in a folder that may lie anywhere: what `tools/make-bundle` runs.

A copy of a Python, the packages of `requirements/bundle.txt` installed into it, the few shared libraries that a desktop
may lack (Linux), a launcher, and the licences of all of it. Only the standard library is needed to run this.
"""

from __future__ import annotations

import argparse
import compileall
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements" / "bundle.txt"
EXTRAS = "napari,serve,surfaces"
COMMON = Path("/usr/share/common-licenses")
WINDOWS = sys.platform == "win32"

LEFT_OUT = ("test", "idlelib", "turtledemo", "tkinter", "lib2to3", "config-*", "site-packages", "EXTERNALLY-MANAGED")
"""Parts of the standard library that nobody imports at work; the packages are installed anew."""

NOT_NEEDED = ("pip", "wheel", "torchvision")
"""What installing needed: sam2 names torchvision, of which Volsweep enters nothing (docs/install.md)."""

UNUSED = (
    *("../lib-dynload/_tkinter.*", "torch/test", "torch/include", "torch/bin/*test*", "torch/bin/protoc*"),
    *(f"PySide6/{name}" for name in ("scripts", "include", "typesystems", "glue", "doc", "Qt/qml", "Qt/libexec")),
    *(
        f"PySide6/{name}"
        for name in ("assistant*", "designer*", "linguist*", "lupdate*", "lrelease*", "qml*", "balsam*")
    ),
    *(
        f"PySide6/Qt/plugins/{name}"
        for name in ("platformthemes/libqgtk3*", "printsupport", "sqldrivers", "qmltooling")
    ),
)
"""Of the packages: their tests, headers and programs, and plugins of Qt that bring half a desktop along."""

OF_THE_SYSTEM = re.compile(
    r"(ld-linux[\w-]*|linux-vdso|libc|libm|libdl|libpthread|librt|libutil|libresolv|libnsl|libstdc\+\+|libgcc_s|libX11|libX11-xcb"
    r"|libxcb|libGL|libGLX|libGLdispatch|libEGL|libOpenGL|libdrm|libgbm|libfontconfig|libfreetype|libasound|libdbus-1)(-[\d.]+)?\.so"
)
"""Libraries that belong to the machine: the C and C++ ones, the display, its drivers, its fonts."""

POSIX_LAUNCHER = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
# Nothing of another Python on this machine, and no module of the folder that this is called in.
unset PYTHONHOME PYTHONPATH
export PYTHONNOUSERSITE=1 PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1
exec "$here/python/bin/python3" -m volsweep {command}"$@"
"""
WINDOWS_LAUNCHER = """@echo off
set PYTHONHOME=
set PYTHONPATH=
set PYTHONNOUSERSITE=1
set PYTHONSAFEPATH=1
set PYTHONDONTWRITEBYTECODE=1
"%~dp0python\\python.exe" -m volsweep {command}%*
"""

READ_ME = """Volsweep {version}: prompt one slice, sweep the volume.

  volsweep --help        the command line
  volsweep demo          a first result, from a phantom that is inside
  volsweep-window        the window (napari)

Nothing has to be installed, and this folder may lie anywhere; delete it and Volsweep is gone, but for what you chose
and saved (volsweep config path). It needs {needs}.
What it is made of, and under which licences: LICENSES.txt and the folder LICENSES.
"""


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="tools/make-bundle", description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "build" / "bundle", help="folder (build/bundle)")
    parser.add_argument("--python", type=Path, default=Path(sys.base_prefix), help="prefix of the Python to copy")
    parser.add_argument("--torch-index", help="index of torch's CPU builds (https://download.pytorch.org/whl/cpu)")
    parser.add_argument("--no-archive", action="store_true", help="the folder alone")
    parser.add_argument(
        "--lock", action="store_true", help=f"write {LOCK.name} from the packages of this Python, and end"
    )
    return parser.parse_args(given)


def version() -> str:
    """Volsweep's, as `pyproject.toml` has it."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def interpreter(python: Path) -> Path:
    """The program of a Python that lies in `python`."""
    return python / "python.exe" if WINDOWS else python / "bin" / "python3"


def packages_of(python: Path) -> Path:
    """The folder of its installed packages."""
    library = python / "Lib" if WINDOWS else next((python / "lib").glob("python3.*/os.py")).parent
    return library / "site-packages"


# What is inside -----------------------------------------------------------------------------------------------------


def lock() -> str:
    """Names and versions of all that Volsweep with its extras asks for, in the environment that runs this."""
    from packaging.requirements import Requirement

    asked = [*map(Requirement, (*requirements(), "setuptools"))]
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while asked:
        one = asked.pop()
        there = metadata.distribution(one.name)
        found[there.name] = there.version.split("+")[0]
        for extra in {"", *one.extras} - {extra for name, extra in seen if name == there.name}:
            seen.add((there.name, extra))
            needs = (Requirement(text) for text in there.requires or ())
            asked += [need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra})]
    lines = [f"{name}=={found[name]}\n" for name in sorted(found, key=str.lower)]
    head = "# What a bundle is made of: written by `tools/make-bundle --lock`, held by tests/deploy/test_bundle.py.\n"
    return head + "".join(lines)


def requirements() -> list[str]:
    """What this clone asks for, with the extras of a bundle (another system's left out)."""
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (project["optional-dependencies"][extra] for extra in EXTRAS.split(","))
    asked = [*project["dependencies"], *(text for texts in extras for text in texts)]
    return [text for text in asked if (marker := Requirement(text).marker) is None or marker.evaluate()]


def copy_python(prefix: Path, into: Path) -> None:
    """The interpreter and its standard library, without what nobody imports."""
    library = packages_of(prefix).parent

    def unwanted(folder: str, names: list[str]) -> set[str]:
        left_out = LEFT_OUT if Path(folder) == library else ()
        return shutil.ignore_patterns("__pycache__", *left_out)(folder, names)

    if WINDOWS:
        shutil.copytree(prefix, into, ignore=unwanted)
    else:
        shutil.copytree(library, into / "lib" / library.name, ignore=unwanted)
        for shared in (prefix / "lib").glob("libpython*.*"):
            shutil.copy2(shared, into / "lib" / shared.name, follow_symlinks=False)
        (into / "bin").mkdir()
        shutil.copy2((prefix / "bin" / library.name).resolve(), into / "bin" / "python3")
    packages_of(into).mkdir()


def install(python: Path, torch_index: str | None) -> None:
    """The packages of the lock and this clone's Volsweep, with the pip of the Python that is copied from."""
    env = {**os.environ, "SAM2_BUILD_CUDA": "0", "PIP_CONSTRAINT": str(LOCK), "PYTHONNOUSERSITE": "1"}
    env["PIP_ROOT_USER_ACTION"] = "ignore"
    env.pop("PYTHONPATH", None)
    program = str(interpreter(python))
    subprocess.run([program, "-m", "ensurepip", "--default-pip"], check=True, env=env, stdout=subprocess.DEVNULL)
    pip = [program, "-m", "pip", "install", "--quiet", "--no-warn-script-location", "--no-compile"]
    index = ["--index-url", torch_index] if torch_index else []
    subprocess.run([*pip, "torch", "torchvision", *index], check=True, env=env)
    subprocess.run([*pip, "setuptools", "wheel"], check=True, env=env)
    # Built beside the torch that is there, as docs/install.md has it.
    subprocess.run([*pip, "sam2", "--no-build-isolation"], check=True, env=env)
    subprocess.run([*pip, f"{ROOT}[{EXTRAS}]"], check=True, env=env)
    subprocess.run([program, "-m", "pip", "check"], check=True, env=env)
    subprocess.run([program, "-m", "pip", "uninstall", "--quiet", "--yes", *NOT_NEEDED], check=True, env=env)
    prune(packages_of(python))
    for script in (python / ("Scripts" if WINDOWS else "bin")).iterdir():
        if script != interpreter(python) and not script.name.startswith("python"):
            script.unlink()  # they name the place where they were made


def prune(site: Path) -> None:
    """Leave out what is never entered."""
    for pattern in ("../ensurepip", *UNUSED):
        for path in site.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


# Libraries (Linux) --------------------------------------------------------------------------------------------------


def programs_in(tree: Path) -> list[Path]:
    """The files that the dynamic linker reads."""
    found = []
    for path in sorted(tree.rglob("*")):
        if path.is_symlink() or not path.is_file() or not (".so" in path.name or os.access(path, os.X_OK)):
            continue
        with path.open("rb") as stream:
            if stream.read(4) == b"\x7fELF":
                found.append(path)
    return found


def needed(path: Path) -> dict[str, Path | None]:
    """The libraries that a file loads, and where they are found on this machine."""
    text = subprocess.run(["ldd", str(path)], check=False, capture_output=True, text=True).stdout
    pairs = re.findall(r"^\s*(\S+) => (not found|\S+)", text, flags=re.MULTILINE)
    return {name: None if place == "not found" else Path(place) for name, place in pairs}


def to_carry(tree: Path) -> dict[Path, dict[str, Path]]:
    """What files of the tree load that is neither in it nor a part of every desktop, by file."""
    carried = {}
    for path in programs_in(tree):
        outside = {
            name: place
            for name, place in needed(path).items()
            if place and tree not in place.resolve().parents and not OF_THE_SYSTEM.match(name)
        }
        if outside:
            carried[path] = outside
    return carried


def carry(python: Path, patchelf: str) -> list[Path]:
    """Copy those libraries into the bundle, and tell the files that load them; answers where they came from."""
    library = python / "lib"
    if any(library.glob("libpython*.so*")):  # it was found by the path of where it was built
        subprocess.run([patchelf, "--set-rpath", "$ORIGIN/../lib", str(interpreter(python))], check=True)
    everything: dict[str, Path] = {}
    for path, outside in to_carry(python).items():
        everything |= outside
        towards = os.path.relpath(library, path.parent)
        # RPATH, not RUNPATH, which patchelf would make of it: wheels' libraries find each other by what loaded them.
        subprocess.run([patchelf, "--force-rpath", "--add-rpath", f"$ORIGIN/{towards}", str(path)], check=True)
    for name, place in everything.items():
        shutil.copy2(place.resolve(), library / name)
        (library / name).chmod(0o644)
        subprocess.run([patchelf, "--set-rpath", "$ORIGIN", str(library / name)], check=True)
    return sorted(everything.values())


def oldest_libc(tree: Path) -> str:
    """The glibc that the bundle needs at least, of the symbols that its files ask for."""
    asked = {
        tuple(map(int, found.split(b".")))
        for path in programs_in(tree)
        for found in re.findall(rb"\0GLIBC_(\d+\.\d+)\0", path.read_bytes())
    }
    return ".".join(map(str, max(asked, default=(2, 17))))


# Licences -----------------------------------------------------------------------------------------------------------


def licence_of(package: metadata.Distribution) -> str:
    """What a package says of its licence: SPDX, else its classifiers, else the first line of its own words."""
    told = package.metadata
    if expression := told.get("License-Expression"):
        return str(expression)
    classes = [c.split(" :: ")[-1] for c in told.get_all("Classifier") or () if c.startswith("License ::")]
    classes = [c for c in classes if c != "OSI Approved"]
    words = (told.get("License") or "").strip().splitlines()
    return ", ".join(classes) or (words[0][:60] if words else "see its folder in LICENSES")


def licence_texts(package: metadata.Distribution) -> list[Path]:
    """The files in which a package gives its licence, notices and authors."""
    wanted = re.compile(r"^(licen[cs]e|copying|notice|authors|thirdparty|third.party)", re.IGNORECASE)
    files = [Path(str(f.locate())) for f in package.files or () if wanted.match(f.name) and f.suffix != ".py"]
    return [path for path in files if path.is_file()]


def write_licences(bundle: Path, site: Path, libraries: Iterable[Path]) -> None:
    """LICENSES.txt, a line a package and carried library, and LICENSES with their texts."""
    texts = bundle / "LICENSES"
    texts.mkdir()
    lines = [f"{'Python':32}{platform.python_version():20}Python Software Foundation License"]
    for source in site.parent.glob("LICENSE*"):
        shutil.copyfile(source, texts / "Python.txt")
    packages = {one.name.lower(): one for one in metadata.distributions(path=[str(site)])}
    for _, package in sorted(packages.items()):
        lines.append(f"{package.name:32}{package.version:20}{licence_of(package)}")
        for number, path in enumerate(licence_texts(package)):
            (texts / package.name).mkdir(exist_ok=True)
            shutil.copyfile(path, texts / package.name / (f"{number}-{path.name}" if number else path.name))
    for package_name in sorted({owner for path in libraries if (owner := _debian_package(path))}):
        lines.append(f"{package_name:32}{'system library':20}LICENSES/{package_name}.txt")
        shutil.copyfile(f"/usr/share/doc/{package_name}/copyright", texts / f"{package_name}.txt")
    if COMMON.is_dir():  # Qt's packages and Debian's name these and bring no text
        shutil.copytree(COMMON, texts / COMMON.name)
    (bundle / "LICENSES.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _debian_package(library: Path) -> str | None:
    """The package of the system that a library belongs to, if it tells its licence."""
    for path in (library, library.resolve(), Path("/usr") / str(library.resolve()).lstrip("/")):
        told = subprocess.run(["dpkg", "-S", str(path)], check=False, capture_output=True, text=True).stdout
        if told:
            name = told.split(":")[0]
            return name if Path(f"/usr/share/doc/{name}/copyright").is_file() else None
    return None


# All of it ----------------------------------------------------------------------------------------------------------


def write_launchers(bundle: Path) -> None:
    """`volsweep` and `volsweep-window`."""
    for name, command in (("volsweep", ""), ("volsweep-window", "gui ")):
        path = bundle / (f"{name}.cmd" if WINDOWS else name)
        text = (WINDOWS_LAUNCHER if WINDOWS else POSIX_LAUNCHER).format(command=command)
        path.write_text(text, encoding="utf-8", newline="\r\n" if WINDOWS else "\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def main() -> None:
    """Build what the command line asks for."""
    asked = arguments(sys.argv[1:])
    if asked.lock:
        LOCK.write_text(lock(), encoding="utf-8")
        return
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    bundle = asked.output.resolve() / f"volsweep-{version()}-{system}-{platform.machine().lower()}"
    if bundle.exists():
        raise SystemExit(f"{bundle} exists; move it away, or name another folder with --output")
    patchelf = shutil.which("patchelf")
    if system == "linux" and patchelf is None:
        raise SystemExit("patchelf is not there; install it: python -m pip install patchelf")
    bundle.mkdir(parents=True)
    python = bundle / "python"
    copy_python(asked.python, python)
    install(python, asked.torch_index)
    carried = carry(python, str(patchelf)) if system == "linux" else []
    site = packages_of(python)
    write_licences(bundle, site, carried)
    write_launchers(bundle)
    needs = f"a desktop with glibc {oldest_libc(python)} or newer" if system == "linux" else f"64-bit {system}"
    (bundle / "READ ME.txt").write_text(READ_ME.format(version=version(), needs=needs), encoding="utf-8")
    compileall.compile_dir(site.parent, quiet=2, workers=0, invalidation_mode=_never_stale())
    if not asked.no_archive:
        with tarfile.open(f"{bundle}.tar.gz", "w:gz", compresslevel=6) as archive:
            archive.add(bundle, bundle.name)


def _never_stale() -> compileall.py_compile.PycInvalidationMode:
    """Compiled once for good: unpacking and copying change the times of files."""
    return compileall.py_compile.PycInvalidationMode.UNCHECKED_HASH


if __name__ == "__main__":
    main()
