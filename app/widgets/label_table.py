"""How well labels of a multi-label set are told, each number beside its n and chance."""

from __future__ import annotations

import pandas as pd

from app.format import MISSING, number, short
from app.widgets import defined

MOST_HEIGHT = 420
_TITLES = {"name": "Label", "split": "Split"}


def table(metrics: pd.DataFrame, *, by: str = "name") -> pd.DataFrame:
    """`metrics` as in `data.queries.carried`; `by`: the column that tells its rows apart."""
    return pd.DataFrame(
        {
            _TITLES[by]: [short(name, 40) for name in metrics[by]],
            "AUROC": [_within(*v) for v in metrics[["auc", "auc_lo", "auc_hi"]].to_numpy()],
            "Average precision": [
                _within(*v) for v in metrics[["ap", "ap_lo", "ap_hi"]].to_numpy()
            ],
            "Prevalence": [number(v) for v in metrics["chance"]],
            "n with it": metrics["n_positive"],
            "n known": metrics["n"],
            "Threshold": [
                f"{number(t)} ({f'n {n:,}' if n else 'not chosen'})"
                for t, n in zip(metrics["threshold"], metrics["threshold_n"], strict=True)
            ],
            "Sensitivity": [_or_missing(v) for v in metrics["recall"]],
            "Specificity": [_or_missing(v) for v in metrics["specificity"]],
            "Precision": [_or_missing(v) for v in metrics["predictive_value"]],
        }
    )


def _within(value: float, lo: float, hi: float) -> str:
    return MISSING if pd.isna(value) else f"{number(value)} ({number(lo)} to {number(hi)})"


def _or_missing(value: float) -> str:
    return MISSING if pd.isna(value) else number(value)


def show(metrics: pd.DataFrame, *, by: str = "name") -> None:
    """The table, with what each column means."""
    defined.table(
        table(metrics, by=by),
        hide_index=True,
        height=MOST_HEIGHT if len(metrics) > 11 else "content",
        column_config={
            "AUROC": defined.written("label_metric.auc"),
            "Average precision": defined.written("label_metric.ap"),
            "Prevalence": defined.written("label_metric.chance"),
            "n with it": defined.column("label_metric.n_positive", form="localized"),
            "n known": defined.column("label_metric.n", form="localized"),
            "Threshold": defined.written("label_metric.threshold"),
            "Sensitivity": defined.written("label_metric.recall"),
            "Specificity": defined.written("label_metric.specificity"),
            "Precision": defined.written("label_metric.predictive_value"),
        },
    )
