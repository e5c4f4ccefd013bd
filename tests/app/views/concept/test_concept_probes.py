"""A concept beside its bank's others and a plain probe, in the store and on its page."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import fake_builds
import numpy as np
import opening
import pandas as pd
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app.views.concept import concept_probes
from app.widgets import learnability
from core.types import Labels
from data import store
from data.queries import concept as one
from data.queries import leaderboard, probes
from precompute.quality import probing

MAIN = ROOT / "app" / "main.py"
N = 60


@pytest.fixture
def planted() -> Iterator[duckdb.DuckDBPyConnection]:
    """Two labels of which the plain activations show only the first; four concepts."""
    rng = np.random.default_rng(5)
    first, second = np.arange(N) % 2, np.arange(N) // 2 % 2
    y = np.stack([first, second, np.zeros(N)], axis=1).astype(np.float64)
    pooled = np.column_stack([first + rng.normal(0, 0.1, N), rng.normal(size=(N, 3))])
    known = fake_builds.build(
        classes=fake_builds.classes(np.arange(N) // 30, "wren", "heron"),
        held_out=np.arange(N),
        labels=Labels(("first", "second", "never"), y[:0], y, "image"),
        pooled=pooled.astype(np.float32),
    )
    scores = np.column_stack([first, rng.normal(size=N), 1.0 - second, second + rng.random(N)])
    with duckdb.connect() as con:
        con.execute(store.SCHEMA.read_text(encoding="utf-8"))
        base = probing.baseline(con, known)
        label_of = pd.Series([0, 0, 1, 1, 2, None], dtype="UInt32")
        more = np.column_stack([scores, first, first])
        probing.put(con, 7, more, base, label_of=label_of)
        yield con


def test_each_concept_is_ranked_alone_on_its_own_label(
    planted: duckdb.DuckDBPyConnection,
) -> None:
    rows = planted.execute("FROM concept_probe ORDER BY concept_id").df()
    # the third label is on no image, the last concept has none
    assert rows["concept_id"].tolist() == [0, 1, 2, 3]
    assert rows["labelled_id"].tolist() == [0, 0, 1, 1]
    assert rows["auc"].tolist()[::2] == [1, 0]
    assert rows["auc"][1] == pytest.approx(0.5, abs=0.2)
    assert (rows["n"] == N).all()
    assert (rows["n_positive"] == N // 2).all()
    raw = planted.execute(
        "SELECT labelled_id, auc AS raw FROM probe WHERE bank_id IS NULL AND labelled_id < 2"
    ).df()
    beside = rows.merge(raw, on="labelled_id")
    np.testing.assert_allclose(beside["gain"], beside["auc"] - beside["raw"], atol=1e-12)
    # the plain probe wins where it alone sees the label, and loses where it is blind
    assert (rows["gain_hi"] < 0).tolist() == [False, True, True, False]
    assert (rows["gain_lo"] > 0).tolist() == [False, False, False, True]
    assert rows[["auc_lo", "auc", "auc_hi"]].apply(lambda r: r.is_monotonic_increasing, 1).all()


def test_strengths_come_from_the_val_split_and_nothing_is_judged_there() -> None:
    """Labels of val images that are noise ask for the strongest penalty; n is of the others."""
    rng = np.random.default_rng(6)
    n = 120
    shown, noise = np.arange(n) % 2, rng.integers(0, 2, n)
    split = np.where(np.arange(n) < 60, "test", "val").astype(object)
    pooled = (shown[:, None] + rng.normal(0, 1, (n, 12))).astype(np.float32)

    def stored(presence: np.ndarray) -> pd.DataFrame:
        known = fake_builds.build(
            classes=fake_builds.classes(np.full(n, -1)),
            held_out=np.arange(60),
            split=split,
            labels=Labels(("shown",), presence[:0], presence[:60], "image"),
            presence=presence,
            pooled=pooled,
        )
        with duckdb.connect() as con:
            con.execute(store.SCHEMA.read_text(encoding="utf-8"))
            base = probing.baseline(con, known)
            scores = pooled.astype(np.float64)
            probing.put(con, 1, scores, base, label_of=pd.Series([0] * 12, dtype="UInt32"))
            return con.execute("FROM probe ORDER BY kind, auc").df()

    right = stored(shown[:, None].astype(float))
    wrong = stored(np.where(split == "val", noise, shown)[:, None].astype(float))
    assert (right["n"] == 60).all()
    assert (wrong["n"] == 60).all()
    assert right["kind"].tolist() == wrong["kind"].tolist()
    by_kind = right["auc"].to_numpy() != wrong["auc"].to_numpy()
    assert dict(zip(right["kind"], by_kind, strict=True)) == {
        "latent": False,  # nothing is fitted
        "raw": True,
        "top": True,
    }


def test_a_label_is_read_off_in_four_ways(planted: duckdb.DuckDBPyConnection) -> None:
    found = probes.of_concept(planted, 7, 1)
    assert found["kind"].tolist() == ["own", "latent", "top", "raw"]
    stored = planted.execute("FROM probe WHERE labelled_id = 0").df().set_index("kind")
    for kind in ("latent", "top", "raw"):
        row = found[found["kind"] == kind].iloc[0]
        assert row["auc"] == stored.loc[kind, "auc"]
        assert row["n_latents"] == stored.loc[kind, "n_latents"]
    assert found["concept_id"].dropna().tolist() == [0]  # the best single one
    assert probes.of_concept(planted, 7, 5).empty
    shown = concept_probes.rows(found)
    assert shown["winner"].tolist() == [learnability.PLAIN, "even", "even", ""]
    assert shown["what"].tolist() == ["This concept", "Best: #0", "Top 6 concepts", "Plain probe"]
    assert "wins**] against this concept." in concept_probes.conclusion(shown)
    winner = concept_probes.rows(probes.of_concept(planted, 7, 3))
    assert winner["winner"].tolist()[0] == learnability.BANK
    assert "is not better" in concept_probes.conclusion(winner)
    both = concept_probes.conclusion(shown.assign(winner=[learnability.PLAIN] * 3 + [""]))
    assert "this concept, the best concept and the best few" in both


@pytest.mark.parametrize(
    ("latent", "top", "flag"),
    [
        ((-0.2, -0.1), (-0.3, -0.01), "▲ plain probe wins"),
        ((-0.2, -0.1), (-0.3, 0.0), "▲ over the latent"),
        ((-0.2, 0.1), (-0.3, -0.1), ""),
        ((0.1, 0.2), (0.1, 0.2), ""),
    ],
)
def test_the_plain_probe_wins_where_both_intervals_say_so(
    planted: duckdb.DuckDBPyConnection,
    latent: tuple[float, float],
    top: tuple[float, float],
    flag: str,
) -> None:
    planted.execute("INSERT INTO labelled_concept VALUES (0, 'first', NULL, NULL)")
    found = leaderboard.probes(planted, 7).iloc[:1]
    for kind, (lo, hi) in (("latent", latent), ("top", top)):
        found = found.assign(**{f"{kind}_gain_lo": lo, f"{kind}_gain_hi": hi})
    row = learnability.prepared(found).iloc[0]
    assert row["flag"] == flag
    assert row["target"] == "first"
    assert row["best"] == "#0"
    assert row["raw_range"].startswith(f"{row['raw_lo']:.3f}"[:4])


def test_learnability_stands_beside_that_of_the_classes() -> None:
    rows = pd.DataFrame(
        [
            ("label", "red", 0.5, False),
            ("class", "wren", 0.9, False),
            ("class", "auk", 0.6, True),
            ("class", "heron", 0.3, False),
        ],
        columns=["what", "name", "nap", "strongest"],
    ).assign(nap_chance=0.1, n=40, n_positive=9)
    line = concept_probes.learnt(rows)
    assert line.startswith(":orange[▲] Learnability (NAP) 0.500, chance 0.100, n 40")
    assert "classes 0.600 on average, 0.300 to 0.900; auk, where it is strongest, 0.600" in line
    assert "2 of 3 classes are easier" in line
    rows.loc[rows["what"] == "label", "nap"] = 0.7
    assert "▲" not in concept_probes.learnt(rows)
    assert "no class was probed" in concept_probes.learnt(rows.iloc[:1])


@pytest.fixture
def probed(tiny_store: Path) -> tuple[int, str, int]:
    """bank_id, bank and concept_id of a concept whose label has enough held-out images."""
    with store.open_readonly(tiny_store) as con:
        found = con.execute(
            "SELECT bank_id, name, min(concept_id) FROM concept_probe JOIN bank USING (bank_id) "
            "GROUP BY ALL ORDER BY bank_id DESC LIMIT 1"
        ).fetchone()
    assert found is not None
    return found


def test_store_holds_every_concept_of_a_bank_on_its_label(
    tiny_store: Path, probed: tuple[int, str, int]
) -> None:
    bank_id, _, concept_id = probed
    with store.open_readonly(tiny_store) as con:
        rows = con.execute(
            "SELECT p.*, concept.labelled_id AS own, name_auc FROM concept_probe p "
            "JOIN concept USING (bank_id, concept_id)"
        ).df()
        raw = con.execute("SELECT DISTINCT labelled_id FROM probe WHERE kind = 'raw'").df()
        (expected,) = con.execute(
            "SELECT count(*) FROM concept WHERE labelled_id IN (SELECT labelled_id FROM probe)"
        ).fetchone() or (0,)
        found = probes.learnability(con, bank_id, concept_id)
        label = one.concept(con, bank_id, concept_id)
    assert len(rows) == expected > 5
    assert (rows["own"] == rows["labelled_id"]).all()
    assert set(rows["labelled_id"]) <= set(raw["labelled_id"].dropna())
    assert label is not None
    assert found["what"].tolist() == ["label", *["class"] * 4]
    assert found["name"][0] == label.label
    assert found["strongest"].sum() == 1
    assert found["nap"][1:].is_monotonic_decreasing


def test_every_label_is_listed_and_not_the_best_few(tiny_store: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(tiny_store, tmp_path / "many.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute(
            "INSERT INTO labelled_concept SELECT 100 + i, 'label ' || i, NULL, NULL "
            "FROM range(40) r(i)"
        )
        con.execute(
            "INSERT INTO label_score SELECT 0, 0, 100 + i, i / 40, 9, NULL, NULL, NULL, NULL "
            "FROM range(40) r(i)"
        )
        (n,) = con.execute(
            "SELECT count(*) FROM label_score WHERE bank_id = 0 AND concept_id = 0"
        ).fetchone() or (0,)
        found = one.label_scores(con, 0, 0)
    assert len(found) == n >= 40
    assert found["auc"].is_monotonic_decreasing
    assert found["iou_chance"].notna().any()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    def open_(path: Path, view: str = "concept", **params: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(path)])
        at = AppTest.from_file(str(MAIN), default_timeout=60)
        opening.choose(at, view)
        at.query_params.update(params)
        at.run()
        assert not at.exception, at.exception[0].value
        return at

    yield open_
    st.cache_resource.clear()  # closes the stores


def test_page_shows_the_label_read_off_in_four_ways(
    tiny_store: Path, probed: tuple[int, str, int], page: Callable[..., AppTest]
) -> None:
    bank_id, bank, concept_id = probed
    at = page(tiny_store, b=bank, c=str(concept_id))
    with store.open_readonly(tiny_store) as con:
        row = one.concept(con, bank_id, concept_id)
    assert row is not None
    assert any(m.value.startswith("**Reading off “") for m in at.markdown)
    tables = [t.value for t in at.dataframe]
    read = next(t for t in tables if "gain_range" in t)
    assert read["kind"].tolist() == ["own", "latent", "top", "raw"]
    assert read[["auc", "n"]].notna().all(axis=None)
    assert (read["range"] != "").all()
    assert any("plain probe" in c.value.lower() for c in at.caption)
    assert any("Learnability (NAP)" in c.value for c in at.caption)
    label = next(t for t in tables if "iou_chance" in t)
    assert len(label) == 5
    values = {m.label: m.value for m in at.metric}
    assert float(values["Score variance"]) == pytest.approx(row.std**2, rel=0.01)
    assert float(values["Density"].removesuffix(" %")) == pytest.approx(100 * row.density, rel=0.01)


def test_page_says_why_a_label_was_not_probed(
    tiny_store: Path, page: Callable[..., AppTest]
) -> None:
    with store.open_readonly(tiny_store) as con:
        left_out = con.execute(
            "SELECT bank.name, min(concept_id) FROM concept JOIN bank USING (bank_id) "
            "ANTI JOIN concept_probe USING (bank_id, concept_id) "
            "WHERE labelled_id IS NOT NULL GROUP BY ALL"
        ).fetchone()
    assert left_out is not None
    at = page(tiny_store, b=left_out[0], c=str(left_out[1]))
    assert any("Not probed. Its label has too few held-out images" in c.value for c in at.caption)


@pytest.mark.parametrize("source", ["label", "word", "matched", "unnamed", "vocabulary"])
def test_a_weak_name_is_marked_with_its_reason(
    source: str, tiny_store: Path, tmp_path: Path, page: Callable[..., AppTest]
) -> None:
    path = Path(shutil.copy(tiny_store, tmp_path / "weak.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute(
            "UPDATE concept SET doubt = 'low AUC, out of place', name_source = $s, "
            "place_margin = 0.125 WHERE bank_id = 2 AND concept_id = 0",
            {"s": source},
        )
        con.execute("UPDATE concept SET doubt = '' WHERE bank_id = 2 AND concept_id = 1")
    at = page(path, b="cav", c="0")
    marked = any("weak name: low AUC, out of place" in m.value for m in at.markdown)
    assert marked == (source in ("label", "word", "matched"))
    line = next(c.value for c in at.caption if "AUC" in c.value and "runner-up" in c.value)
    assert (":orange[weak]" in line) == marked
    assert "its AUC is below 0.75; its map is not where the label is" in line
    assert "so place decided, by 0.125" in line
    assert "(chance 0" in line
    assert not any("weak name" in m.value for m in page(path, b="cav", c="1").markdown)
    rows = page(path, "concepts", b="cav").dataframe[0].value.set_index("concept_id")
    assert rows.loc[0, "doubt"] == "low AUC, out of place"


def test_a_concept_without_a_name_has_a_hint_that_is_no_name(
    tiny_store: Path, tmp_path: Path, page: Callable[..., AppTest]
) -> None:
    path = Path(shutil.copy(tiny_store, tmp_path / "hints.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE concept SET hint = 'grey: 16 of the 20 strongest' WHERE bank_id = 2")
        con.execute(
            "UPDATE concept SET name = NULL, name_source = 'unnamed' "
            "WHERE bank_id = 2 AND concept_id = 1"
        )
    for concept, expected in ((0, False), (1, True)):
        said = page(path, b="cav", c=str(concept)).caption
        assert any("**Hint, not a name**: grey" in c.value for c in said) == expected
    found = page(path, "concepts", b="cav", q="grey: 16").dataframe[0].value
    assert found["concept_id"].tolist() == [1]
    assert found["title"].tolist() == ["#1"]
