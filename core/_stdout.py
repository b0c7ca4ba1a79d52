"""The one place where the core writes for a reader: for `verbose=` and for the printers of `show`."""

import sys


def write_lines(*lines: str) -> None:
    """Write lines to standard output, found at the time of the call."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
