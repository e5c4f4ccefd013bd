"""Models of the demonstration: one comes trained, and all can be trained on the spot."""

from precompute.demo.aviary_backbone import train_backbone
from precompute.demo.aviary_clip import train_clip
from precompute.demo.aviary_vit import train_vit
from precompute.demo.shipped_weights import WEIGHTS, shipped
from precompute.demo.training import weights_hash

__all__ = ["WEIGHTS", "shipped", "train_backbone", "train_clip", "train_vit", "weights_hash"]
