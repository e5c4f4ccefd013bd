"""make bench: ratios within one run, sizes, and the time of every page's queries.

Machines differ and are shared, so compare ratios; absolute times are for orientation.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import precompute  # noqa: F401 first of all: it says how threads wait, as in a build
from data.store import ARTIFACTS, stores
from tests.bench import building, encoding, intervals, intervening, querying, shipped, training

PARTS = ("building", "training", "shipped", "encoding", "intervening", "intervals", "querying")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--images", type=int, default=512, help="images of the build benchmark")
    parser.add_argument("--quick", action="store_true", help="without the large factorisation")
    parser.add_argument("--db", type=Path, help="store to query (default: the newest)")
    options = parser.parse_args()
    parts = options.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown part {unknown.pop()!r}; there are {', '.join(PARTS)}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    built = building.report(options.images) if "building" in parts else None
    if "training" in parts:
        training.report(large=not options.quick)
    if "shipped" in parts:
        shipped.report()
    if "encoding" in parts:
        encoding.report()
    if "intervening" in parts:
        intervening.report()
    if "intervals" in parts:
        intervals.report()
    if "querying" in parts:
        found = [p for p in (options.db, *stores(ARTIFACTS), built) if p]
        if not found:
            parser.error("there is no store to query; run make demo, or name one with --db")
        querying.report(found[0])


if __name__ == "__main__":
    main()
