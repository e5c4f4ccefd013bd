"""What a person is told when a store is there: what is in it, what is not, and how to open it."""

from __future__ import annotations

import textwrap
from pathlib import Path

from core.counted import counted
from data import store
from data.queries import build

WIDTH = 100
"""characters of a line"""
LISTED = 3
"""skipped files that are named; the Overview lists all"""


def ending(path: Path) -> str:
    """Lines for the console on the store at `path`."""
    with store.open_readonly(path) as con:
        facts, splits, classes = build.build(con), build.splits(con), build.classes(con)
        banks, heads = build.banks(con), build.heads(con)
        notices, skipped = build.notices(con), build.skipped(con, limit=LISTED)
    by_split = ", ".join(f"{row['n']:,} {row['split']}" for row in splits.to_dict("records"))
    lines = [
        f"{counted(facts.n_images, 'image')} ({by_split}), "
        f"{counted(classes['labelled'].sum(), 'label' if facts.multi_label else 'class')} of "
        f"images, {counted(classes['output'].notna().sum(), 'output')} of the model",
        f"layer {facts.layer}: {facts.why}",
        "concept banks: "
        + (
            ", ".join(f"{bank.name} ({counted(bank.n_concepts, 'concept')})" for bank in banks)
            or "none"
        ),
        "heads: " + (", ".join(head.name for head in heads) or "none"),
    ]
    if facts.n_skipped:
        lines.append(f"{counted(facts.n_skipped, 'file')} skipped:")
        lines += [f"  {row['file']}: {row['reason']}" for row in skipped.to_dict("records")]
        if facts.n_skipped > len(skipped):
            lines.append(f"  and {facts.n_skipped - len(skipped):,} more, listed on the Overview")
    if len(notices):
        lines.append("left out:")
        lines += [
            f"  {row['stage']}, {row['subject']}: {row['message']}"
            for row in notices.to_dict("records")
        ]
    return "\n".join(
        textwrap.fill(
            line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
        for line in lines
    )
