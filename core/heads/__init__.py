"""Heads on concept scores: trained, folded from a backbone, or read off texts and labels."""

from core.heads.chosen import STRENGTHS, choose_strength
from core.heads.elastic_net import CLOSE
from core.heads.last_layer import fold_backbone
from core.heads.profiles import match_profiles
from core.heads.several import (
    choose_strength_each,
    fit_probe_each,
    fit_residual_each,
    fit_sparse_each,
    learnable,
)
from core.heads.soft_trim import soft_trimmed_mean
from core.heads.trained import SparseSettings, Trained, fit_probe, fit_residual, fit_sparse

__all__ = [
    "CLOSE",
    "STRENGTHS",
    "SparseSettings",
    "Trained",
    "choose_strength",
    "choose_strength_each",
    "fit_probe",
    "fit_probe_each",
    "fit_residual",
    "fit_residual_each",
    "fit_sparse",
    "fit_sparse_each",
    "fold_backbone",
    "learnable",
    "match_profiles",
    "soft_trimmed_mean",
]
