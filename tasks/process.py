"""When this process began: what was on disk then and has not changed since is what it runs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from functools import cache
from pathlib import Path

_IMPORTED_AT = time.time()
_START_FIELD = 19  # starttime in /proc/self/stat, counted after the name of the process


@cache
def process_started_at() -> float:
    """Return when this process began, in seconds since the epoch; when in doubt, somewhat earlier.

    Linux tells by /proc, other systems by `ps`. Where neither is to be had it is the time of this module's import,
    and a module that was edited between an earlier import and this one goes unnoticed.
    """
    for source in (_from_proc, _from_ps):
        with contextlib.suppress(OSError, ValueError, IndexError, subprocess.SubprocessError):
            return min(source(), _IMPORTED_AT)
    return _IMPORTED_AT


def _from_proc() -> float:
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    age = uptime - int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK")
    return time.time() - age - 0.1  # both clocks are coarse


def _from_ps() -> float:
    command = ["ps", "-o", "etime=", "-p", str(os.getpid())]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()  # noqa: S603
    days, _, clock = text.rpartition("-")
    seconds = 0
    for part in clock.split(":"):
        seconds = seconds * 60 + int(part)
    return time.time() - (int(days or 0) * 86_400 + seconds) - 1.0  # whole seconds
