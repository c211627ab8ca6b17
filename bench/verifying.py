"""The process that `journal` measures: `python -m bench.verifying FOLDER` prints seconds and peak memory as JSON.

Seconds are of processor time: both loops use one core and nothing else, and a busy machine says nothing of either.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
from pathlib import Path
from statistics import median
from time import process_time

from irkit.journal.verify import verify

ROUNDS = 3


def main() -> None:
    """Both loops take turns over the same file."""
    folder = Path(sys.argv[1])
    verifying: list[float] = []
    hashing: list[float] = []
    for _ in range(ROUNDS):
        start = process_time()
        with (folder / "journal.jsonl").open("rb") as file:
            for line in file:
                hashlib.sha256(line).digest()
        hashing.append(process_time() - start)
        start = process_time()
        report = verify(folder)
        verifying.append(process_time() - start)
        if report.status == "broken":
            sys.exit(f"the journal that was made for this does not verify: {report.faults[0]}")
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024  # getrusage(2) counts KiB, and bytes on macOS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    json.dump({"verify_s": median(verifying), "sha256_s": median(hashing), "peak_mib": peak}, sys.stdout)


if __name__ == "__main__":
    main()
