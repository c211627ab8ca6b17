"""Measure the chosen groups, print one table of ratios, exit 1 if a goal is missed."""

from __future__ import annotations

import argparse
import compileall
import importlib
import os
import pkgutil
import shutil
import sys
from pathlib import Path

import bench.groups
from bench.place import IN_MEMORY, file_system, machine
from bench.table import Row, table

ROOT = Path(__file__).parents[1]


def main() -> int:
    """0: all goals reached. 1: one was missed. 2: cannot be measured here."""
    groups = sorted(module.name for module in pkgutil.iter_modules(bench.groups.__path__) if module.name[0] != "_")
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"of {', '.join(groups)}; all of them where none is named"
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "build", help="a folder on a disk (default: build)")
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.groups) - set(groups)):
        parser.error(f"no such group: {', '.join(unknown)}; there are {', '.join(groups)}")
    folder = chosen.folder / f"bench-{os.getpid()}"
    folder.mkdir(parents=True)
    try:
        kind = file_system(folder)
        if kind in IN_MEMORY:
            sys.stderr.write(f"bench: {chosen.folder} is on {kind}, in memory; name one on a disk with --folder\n")
            return 2
        compiled = compileall.compile_dir(ROOT / "irkit", quiet=2)
        sys.stdout.write(f"{machine()}; {os.cpu_count()} CPUs; file system {kind}; ")
        sys.stdout.write(f"bytecode {'compiled' if compiled else 'NOT compiled'}\n\n")
        sys.stdout.flush()
        rows: list[Row] = []
        for name in chosen.groups or groups:
            place = folder / name
            place.mkdir()
            rows += importlib.import_module(f"bench.groups.{name}").measure(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(table(rows))
    missed = [row.name for row in rows if not row.ok]
    sys.stdout.write(f"\n{len(missed)} of {len(rows)} goals missed{': ' + '; '.join(missed) if missed else ''}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
