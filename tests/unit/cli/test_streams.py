from __future__ import annotations

import os
import subprocess
import sys

_PROGRAM = """
import sys
from irkit.cli.streams import Patient
sys.stdout = Patient(sys.stdout)
for number in range(20000):
    print("a line that nobody reads", number)
sys.stdout.flush()
sys.stderr.write("went on\\n")
"""


def test_a_reader_that_goes_away_stops_nothing() -> None:
    reads, writes = os.pipe()
    child = subprocess.Popen([sys.executable, "-c", _PROGRAM], stdout=writes, stderr=subprocess.PIPE, text=True)
    os.close(writes)
    os.close(reads)
    _, told = child.communicate(timeout=30)
    assert child.returncode == 0
    assert told.count("nobody reads the output any more") == 1
    assert told.endswith("went on\n")
