"""By what two image sets are compared, and which comparison answers the question at hand."""

from __future__ import annotations

from app.views.differences.set_choice import ImageSet

KINDS = {"energy": "Energy", "within": "Within classes", "tie": "Tie to the class"}
ABOUT = {
    "energy": "**Energy**: mean score over the set. The right view for what one set has more of: "
    "two classes, or images before and after a change. It cannot tell more of a concept from more "
    "images of the classes that show it.",
    "within": "**Within classes**: B − A among the images of one class, in standard deviations; "
    "classes that show more in B and classes that show less are averaged apart. The right view for "
    "sets that hold the same classes in other shares, such as right and wrong predictions.",
    "tie": "**Tie to the class**: the share of a score's variance that lies between classes; 1: "
    "the class fixes the concept, 0: it says nothing about it. The right view for two splits: it "
    "finds shortcuts, concepts that go with their class in one split and not in the other, even "
    "where both show them equally often.",
}


def offered(n_classes: int) -> list[str]:
    """Keys of KINDS that can be computed when so many classes can be compared."""
    return ["energy", *(["within"] if n_classes else []), *(["tie"] if n_classes > 1 else [])]


def default(a: ImageSet, b: ImageSet, *, n_classes: int, paired: bool) -> str:
    """Key of KINDS. One class, pairs: energy. Splits: the tie. Right and wrong: within classes."""
    if n_classes < 2 or paired:
        return "energy"
    return "tie" if a.split != b.split else "within"
