"""A build through the real pipeline: its tables agree with each other and with the mathematics."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import fakes
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from safetensors.torch import load

from core import concepts
from core.bottleneck import probabilities
from core.maps import restore
from core.recipe import Recipe, parse
from data import store
from precompute import pipeline

FILLED = {
    "build",
    "stage",
    "class",
    "image",
    "picture",
    "skipped",
    "backbone",
    "prediction",
    "labelled_concept",
    "image_label",
    "part",
    "mask",
    "bank",
    "concept",
    "score",
    "code",
    "histogram",
    "example_group",
    "example",
    "concept_class",
    "neighbour",
    "label_score",
    "head",
    "head_weight",
    "head_bias",
    "head_prediction",
    "accuracy",
    "method",
    "saliency",
}
MEASURED_TIME = {"stage": "seconds", "bank": "seconds"}


@pytest.fixture
def con(tiny_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with store.open_readonly(tiny_store) as opened:
        yield opened


def tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [t for (t,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()]


def differing(one: Path, two: Path) -> dict[str, int]:
    """Tables with rows of one store that the other lacks, and how many; clocks aside."""
    found = {}
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{one}' AS one (READ_ONLY)")
        con.execute(f"ATTACH '{two}' AS two (READ_ONLY)")
        names = con.execute(
            "SELECT DISTINCT table_name FROM duckdb_tables() WHERE database_name IN ('one', 'two')"
        ).fetchall()
        for (table,) in names:
            skip = f"EXCLUDE ({MEASURED_TIME[table]})" if table in MEASURED_TIME else ""
            sides = [f"(SELECT * {skip} FROM {side}.{table})" for side in ("one", "two")]
            n = sum(
                len(con.execute(f"FROM {a} EXCEPT ALL FROM {b}").fetchall())
                for a, b in (sides, sides[::-1])
            )
            if n:
                found[table] = n
    return found


def build(text: str, out: Path) -> Path:
    return pipeline.run(parse(text), text=text, out=out, keep_work=True)


def fake_text(manifest: Path, *banks: str, heads: str = "", saliency: str = "") -> str:
    blocks = "\n".join(f"[[banks]]\n{bank}\n" for bank in banks)
    return (
        f'name = "fake"\n[dataset]\nreader = "manifest"\npath = "{manifest.as_posix()}"\n'
        f'[backbone]\nmodel = "fake"\nbatch = 4\n{blocks}\n{heads}\n{saliency}'
    )


def rows(path: Path, query: str) -> list[tuple]:
    with store.open_readonly(path) as con:
        return con.execute(query).fetchall()


# -- the tiny store ----------------------------------------------------------------------------


def test_building_twice_gives_identical_tables(
    tiny_store: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    again = pipeline.run(tiny_recipe, text=tiny_recipe.canonical(), out=tmp_path)
    assert again != tiny_store
    assert again.name == tiny_store.name
    assert differing(tiny_store, again) == {}
    assert not (tmp_path / "work").exists() or not any((tmp_path / "work").iterdir())


def test_finished_store_is_returned_as_it_is(tiny_store: Path, tiny_recipe: Recipe) -> None:
    before = tiny_store.stat().st_mtime_ns
    assert pipeline.run(tiny_recipe, out=tiny_store.parent) == tiny_store
    assert tiny_store.stat().st_mtime_ns == before


def test_everything_asked_for_is_there(con: duckdb.DuckDBPyConnection) -> None:
    empty = {t for t in tables(con) if con.execute(f"SELECT count(*) FROM {t}").fetchone() == (0,)}
    assert FILLED - set(tables(con)) == set()
    assert empty & FILLED == set()
    assert con.execute("SELECT * FROM notice").fetchall() == []
    assert con.execute("SELECT n_images, n_skipped FROM build").fetchall() == [
        (fakes.N_IMAGES, fakes.N_BROKEN)
    ]
    facts = con.execute("SELECT grid_h, grid_w, input_h, input_w, linear FROM backbone").fetchone()
    assert facts == (3, 5, *fakes.SIZE, True)
    (file, reason) = con.execute("SELECT file, reason FROM skipped").fetchall()[0]
    assert file == "images/broken.jpg"
    assert "cut off" in reason
    unlabelled = con.execute("SELECT count(*) FROM image WHERE class_id IS NULL").fetchone()
    assert unlabelled == (fakes.N_UNLABELLED,)


def test_no_stored_number_is_nan_or_infinite(con: duckdb.DuckDBPyConnection) -> None:
    columns = con.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE data_type IN ('FLOAT', 'DOUBLE', 'FLOAT[]')"
    ).fetchall()
    assert len(columns) > 40
    for table, column, kind in columns:
        values = f"unnest({column})" if kind == "FLOAT[]" else column
        query = f"SELECT count(*) FROM (SELECT {values} AS v FROM {table}) WHERE NOT isfinite(v)"
        assert con.execute(query).fetchone() == (0,), f"{table}.{column}"


def maps(con: duckdb.DuckDBPyConnection, bank_id: int) -> tuple[np.ndarray, np.ndarray]:
    """image, concept, token; and the concepts' scales."""
    scale = con.execute(
        "SELECT map_scale FROM concept WHERE bank_id = ? ORDER BY concept_id", [bank_id]
    ).fetchnumpy()["map_scale"]
    stored = con.execute(
        "SELECT concept, token, value FROM code WHERE bank_id = ? ORDER BY image_id", [bank_id]
    ).fetchall()
    assert len(stored) == fakes.N_IMAGES
    parts = [
        [None if part is None else np.array(part, dtype=np.int64) for part in row] for row in stored
    ]
    return np.stack([restore(*row, scale, n_tokens=15) for row in parts]), np.asarray(scale)


def score_table(con: duckdb.DuckDBPyConnection, bank_id: int, column: str) -> np.ndarray:
    (k,) = con.execute("SELECT n_concepts FROM bank WHERE bank_id = ?", [bank_id]).fetchone()
    out = np.zeros((fakes.N_IMAGES, k))
    for image, concept, value in con.execute(
        f"SELECT image_id, concept_id, {column} FROM score WHERE bank_id = ?", [bank_id]
    ).fetchall():
        out[image, concept] = value
    return out


@pytest.mark.parametrize("bank_id", [0, 1, 2])
def test_every_map_averages_to_its_score(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    found, scale = maps(con, bank_id)
    score = score_table(con, bank_id, "score")
    assert (np.abs(found.mean(2) - score) <= scale / 2 + 1e-6 * np.abs(score).max()).all()
    assert np.abs(score).max() > 100 * scale.max()


@pytest.mark.parametrize("bank_id", [0, 1, 2])
def test_peak_is_the_largest_code_and_lies_at_its_token(
    con: duckdb.DuckDBPyConnection, bank_id: int
) -> None:
    found, scale = maps(con, bank_id)
    peak = score_table(con, bank_id, "peak")
    token = score_table(con, bank_id, "peak_token").astype(int)
    at = np.take_along_axis(found, token[..., None], 2)[..., 0]
    assert (np.abs(at - peak) <= scale / 2 + 1e-6).all()
    assert (np.abs(found).max(2) <= np.abs(peak) + scale / 2 + 1e-6).all()


def test_restored_bank_and_stored_maps_agree(
    con: duckdb.DuckDBPyConnection, tiny_store: Path
) -> None:
    (folder,) = (tiny_store.parent / "work").glob("*/activations/00000")
    tokens = np.load(folder / "tokens.npy")
    import torch

    for bank_id, method, tensors in con.execute(
        "SELECT bank_id, method, tensors FROM bank ORDER BY bank_id"
    ).fetchall():
        bank = concepts.restore(method, load(bytes(tensors)))
        with torch.no_grad():
            codes = bank.encode(torch.from_numpy(tokens)).numpy().transpose(0, 2, 1)
        found, scale = maps(con, bank_id)
        assert (np.abs(found - codes) <= scale[:, None] / 2 * 1.001).all()


def test_concept_facts_follow_from_scores(con: duckdb.DuckDBPyConnection) -> None:
    for bank_id in range(3):
        frame = con.execute(
            "SELECT * FROM concept WHERE bank_id = ? ORDER BY concept_id", [bank_id]
        ).df()
        score, (codes, scale) = score_table(con, bank_id, "score"), maps(con, bank_id)
        assert frame["mean"].to_numpy() == pytest.approx(score.mean(0), abs=1e-6)
        assert frame["score_max"].to_numpy() == pytest.approx(score.max(0), abs=1e-6)
        assert frame["n_active"].tolist() == (score > 0).sum(0).tolist()
        assert frame["frequency"].to_numpy() == pytest.approx((score > 0).mean(0))
        assert np.stack(frame["mean_map"]) == pytest.approx(codes.mean(0), abs=scale.max())
        n = con.execute(
            "SELECT sum(list_sum(counts)) + sum(n_zero) FROM histogram WHERE bank_id = ? "
            "GROUP BY concept_id",
            [bank_id],
        ).fetchall()
        assert {int(count) for (count,) in n} == {fakes.N_IMAGES}


def test_class_means_and_differences_follow_from_scores(con: duckdb.DuckDBPyConnection) -> None:
    label = con.execute("SELECT class_id FROM image ORDER BY image_id").df()["class_id"].to_numpy()
    for bank_id in range(3):
        score = score_table(con, bank_id, "score")
        for concept, class_id, n, mean, difference in con.execute(
            "SELECT concept_id, class_id, n, mean, difference FROM concept_class WHERE bank_id = ?",
            [bank_id],
        ).fetchall():
            inside, known = label == class_id, ~pd.isna(label)
            assert n == inside.sum() == 7
            assert mean == pytest.approx(score[inside, concept].mean(), abs=1e-6)
            outside = score[known & ~inside, concept].mean()
            assert difference == pytest.approx(mean - outside, abs=1e-6)


def test_scores_lie_sorted_on_disk(con: duckdb.DuckDBPyConnection) -> None:
    frame = con.execute(
        "SELECT bank_id, concept_id, -score, image_id FROM score ORDER BY rowid"
    ).fetchall()
    assert len(frame) > 500
    assert frame == sorted(frame)


@pytest.mark.parametrize("head_id", [0, 1, 2])
def test_head_weights_reproduce_head_predictions(
    con: duckdb.DuckDBPyConnection, head_id: int
) -> None:
    bank_id, residual = con.execute(
        "SELECT bank_id, residual FROM head WHERE head_id = ?", [head_id]
    ).fetchone()
    score = score_table(con, bank_id, "score")
    bias = con.execute(
        "SELECT class_id, bias FROM head_bias WHERE head_id = ? ORDER BY class_id", [head_id]
    ).df()
    classes = bias["class_id"].tolist()
    weight = np.zeros((len(classes), score.shape[1]))
    for class_id, concept, value in con.execute(
        "SELECT class_id, concept_id, weight FROM head_weight WHERE head_id = ?", [head_id]
    ).fetchall():
        weight[classes.index(class_id), concept] = value
    logit = score @ weight.T + bias["bias"].to_numpy()
    if residual:
        own = con.execute("SELECT p.logit FROM prediction p ORDER BY image_id").fetchall()
        order = [
            output
            for (output,) in con.execute("SELECT output FROM class ORDER BY class_id").fetchall()
        ]
        logit = np.array([row for (row,) in own])[:, order]  # linear part + (own - linear part)
    expected = probabilities(logit)
    found = con.execute(
        "SELECT class_id, prob FROM head_prediction WHERE head_id = ? ORDER BY image_id", [head_id]
    ).df()
    assert [classes[i] for i in expected.argmax(1)] == found["class_id"].tolist()
    assert found["prob"].to_numpy() == pytest.approx(expected.max(1), abs=1e-5)


def test_unedited_residual_head_is_the_backbone(con: duckdb.DuckDBPyConnection) -> None:
    pairs = con.execute(
        """
        SELECT h.class_id, p.class_id, h.prob, p.prob FROM head_prediction h
        JOIN head USING (head_id) JOIN prediction p USING (image_id) WHERE residual
        """
    ).fetchall()
    assert len(pairs) == fakes.N_IMAGES
    assert all(ours == theirs for ours, theirs, _, _ in pairs)
    assert max(abs(ours - theirs) for _, _, ours, theirs in pairs) < 1e-6
    assert len({theirs for _, theirs, _, _ in pairs}) > 1


def test_accuracies_follow_from_predictions(con: duckdb.DuckDBPyConnection) -> None:
    counted = con.execute(
        """
        SELECT split, count(*), avg((p.class_id = i.class_id)::INT) FROM prediction p
        JOIN image i USING (image_id) WHERE i.class_id IS NOT NULL GROUP BY split
        """
    ).fetchall()
    stored = con.execute(
        "SELECT split, n, accuracy, chance FROM accuracy WHERE model = 'backbone'"
    ).fetchall()
    assert {(s, n): a for s, n, a in counted} == {(s, n): pytest.approx(a) for s, n, a, _ in stored}
    assert {chance for *_, chance in stored} == {0.25}
    models = {m for (m,) in con.execute("SELECT DISTINCT model FROM accuracy").fetchall()}
    assert models == {"backbone", "linear probe", "nmf · sparse", "cav · sparse", "sae · backbone"}
    wrong = sum(n * (1 - a) for _, n, a in counted)
    assert 0 < wrong < 28


def test_names_come_from_labels_and_say_so(con: duckdb.DuckDBPyConnection) -> None:
    labelled = dict(con.execute("SELECT labelled_id, name FROM labelled_concept").fetchall())
    for method, name, source, labelled_id, n in con.execute(
        "SELECT method, concept.name, name_source, labelled_id, name_n FROM concept JOIN bank "
        "USING (bank_id)"
    ).fetchall():
        assert (source == "label") == (method == "cav")
        assert (name is None) == (source == "unnamed")
        assert name is None or name == labelled[labelled_id]
        assert n in (8, 9)  # 9 test images, one without a known `striped`
    levels = dict(con.execute("SELECT name, label_level FROM bank").fetchall())
    assert levels == {"nmf": None, "sae": None, "cav": "image"}


def test_saliency_is_of_the_predicted_class_and_spread_over_splits(
    con: duckdb.DuckDBPyConnection,
) -> None:
    found = con.execute(
        """
        SELECT method, count(*), count(DISTINCT split), bool_and(s.class_id = p.class_id),
               bool_and(len(value) = map_h * map_w), min(list_min(value)), max(list_max(value))
        FROM saliency s JOIN image USING (image_id) JOIN prediction p USING (image_id)
        GROUP BY method ORDER BY method
        """
    ).fetchall()
    assert [row[:5] for row in found] == [
        ("grad_cam", 6, 3, True, True),
        ("integrated_gradients", 6, 3, True, True),
    ]
    assert found[0][5] == 0  # not a signed method
    assert found[1][5] < 0 < found[1][6]


def test_recipe_and_versions_are_kept(con: duckdb.DuckDBPyConnection, tiny_recipe: Recipe) -> None:
    recipe, versions, name = con.execute("SELECT recipe, versions, name FROM build").fetchone()
    assert recipe == tiny_recipe.canonical()
    assert json.loads(versions)["duckdb"] == duckdb.__version__
    assert name == "tiny"


# -- what cannot be done -----------------------------------------------------------------------

NMF = 'method = "nmf"\nn_concepts = 3'


def folder_of(manifest: Path, root: Path, *, n: int = 9) -> Path:
    """Some of the pictures, without labels."""
    root.mkdir()
    for path in sorted((manifest.parent / "images").glob("*.png"))[:n]:
        (root / path.name).write_bytes(path.read_bytes())
    return root


@pytest.mark.usefixtures("fake_backbone")
def test_bank_that_cannot_be_fitted_is_a_notice_and_the_rest_is_built(
    shapes: Path, tmp_path: Path
) -> None:
    plain = folder_of(shapes, tmp_path / "plain")
    text = fake_text(
        plain,
        'method = "cav"',
        NMF,
        'method = "nmf"\nname = "wide"\nn_concepts = 8',
        heads='[[heads]]\nbank = "cav"\n[[heads]]\nbank = "nmf"\n[[heads]]\nbank = "nmf"\n'
        'kind = "backbone"',
    ).replace('"manifest"', '"folder"')
    path = build(text, tmp_path / "out")
    found = rows(path, "SELECT subject, message FROM notice")
    notices = {one: message for subjects, message in found for one in subjects.split(", ")}
    assert "needs labelled concepts" in notices["cav"]
    assert "at most 7" in notices["wide"]
    assert "no train image carries a label" in notices["nmf · sparse"]
    assert "no train image carries a label" in notices["linear probe"]
    assert rows(path, "SELECT name FROM bank") == [("nmf",)]
    assert rows(path, "SELECT name FROM head") == [("nmf · backbone",)]
    assert rows(path, "SELECT count(*) FROM score WHERE bank_id <> 1") == [(0,)]
    assert rows(path, "SELECT count(DISTINCT class_id) FROM image") == [(0,)]


def test_model_without_classifier_still_has_concepts(
    shapes: Path, tmp_path: Path, fake_backbone: fakes.FakeBackbone
) -> None:
    fake_backbone.outputs = ()
    text = fake_text(
        shapes,
        NMF,
        heads='[[heads]]\nbank = "nmf"\nkind = "backbone"',
        saliency='[saliency]\nmethods = ["grad_cam"]',
    )
    path = build(text, tmp_path)
    notices = dict(rows(path, "SELECT subject, message FROM notice"))
    assert "does not classify" in notices["nmf · backbone"]
    assert "does not classify" in notices["grad_cam"]
    assert rows(path, "SELECT count(*) FROM prediction") == [(0,)]
    assert rows(path, "SELECT linear FROM backbone") == [(False,)]
    assert rows(path, "SELECT n_concepts FROM bank") == [(3,)]


@pytest.mark.usefixtures("fake_backbone")
def test_images_without_held_out_ones_are_still_described(shapes: Path, tmp_path: Path) -> None:
    lines = shapes.read_text(encoding="utf-8").splitlines()
    train = [line for line in lines if ",train," in line or line == lines[0]]
    manifest = shapes.with_name("train_only.csv")
    manifest.write_text("\n".join(train), encoding="utf-8")
    path = build(fake_text(manifest, 'method = "cav"', NMF), tmp_path)
    assert rows(path, "SELECT count(*) FROM bank") == [(2,)]
    assert rows(path, "SELECT count(name_auc), count(test_auc) FROM concept") == [(0, 0)]


@pytest.mark.usefixtures("fake_backbone")
def test_no_usable_image_is_an_error_and_leaves_no_store(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        (photos / f"{i}.png").write_bytes(b"not a picture")
    text = fake_text(photos, NMF).replace('"manifest"', '"folder"')
    with pytest.raises(
        ValueError, match=r"none of the 3 images can be used \(0\.png: it holds text"
    ):
        build(text, tmp_path / "out")
    assert store.stores(tmp_path / "out") == []


def test_images_whose_activations_are_not_finite_are_an_error(
    shapes: Path, tmp_path: Path, fake_backbone: fakes.FakeBackbone
) -> None:
    fake_backbone.spoiled = True
    with pytest.raises(ValueError, match="not finite"):
        build(fake_text(shapes, NMF), tmp_path)


@pytest.mark.usefixtures("fake_backbone")
def test_single_image_makes_a_store(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.effect_noise((50, 30), 60).convert("RGB").save(photos / "a.png")
    path = build(fake_text(photos, NMF).replace('"manifest"', '"folder"'), tmp_path / "out")
    assert rows(path, "SELECT count(*) FROM code") == [(1,)]


@pytest.mark.parametrize(
    ("bank", "more", "message"),
    [
        ('method = "lda"', "", "unknown method 'lda'; known: .*nmf"),
        ('method = "nmf"\nparams = { top_k = 3 }', "", "nmf has no parameter 'top_k'; it has"),
        ('method = "nmf"\ncontrol = "none"', "", "control must be one of matched, random, not"),
        ('method = "sae"\nparams = { top_k = "3" }', "", "top_k must be a whole number"),
        ('method = "sae"\nparams = { lr = "fast" }', "", "lr must be a number"),
        ('method = "sae"\nparams = { tied = 1 }', "", "tied must be true or false"),
        (NMF, '[[heads]]\nbank = "nmf"\nkind = "dense"', "unknown kind 'dense'; known: sparse"),
        (
            NMF,
            '[[heads]]\nbank = "nmf"\nparams = { d = 1 }',
            "sparse has no parameter 'd'; it has c, fit_bias, l1",
        ),
        (NMF, '[[heads]]\nbank = "nmf"\nkind = "backbone"\nparams = { c = 1.0 }', "it has none"),
        (
            NMF,
            '[saliency]\nmethods = ["occlusion"]\nparams = { occlusion = { size = 1 } }',
            "occlusion has no parameter 'size'; it has batch_size, coarsen, window",
        ),
        (
            NMF,
            '[saliency]\nmethods = ["occlusion"]\nparams = { occlusion = { window = "1" } }',
            "window must be a whole number",
        ),
        (NMF, '[saliency]\nmethods = ["occlusion"]\nparams = { occlusion = 3 }', "must be a table"),
        (
            NMF,
            '[saliency]\nmethods = ["lime"]',
            "unknown saliency method 'lime'; known: default, grad",
        ),
    ],
)
def test_what_does_not_exist_is_refused_before_any_work(
    bank: str, more: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        build(fake_text(tmp_path / "absent.csv", bank, heads=more), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_saliency_limit_explains_its_own_images(
    shapes: Path, tmp_path: Path, fake_backbone: fakes.FakeBackbone
) -> None:
    """Though the work of the first recipe is still there."""
    assert fake_backbone.outputs
    few = '[saliency]\nmethods = ["grad_cam"]\nlimit = 6'
    build(fake_text(shapes, saliency=few), tmp_path)
    more = fake_text(shapes, saliency=few.replace("6", "9"))
    reused, fresh = build(more, tmp_path), build(more, tmp_path / "fresh")
    assert rows(reused, "SELECT count(*) FROM saliency") == [(9,)]
    assert {k: n for k, n in differing(reused, fresh).items() if k != "stage"} == {}
