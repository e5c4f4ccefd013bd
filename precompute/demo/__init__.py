"""Models of the demonstration, trained on the spot."""

from precompute.demo.aviary_backbone import train_backbone
from precompute.demo.aviary_clip import train_clip

__all__ = ["train_backbone", "train_clip"]
