"""What workers are forked with."""

from __future__ import annotations

import subprocess
import sys

LATE = """
import sys, threading
import matrix.engine.preload as preload
print(threading.active_count(), [each for each in preload.FIRST_USED if each not in sys.modules])
"""


def test_what_libraries_import_late_is_there_and_no_thread_with_it() -> None:
    said = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=True).stdout
    assert said == "1 []\n"
