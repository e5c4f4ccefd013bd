"""The leaderboard says what its tables say: every cell by hand, with its n."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from app.views.leaderboard import standing_columns, standings
from data import store, write
from data.queries import build, leaderboard

COLUMNS = ["value", "control", "chance", "best", "n"]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    """Two banks and a random one. "parts" has three heads: one that adds the rest, two that do not;
    "pure" has only one that adds it; and one that is no function of the scores comes first."""
    with duckdb.connect() as made:
        made.execute(store.SCHEMA.read_text(encoding="utf-8"))
        for bank_id, (name, method, k) in enumerate(
            [("parts", "nmf", 4), ("pure", "pca", 3), ("noise", "random", 6)]
        ):
            write.put_row(
                made,
                "bank",
                bank_id=bank_id,
                name=name,
                method=method,
                n_concepts=k,
                signed=False,
                dense=True,
                params="{}",
                code_unit="activation",
                pool="mean",
                l0=2.0,
                control_kind="random" if name == "pure" else "matched",
                n_dead=0,
                seconds=3.0,
                tensors=b"",
            )
        for image_id in range(7):
            split = "train" if image_id < 4 else "test"
            write.put_row(
                made,
                "image",
                image_id=image_id,
                file=f"{image_id}.png",
                split=split,
                width=1,
                height=1,
                note="",
                view_x0=0,
                view_y0=0,
                view_x1=1,
                view_y1=1,
            )
        _heads(made)
        for bank_id, measure, *rest in (
            (0, "r2", 0.75, 0.25, 0.0, None, 100),
            (1, "r2", 0.5, 0.125, 0.0, None, 100),
            (2, "r2", 0.375, 0.25, 0.0, None, 100),
            (0, "named", 0.5, 0.25, 0.125, None, 4),
            (1, "named", 0.0, 0.5, 0.0, None, 3),
            (0, "wasserstein", 0.5, 1.5, 2.5, 0.25, 100),
            (1, "wasserstein", 0.75, 1.5, 2.5, 0.375, 60),
        ):
            row = dict(zip(COLUMNS, rest, strict=True))
            write.put_row(made, "quality", bank_id=bank_id, measure=measure, **row)
        _metrics(made)
        for stage_id, (name, bank_id, seconds) in enumerate(
            [
                ("read data set", None, 90.0),
                ("fit parts", 0, 3.0),
                ("maps of parts", 0, 1.5),
                ("quality parts", 0, 0.5),
                ("probes of parts", 0, 0.25),
                ("refit parts: seeds", 0, 4.0),
                ("head parts · sparse", 0, 0.75),
                ("measure parts", 0, 2.0),
                ("fit pure", 1, 8.0),
                ("measure grad_cam", None, 70.0),
            ]
        ):
            write.put_row(
                made,
                "stage",
                stage_id=stage_id,
                name=name,
                bank_id=bank_id,
                seconds=seconds,
                n=5,
                unit="images",
            )
        yield made


def _heads(con: duckdb.DuckDBPyConnection) -> None:
    for head_id, bank_id, name, residual, linear in (
        (0, 0, "parts · bayesian", False, False),
        (1, 0, "parts · backbone", True, True),
        (2, 0, "parts · sparse", False, True),
        (3, 0, "parts · again", False, True),
        (4, 1, "pure · backbone", True, True),
    ):
        write.put_row(
            con,
            "head",
            link="softmax",
            head_id=head_id,
            name=name,
            bank_id=bank_id,
            kind="x",
            about="",
            residual=residual,
            linear=linear,
            n_weights=1,
        )
        write.put_row(
            con,
            "fidelity",
            head_id=head_id,
            method="sobol",
            metric="C-insertion",
            value=99.0,
            random=98.0,
            control=97.0,
            n=96,
        )
    for head_id, metric, value, random, control in (
        (1, "C-insertion", 9.0, 8.0, 7.0),
        (2, "C-insertion", 4.0, 2.0, 3.0),
        (2, "C-deletion", -1.0, 1.5, 0.5),
        (4, "C-deletion", 0.25, 0.75, None),
    ):
        write.put_row(
            con,
            "fidelity",
            head_id=head_id,
            method="linear",
            metric=metric,
            value=value,
            random=random,
            control=control,
            n=11,
        )
    for model, split, target, n, accuracy in (
        ("parts · sparse", "test", "label", 3, 0.5),
        ("parts · sparse", "train", "label", 4, 0.75),
        ("parts · sparse", "test", "backbone", 3, 0.875),
        ("parts · again", "test", "label", 3, 0.25),
        ("pure · backbone", "test", "label", 3, 1.0),
        ("linear probe", "test", "label", 3, 0.625),
    ):
        write.put_row(
            con,
            "accuracy",
            model=model,
            split=split,
            target=target,
            n=n,
            accuracy=accuracy,
            chance=0.375,
        )


def _metrics(con: duckdb.DuckDBPyConnection) -> None:
    rows: list[dict[str, Any]] = [
        {"scope": "head", "head_id": 2, "name": "class_accuracy", "split": "test", "control": 0.4},
        {"scope": "head", "head_id": 3, "name": "class_accuracy", "split": "test", "control": 0.9},
        {"scope": "bank", "name": "precision", "value": 0.6, "n": 2, "chance": 0.2, "control": 0.3},
        {"scope": "concept", "concept_id": 1, "name": "precision", "value": 0.7, "n": 5},
        {"scope": "bank", "name": "average_drop", "value": 0.7, "n": 5},
    ]
    for row in rows:
        plain = {"bank_id": 0, "variant": "{}", "split": "test", "value": 0.5, "n": 3}
        write.put_row(con, "metric", **plain | row)


def _found(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], tuple[float | None, ...]]:
    frame = leaderboard.figures(con)
    cells = frame[COLUMNS].astype(object).where(frame[COLUMNS].notna(), None)
    keys = zip(frame["bank"], frame["measure"], strict=True)
    return dict(zip(keys, map(tuple, cells.to_numpy()), strict=True))


# -- the query -----------------------------------------------------------------------------------


def test_every_kind_of_figure_is_there_beside_control_chance_and_n(
    con: duckdb.DuckDBPyConnection,
) -> None:
    found = _found(con)
    assert len(found) == len(leaderboard.figures(con))
    assert found["parts", "r2"] == (0.75, 0.25, 0, None, 100)
    assert found["pure", "wasserstein"] == (0.75, 1.5, 2.5, 0.375, 60)
    assert found["parts", "mask precision"] == (0.6, 0.3, 0.2, None, 2)
    assert {m for _, m in found if m.startswith("mask ")} == {"mask precision"}


def test_the_first_head_that_reads_scores_alone_stands_for_its_bank(
    con: duckdb.DuckDBPyConnection,
) -> None:
    heads = leaderboard.reading_heads(con)
    assert list(zip(heads["bank"], heads["head"], heads["residual"], strict=True)) == [
        ("parts", "parts · sparse", False),
        ("pure", "pure · backbone", True),
    ]
    found = _found(con)
    assert found["parts", "on test"] == (0.5, 0.4, 0.375, None, 3)
    assert found["parts", "on train"] == (0.75, None, 0.375, None, 4)
    assert found["parts", "C-insertion"] == (4, 3, 2, None, 11)
    assert found["parts", "C-deletion"] == (-1, 0.5, 1.5, None, 11)
    # a head that adds each image's rest: how its concepts order counts, its accuracy does not
    assert found["pure", "C-deletion"] == (0.25, None, 0.75, None, 11)
    assert ("pure", "on test") not in found


def test_time_is_all_that_was_done_for_the_bank_and_nothing_that_all_share(
    con: duckdb.DuckDBPyConnection,
) -> None:
    found = _found(con)
    times = {key: (cell[0], cell[-1]) for key, cell in found.items() if key[1].startswith("time ")}
    assert times == {
        ("parts", "time fit"): (3, 4),
        ("parts", "time maps"): (1.5, 7),
        ("parts", "time quality"): (4.75, 7),
        ("parts", "time heads"): (0.75, 7),
        ("parts", "time rest"): (2, 7),
        ("parts", "time total"): (12, 7),
        ("pure", "time fit"): (8, 4),
        ("pure", "time total"): (8, 7),
    }


# -- the table -----------------------------------------------------------------------------------


@pytest.fixture
def made(con: duckdb.DuckDBPyConnection) -> tuple[pd.DataFrame, pd.DataFrame]:
    return standings.standings(
        build.banks(con), leaderboard.figures(con), leaderboard.baselines(con)
    )


def test_each_bank_stands_over_its_control_and_its_chance(
    made: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    rows, _ = made
    assert list(zip(rows["row"], rows["what"], strict=True)) == [
        ("parts", "bank"),
        ("parts, random", "random"),
        ("parts, chance", "chance"),
        ("pure", "bank"),
        ("pure, plain random", "random"),
        ("pure, chance", "chance"),
        ("noise", "bank"),
        ("noise, chance", "chance"),
        ("Real activations", "real"),
        ("Linear probe", "no concepts"),
        ("Chance", "chance"),
    ]
    concepts = rows["concepts"].to_numpy(dtype=float)
    np.testing.assert_array_equal(concepts, [4, 4, np.nan, 3, 3, np.nan, 6, *[np.nan] * 4])


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (
            "parts",
            {
                "r2": (0.75, 100),
                "named": (50, 4),
                "C-deletion": (-1, 11),
                "mask precision": (0.6, 2),
                "on test": (50, 3),
                "on train": (75, 4),
                "time total": (12, 7),
            },
        ),
        (
            "parts, random",
            {
                "r2": (0.25, 100),
                "named": (25, 4),
                "C-deletion": (0.5, 11),
                "mask precision": (0.3, 2),
                "on test": (40, 3),
            },
        ),
        (
            "parts, chance",
            {
                "r2": (0, 100),
                "named": (12.5, 4),
                "C-deletion": (1.5, 11),
                "mask precision": (0.2, 2),
                "on test": (37.5, 3),
                "on train": (37.5, 4),
            },
        ),
        ("pure, plain random", {"r2": (0.125, 100), "named": (50, 3)}),
        ("noise", {"r2": (0.375, 100)}),
        ("Real activations", {"wasserstein": (0.25, 100)}),
        ("Linear probe", {"on test": (62.5, 3)}),
        ("Chance", {"on test": (37.5, 3)}),
    ],
)
def test_cells_hold_the_number_and_its_n(
    made: tuple[pd.DataFrame, pd.DataFrame], row: str, cells: dict[str, tuple[float, int]]
) -> None:
    at = int(np.flatnonzero(made[0]["row"] == row)[0])
    checked = ("r2", "named", "C-deletion", "mask precision", "on test", "on train", "time total")
    assert {m: (made[0].at[at, m], made[1].at[at, m]) for m in cells} == cells
    assert made[0].loc[at, [c for c in checked if c not in cells]].isna().all()


def test_groups_name_known_measures_and_show_only_what_there_is(
    made: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    rows, _ = made
    groups = standing_columns.GROUPS
    for measure in {m for g in groups.values() for m in g} - {standing_columns.HELD_OUT}:
        assert " n: " in standing_columns.column(measure).help, measure
    assert standing_columns.OTHER not in standings.groups(rows)
    splits = ["test", "train"]
    assert standings.measures(["Summary"], splits, rows) == [
        "r2",
        "named",
        "C-deletion",
        "mask precision",
        "on test",
        "time total",
    ]
    assert standings.measures(["Heads", "Fidelity"], splits, rows) == [
        "C-insertion",
        "C-deletion",
        "on test",
        "on train",
    ]


def test_cells_are_written_with_their_n_and_stay_numbers(
    made: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    rows, counts = made
    wanted = ["r2", "on test", "time fit"]
    within = {("parts", "r2"): (0.5, 0.875)}
    styler = standings.styled(rows, counts, wanted, within)
    assert styler.data["r2"].dtype == np.float64
    shown = styler.hide(axis="index").to_string(delimiter="|").splitlines()
    names = shown[0].split("|")
    told = {
        cells[0]: dict(zip(names, cells, strict=True))
        for cells in (line.split("|") for line in shown[1:])
    }
    texts = {row: [cells[m] for m in wanted] for row, cells in told.items()}
    assert texts["parts"] == ["0.750 (0.500 to 0.875, n 100)", "50 (n 3)", "3 (n 4)"]
    assert texts["parts, random"] == ["0.250 (n 100)", "40 (n 3)", ""]
    assert texts["Linear probe"] == ["", "62.5 (n 3)", ""]


def test_a_measure_that_nobody_defined_is_shown_by_its_name(
    made: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    rows = made[0].assign(novelty=0.5)
    assert standings.groups(rows)[-1] == standing_columns.OTHER
    assert standings.measures([standing_columns.OTHER], [], rows) == ["novelty"]
    assert standing_columns.column("novelty").heading == "novelty"
