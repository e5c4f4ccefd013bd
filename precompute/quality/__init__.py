"""How good banks, heads and concepts are, each figure beside its chance or control."""

from precompute.quality.bank_quality import put_quality
from precompute.quality.depth import put_depth
from precompute.quality.description import describe
from precompute.quality.held_out import HeldOut, draw_held_out
from precompute.quality.leakage import HeadAccuracy, put_completeness
from precompute.quality.meaning import control_names
from precompute.quality.metric_bank import MeasuredHead, measure_bank
from precompute.quality.rows import Figure, MetricRow, put_metrics
from precompute.quality.stability import fitted_again

__all__ = [
    "Figure",
    "HeadAccuracy",
    "HeldOut",
    "MeasuredHead",
    "MetricRow",
    "control_names",
    "describe",
    "draw_held_out",
    "fitted_again",
    "measure_bank",
    "put_completeness",
    "put_depth",
    "put_metrics",
    "put_quality",
]
