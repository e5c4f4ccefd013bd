"""What the store says of concepts is what its own tables give, counted slowly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import fake_builds
import numpy as np
import pytest
from metric_twins import CAV, covered, images, located, metric, one_map, present, ranked, scores

from core.catalogue import DEFINITIONS, METRICS
from core.metrics.enlarge import Picture
from core.recipe import parse
from core.types import Box, Grid, Head, Labels
from data import store
from precompute import pipeline
from precompute.banks.run import LabelledScores
from precompute.doctor import examine
from precompute.heads import Fitted
from precompute.intake.build import Build, Points
from precompute.quality import metric_heads, metric_maps

OF_SEVERAL_LABELS = {"macro_auc", "macro_ap"}
"""measures of heads over images that carry several labels, see tests of those"""


@pytest.fixture
def con(tiny_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with store.open_readonly(tiny_store) as opened:
        yield opened


# -- existence -----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 3, 5])
def test_existence_is_the_share_of_first_concepts_that_are_there(
    con: duckdb.DuckDBPyConnection, length: int
) -> None:
    there = present(con)
    values, chances = [], []
    for image in images(con):
        known = [k for k in ranked(con, image) if (image, k) in there]
        if len(known) >= length:
            values.append(np.mean([there[image, k] for k in known[:length]]))
            chances.append(np.mean([there[image, k] for k in known]))
    found = metric(con, "cem", evidence="all", images="all", l=length)
    assert found == {
        None: (pytest.approx(np.mean(values)), len(values), pytest.approx(np.mean(chances)))
    }


def test_concept_accuracy_counts_the_sides_of_the_separators(
    con: duckdb.DuckDBPyConnection,
) -> None:
    there, score = present(con), scores(con)
    pairs = [(i, k) for i in images(con) for k in score[i] if (i, k) in there]
    right = [(score[i][k] > 0) == there[i, k] for i, k in pairs]
    found = metric(con, "concept_accuracy", scope="bank")[None]
    assert found[:2] == (pytest.approx(np.mean(right)), len(pairs))
    every = [
        all(right[at] for at, (i, _) in enumerate(pairs) if i == image)
        for image in images(con)
        if all((image, k) in there for k in score[image])
    ]
    overall = metric(con, "overall_concept_accuracy", scope="bank")[None]
    assert overall[:2] == (pytest.approx(np.mean(every)), len(every))


def test_class_accuracy_is_the_accuracy_of_the_head(con: duckdb.DuckDBPyConnection) -> None:
    wanted = con.execute(
        "SELECT split, accuracy, n, chance FROM accuracy WHERE model = 'cav · sparse' ORDER BY 1"
    ).fetchall()
    assert len(wanted) == 3
    for split, *rest in wanted:
        assert metric(con, "class_accuracy", split=split)[None] == pytest.approx(tuple(rest))


# -- place ---------------------------------------------------------------------------------------


def test_evidence_in_mask_is_that_of_the_stored_maps(con: duckdb.DuckDBPyConnection) -> None:
    there, parts = present(con), located(con)
    assert len(parts) == 2
    means = []
    for concept, part in parts.items():
        shares, areas = [], []
        for image in images(con):
            if not there[image, concept]:
                continue
            seen, mask = np.maximum(one_map(con, image, concept), 0), covered(con, image, part)
            if seen.max() > 0:
                shares.append((seen * mask).sum() / seen.sum())
                areas.append(mask.mean())
        found = metric(con, "precision", scope="concept")[concept]
        assert found[1] == len(shares) > 1
        assert (found[0], found[2]) == pytest.approx((np.mean(shares), np.mean(areas)), abs=1e-3)
        means.append(found[0])
    bank = metric(con, "precision", scope="bank")[None]
    assert bank[:2] == (pytest.approx(np.mean(means)), len(means))


@pytest.mark.parametrize("alpha", [1, 3, 6])
def test_location_looks_for_the_part_among_the_highest_pixels(
    con: duckdb.DuckDBPyConnection, alpha: int
) -> None:
    there, parts = present(con), located(con)
    hits, chances = [], []
    for image in images(con):
        (first, *_) = [k for k in ranked(con, image) if k in parts]
        if not there[image, first]:
            continue
        w, h = con.execute(
            "SELECT width, height FROM image WHERE image_id = ?", [image]
        ).fetchone() or (0, 0)
        x, y = con.execute("SELECT x, y FROM part WHERE image_id = ?", [image]).fetchone() or (0, 0)
        grid = one_map(con, image, first)
        rows = np.clip((np.arange(h) + 0.5) / h * 3 - 0.5, 0, 2)
        columns = np.clip((np.arange(w) + 0.5) / w * 5 - 0.5, 0, 4)
        tall = np.stack([np.interp(rows, range(3), grid[:, c]) for c in range(5)], axis=1)
        pixels = np.stack([np.interp(columns, range(5), line) for line in tall])
        n_on = alpha * h * w // 12
        hits.append((pixels > pixels[int(y), int(x)]).sum() < n_on)
        chances.append(n_on / (h * w))
    found = metric(con, "clm", alpha=alpha, denominator="visible", l=1, ranked="placed")[None]
    assert found[1:] == (len(hits), pytest.approx(np.mean(chances), rel=1e-12))
    # a border in the plateau beyond the outer cell centres is a tie, which counts in part
    assert found[0] == pytest.approx(np.mean(hits), abs=0.5 / len(hits))


def test_every_metric_is_defined_and_in_its_range(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("SELECT name, value, n, chance, control FROM metric").fetchall()
    assert {name for name, *_ in rows} == set(METRICS) - OF_SEVERAL_LABELS
    for name, value, n, *others in rows:
        assert n > 0
        low, high = METRICS[name].bounds
        for number in (value, *(v for v in others if v is not None)):
            assert low - 1e-9 <= number <= high + 1e-9, name


def test_every_measure_of_a_bank_is_defined_and_in_its_range(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rows = con.execute("SELECT measure, value FROM quality").fetchall()
    assert {f"quality.{measure}" for measure, _ in rows} <= set(DEFINITIONS)
    for measure, value in rows:
        low, high = DEFINITIONS[f"quality.{measure}"].bounds
        assert low - 1e-6 <= value <= high + 1e-6, measure


def test_heads_on_labelled_banks_stand_beside_random_directions(
    con: duckdb.DuckDBPyConnection,
) -> None:
    found = con.execute(
        "SELECT bank_id, name, count(control), count(*) FROM metric WHERE scope = 'head' "
        "GROUP BY ALL"
    ).fetchall()
    assert {name for bank, name, _, _ in found if bank == CAV} >= {"cem", "clm", "cgim1"}
    assert all(n > 0 for bank, _, n, _ in found if bank == CAV)


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        ("value = 1.5 WHERE name = 'cem'", "metrics lie in their range"),
        ("chance = -1 WHERE name = 'iou'", "metrics lie in their range"),
        ("concept_id = 99 WHERE scope = 'concept'", "metrics are of heads, banks and concepts"),
        ("bank_id = 0 WHERE name = 'clm'", "metrics are of heads, banks and concepts"),
    ],
)
def test_doctor_finds_metrics_that_cannot_be(
    tiny_store: Path, tmp_path: Path, change: str, promise: str
) -> None:
    copy = tmp_path / "copy.duckdb"
    shutil.copy(tiny_store, copy)
    with duckdb.connect(str(copy)) as con:
        con.execute(f"UPDATE metric SET {change}")
    errors = [f.message for f in examine(copy) if f.level == "error"]
    assert len(errors) == 1
    assert errors[0].startswith(promise)


# -- without a store -----------------------------------------------------------------------------

GRID = Grid(3, 4)


def known(*, n: int = 6, level: str = "image") -> Build:
    """Six images of two classes and two concepts, each with a mask of its own and one point."""
    rng = np.random.default_rng(4)
    masks = (rng.random((n, GRID.h * GRID.w, 2)) < 0.3).astype(np.float32)
    masks[:, 0] = 1
    rows = np.arange(n)
    return fake_builds.build(
        classes=fake_builds.classes(rows % 2, "wren", "heron"),
        held_out=rows,
        masks=fake_builds.masks(rows, masks.reshape(-1, 2)),
        grid=GRID,
        labels=Labels(("a", "b"), np.ones((0, 2)), np.ones((n, 2)), level),
        presence=np.ones((n, 2)),
        parts=("beak", "wing"),
        points=Points(
            rows,
            tuple(
                Picture(
                    20,
                    9,
                    Box(0.0, 0.0, 1.0, 1.0),
                    {"beak": [(3.5 + i, 2.5)], "wing": [(8.5, 1.5 + i)]},
                )
                for i in rows
            ),
        ),
    )


def concepts(codes: np.ndarray) -> LabelledScores:
    rng = np.random.default_rng(5)
    return LabelledScores(rng.normal(size=(6, 2)), np.array([0, 1]), True, lambda _: codes)


def test_constant_map_gets_chance_and_no_more() -> None:
    flat = concepts(np.full((12, 2), 0.7))
    for row in metric_maps.in_masks(flat, known()):
        assert row.measure.value == pytest.approx(row.measure.chance), row.name
    head = Head(np.array([[1.0, 0.5], [0.2, -1.0]]), np.zeros(2))
    reading = metric_heads.read(Fitted(head, np.arange(2), ""), flat, known(), sparse=False)
    found = metric_heads.location(reading, flat, known())
    assert {row.measure.value for row in found if row.name == "placeless"} == {0.0}
    placed = [row for row in found if row.name == "clm"]
    assert {dict(row.variant)["alpha"] for row in placed} == {1, 3, 6}
    for row in placed:
        assert row.measure.value == pytest.approx(row.measure.chance)
        assert row.measure.chance == pytest.approx(dict(row.variant)["alpha"] / 12)


def test_labels_of_classes_stand_in_for_those_of_images_and_say_so() -> None:
    some = concepts(np.random.default_rng(6).normal(size=(12, 2)).astype(np.float32))
    head = Head(np.array([[1.0, 0.5], [0.2, -1.0]]), np.zeros(2))
    values = {}
    for by_image in (True, False):
        level = "image" if by_image else "class"
        shown = replace(known(level=level), presence=np.tile([1.0, 0.0], (6, 1)))
        reading = metric_heads.read(Fitted(head, np.arange(2), ""), some, shown, sparse=True)
        rows = metric_heads.presence(reading, some, shown)
        assert {"labels" in dict(row.variant) for row in rows} == {not by_image}
        values[by_image] = [row.measure for row in rows]
    assert values[True] == values[False]
    assert values[True]


def test_no_correct_image_is_said_and_leaves_the_rest() -> None:
    some = concepts(np.random.default_rng(6).normal(size=(12, 2)).astype(np.float32))
    head = Head(np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([1.0, 0.0]))
    one = fake_builds.classes(np.ones(6, dtype=np.int64), "wren", "heron")
    wrong = replace(known(), classes=one, train=np.arange(6))
    reading = metric_heads.read(Fitted(head, np.arange(2), ""), some, wrong, sparse=True)
    with pytest.raises(ValueError, match="no class has a correctly classified"):
        metric_heads.importance(reading, some, wrong)
    (accuracy, *_) = metric_heads.accuracies(reading, some, wrong)
    assert accuracy.measure == (0.0, 1.0, 6)


@pytest.mark.usefixtures("fake_backbone")
def test_without_labels_one_notice_says_what_is_missing(shapes: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    for path in sorted((shapes.parent / "images").glob("*.png"))[:9]:
        (plain / path.name).write_bytes(path.read_bytes())
    text = (
        f'name = "x"\n[dataset]\nreader = "folder"\npath = "{plain.as_posix()}"\n[backbone]\n'
        'model = "fake"\nbatch = 4\n[[banks]]\nmethod = "nmf"\nn_concepts = 3\n'
    )
    built = pipeline.run(parse(text), text=text, out=tmp_path / "out")
    with store.open_readonly(built) as con:
        said = con.execute("SELECT subject, message FROM notice WHERE stage = 'measure'").fetchall()
        assert con.execute("SELECT count(*) FROM metric").fetchone() == (0,)
    assert [subject for subject, _ in said] == ["labelled concepts"]
    assert "the data set has none" in said[0][1]
