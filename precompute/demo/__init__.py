"""Models of the demonstration: one comes trained, and all can be trained on the spot."""

from precompute.demo.aviary_backbone import train_backbone, weights_hash
from precompute.demo.aviary_clip import train_clip
from precompute.demo.shipped_weights import WEIGHTS, shipped

__all__ = ["WEIGHTS", "shipped", "train_backbone", "train_clip", "weights_hash"]
