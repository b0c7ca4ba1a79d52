"""Prefect's server in a process that ends when the one that started it is gone, even by SIGKILL.

Run as a script, with the starter's process id, the log file and the server's port. Standard input is a pipe that
nobody writes to: it ends when the starter does. Processes that the starter forked may keep the pipe open, so the
parent's id is looked at as well.
"""

from __future__ import annotations

import os
import runpy
import select
import signal
import sys
import threading
import time
from pathlib import Path

_LOOK_SECONDS = 1.0
_STOP_SECONDS = 3.0


def end_with_parent(parent: int, log: Path) -> None:
    """Wait until the parent is gone; remove the log and end this process, gently first."""
    while os.getppid() == parent and not select.select([0], [], [], _LOOK_SECONDS)[0]:
        pass
    log.unlink(missing_ok=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_STOP_SECONDS)
    os._exit(1)


def main() -> None:
    """Start the server as Prefect's own command does."""
    parent, log, port = sys.argv[1:]
    threading.Thread(target=end_with_parent, args=(int(parent), Path(log)), daemon=True).start()
    sys.argv = ["prefect", "server", "start", "--no-ui", "--host", "127.0.0.1", "--port", port]
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
