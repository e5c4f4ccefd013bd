"""How good banks, heads and concepts are, each figure beside its chance or control."""

from precompute.quality.bank_quality import put_quality
from precompute.quality.depth import put_depth
from precompute.quality.description import describe
from precompute.quality.held_out import HeldOut, draw_held_out
from precompute.quality.leakage import complete_leakage
from precompute.quality.metric_bank import MeasuredHead, measure_bank
from precompute.quality.rows import MetricRow, put_metrics

__all__ = [
    "HeldOut",
    "MeasuredHead",
    "MetricRow",
    "complete_leakage",
    "describe",
    "draw_held_out",
    "measure_bank",
    "put_depth",
    "put_metrics",
    "put_quality",
]
