"""What predictions rest on: importance, effects of edits, saliency, faithfulness."""

from precompute.explain.backbone_importance import put_backbone_importance
from precompute.explain.effects import put_effects
from precompute.explain.fidelity import JudgedHead, put_fidelity
from precompute.explain.importance import put_importance
from precompute.explain.metric_faithfulness import concept_faithfulness
from precompute.explain.prediction_saliency import put_saliency
from precompute.explain.text_effects import put_text_effects
from precompute.explain.trees import put_trees

__all__ = [
    "JudgedHead",
    "concept_faithfulness",
    "put_backbone_importance",
    "put_effects",
    "put_fidelity",
    "put_importance",
    "put_saliency",
    "put_text_effects",
    "put_trees",
]
