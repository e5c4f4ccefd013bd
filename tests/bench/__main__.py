"""make bench: ratios within one run, sizes, and the time of every page's queries.

Machines differ and are shared, so compare ratios; absolute times are for orientation.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from data.store import ARTIFACTS, stores
from tests.bench import building, querying


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--images", type=int, default=512, help="images of the build benchmark")
    parser.add_argument("--db", type=Path, help="store to query (default: the newest)")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start\n")
    built = building.report(options.images)
    found = stores(ARTIFACTS)
    querying.report(options.db or (found[0] if found else built))


if __name__ == "__main__":
    main()
