"""`python -m benchmarks [NAME] [OPTIONS]`: print the tables."""

from __future__ import annotations

import argparse
import importlib

from benchmarks.machine import describe_machine

ALL = ("core", "scaling", "pipeline")
NAMES = (*ALL, "out_of_core", "statistics", "in_sample", "reaudit")


def main() -> None:
    """Run one benchmark, or those that need no options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Print the tables.")
    parser.add_argument("--quick", action="store_true", help=f"small runs of {', '.join(ALL)}")
    subparsers = parser.add_subparsers(dest="name", metavar="NAME")
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in NAMES}
    parsers = {}
    for name, module in modules.items():
        line = (module.__doc__ or "").splitlines()[0]
        parsers[name] = subparsers.add_parser(name, help=line, description=line)
        module.add_arguments(parsers[name])
    chosen = parser.parse_args()
    print(describe_machine())
    if chosen.name is not None:
        modules[chosen.name].run(chosen)
        return
    for name in ALL:
        modules[name].run(parsers[name].parse_args(["--quick"] if chosen.quick else []))


if __name__ == "__main__":
    main()
