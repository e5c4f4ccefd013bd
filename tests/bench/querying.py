"""p50 and p95 of every page's queries, on a store and on random ids."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np

from data.queries import (
    build,
    classes,
    comparing,
    concepts,
    heads,
    images,
    leaderboard,
    metrics,
    truth,
)
from data.queries import concept as one
from data.store import open_readonly

_REPEATS = 40
Con = duckdb.DuckDBPyConnection
Page = Callable[[Con, np.random.Generator], None]


def report(path: Path) -> None:
    """Prints one row a page: all its queries together, warm, ids drawn anew each time."""
    con = open_readonly(path)
    n_images, n_concepts = con.execute(
        "SELECT (SELECT count(*) FROM image), (SELECT count(*) FROM concept)"
    ).fetchall()[0]
    print(
        f"queries on {path.name}: {n_images:,} images, {n_concepts:,} concepts, "
        f"{path.stat().st_size / 1e6:.0f} MB"
    )
    print(f"{'page':<14}{'p50 ms':>9}{'p95 ms':>9}{'n':>5}")
    for name, page in _PAGES.items():
        rng = np.random.default_rng(0)
        times = []
        for i in range(_REPEATS + 3):
            started = time.perf_counter()
            page(con.cursor(), rng)
            if i >= 3:
                times.append((time.perf_counter() - started) * 1000)
        low, high = np.percentile(times, [50, 95])
        print(f"{name:<14}{low:>9.1f}{high:>9.1f}{len(times):>5}")


def _bank(con: Con, rng: np.random.Generator) -> tuple[int, int]:
    banks = build.banks(con)
    bank = banks[int(rng.integers(len(banks)))]
    return bank.bank_id, int(rng.integers(bank.n_concepts))


def _head(con: Con, rng: np.random.Generator) -> build.HeadFacts:
    heads = build.heads(con)
    return heads[int(rng.integers(len(heads)))]


def _image(con: Con, rng: np.random.Generator) -> int:
    return int(rng.choice(images.image_ids(con)))


def _overview(con: Con, _: np.random.Generator) -> None:
    for query in (
        build.build,
        build.banks,
        build.heads,
        build.accuracies,
        build.splits,
        build.classes,
        build.stages,
        build.notices,
        build.skipped,
        build.sample_images,
    ):
        query(con)


def _concepts(con: Con, rng: np.random.Generator) -> None:
    bank_id, _ = _bank(con, rng)
    order = list(concepts.ORDERS)[int(rng.integers(len(concepts.ORDERS)))]
    found = concepts.matching(con, bank_id, order=order, filters=concepts.Filters())[:50]
    concepts.concepts(con, bank_id, found)
    concepts.thumbs(con, bank_id, found.tolist(), n=3)


def _concept(con: Con, rng: np.random.Generator) -> None:
    bank_id, concept_id = _bank(con, rng)
    one.concept(con, bank_id, concept_id)
    one.example_groups(con, bank_id, concept_id)
    shown = one.examples(con, bank_id, concept_id)
    pairs = [(concept_id, int(i)) for i in shown["image_id"].unique()]
    h, w = images.grid(con)
    one.maps(con, bank_id, pairs, n_tokens=h * w)
    one.histogram(con, bank_id, concept_id)
    one.class_scores(con, bank_id, concept_id)
    one.weights(con, bank_id, concept_id)
    one.neighbours(con, bank_id, concept_id)
    one.label_scores(con, bank_id, concept_id)


def _one_image(con: Con, rng: np.random.Generator) -> None:
    bank_id, _ = _bank(con, rng)
    image_id = _image(con, rng)
    images.image(con, image_id)
    images.picture(con, image_id)
    images.concept_maps(con, bank_id, image_id)
    images.saliency(con, image_id)
    truth.image_labels(con, bank_id, image_id)
    truth.parts(con, image_id)


def _intervene(con: Con, rng: np.random.Generator) -> None:
    head = _head(con, rng)
    image_id = _image(con, rng)
    loaded = heads.load(con, head.head_id)
    heads.concepts(con, head.head_id)
    heads.image_scores(con, head.bank_id, loaded.concept_ids, image_ids=np.array([image_id]))
    images.picture(con, image_id)


def _classes(con: Con, rng: np.random.Generator) -> None:
    head_id = _head(con, rng).head_id
    class_id = int(rng.choice(classes.classes(con, head_id)["class_id"]))
    for query in (
        classes.explanation,
        classes.importances,
        classes.cluster,
        classes.confusions,
        classes.confused,
    ):
        query(con, head_id, class_id)
    classes.dominance(con, head_id)
    classes.fidelity(con, head_id)


def _differences(con: Con, rng: np.random.Generator) -> None:
    bank_id, _ = _bank(con, rng)
    comparing.concepts(con, bank_id)
    for split in ("train", "test"):
        comparing.members(con, split=split, class_id=None, right=None)


def _leaderboard(con: Con, rng: np.random.Generator) -> None:
    for query in (
        leaderboard.figures,
        leaderboard.reading_heads,
        leaderboard.baselines,
        leaderboard.probe_summary,
    ):
        query(con)
    leaderboard.probes(con, _bank(con, rng)[0])


def _metrics(con: Con, rng: np.random.Generator) -> None:
    metrics.measured(con)
    metrics.label_levels(con)
    metrics.concept_metrics(con, _bank(con, rng)[0])


_PAGES: dict[str, Page] = {
    "Overview": _overview,
    "Concepts": _concepts,
    "Concept": _concept,
    "Image": _one_image,
    "Intervene": _intervene,
    "Classes": _classes,
    "Differences": _differences,
    "Leaderboard": _leaderboard,
    "Metrics": _metrics,
}
