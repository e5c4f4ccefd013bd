"""The columns of the leaderboard: titles, definitions, what n counts, and which stand together."""

from __future__ import annotations

from dataclasses import dataclass

from app.format import plain, short
from core.catalogue import METRICS
from data.queries.leaderboard import IN_MASKS


@dataclass(frozen=True)
class Column:
    title: str
    about: str
    counts: str
    """what n counts"""
    percent: bool = False

    @property
    def help(self) -> str:
        return f"{self.about}. n: {self.counts}"


_HELD = "on held-out tokens"
_TOKENS = "held-out tokens"
_DIRECTIONS, _CONCEPTS = "directions of the bank", "concepts that have it"
_BEST = "its own label, or the one of all labels that fits best on train images"
_MATCHED = (
    "mean cosine of the best one-to-one matching of directions, |cosine| where codes have signs. "
    "Measured where the recipe asks"
)
_PAIRS = "pairs of directions"
_FIDELITY = (
    "Of the head that reads the bank; its exact importances, weight times score. Chance: the "
    "concepts in random order. Random: the same kind of head, fitted on random directions. "
    "Each head has logits of its own size, so a value in logits says most beside its own chance"
)
_JUDGED = "images, held-out ones if any"
MEASURES: dict[str, Column] = {
    "r2": Column(
        "R²",
        f"Share of token variance that is rebuilt, {_HELD}; at most 1, higher is "
        "better. Chance: the mean token",
        _TOKENS,
    ),
    "relative_l2": Column(
        "Rel. ℓ2",
        f"|tokens - rebuilt| / |tokens|, {_HELD}; lower is better. Chance: the mean token",
        _TOKENS,
    ),
    "wasserstein": Column(
        "W1",
        "1-D Wasserstein distance between rebuilt and real values of a "
        f"channel, mean over channels, in units of activation, {_HELD}; lower is "
        "better. Chance: the mean token. Real: between two halves of the real "
        "tokens",
        _TOKENS,
    ),
    "ood": Column(
        "kNN dist.",
        "Mean distance of a reconstruction to its 10th nearest real token, "
        "in units of activation; above the real tokens' own it lies outside what the "
        "model produces, below it is nearer to the crowd than real tokens are",
        "reconstructions",
    ),
    "readout": Column(
        "Read-out, %",
        "Accuracy of the backbone when it goes on from "
        "reconstructions instead of its tokens. Chance: the largest class. Real: "
        "from the tokens themselves",
        "held-out images",
        percent=True,
    ),
    "l0": Column(
        "L0",
        f"Mean number of non-zero codes a token, {_HELD}; random directions get as many",
        _TOKENS,
    ),
    "hoyer": Column(
        "Hoyer",
        "(√k - ℓ1/ℓ2) / (√k - 1) of a token's codes, mean: 1 a single code, 0 all equal",
        _TOKENS,
    ),
    "dead": Column(
        "Dead, %",
        "Share of concepts that no image activates; lower is better",
        "concepts",
        percent=True,
    ),
    "coherence_max": Column(
        "Max |cos|",
        "Largest |cosine| of two directions, 0 to 1; 1: a duplicate. Lower is better",
        _DIRECTIONS,
    ),
    "coherence_mean": Column("Mean |cos|", "Mean |cosine| of two directions, 0 to 1", _DIRECTIONS),
    "effective_rank": Column(
        "Eff. rank",
        "exp of the entropy of the singular values of the directions: how many they span in effect",
        _DIRECTIONS,
    ),
    "stability_seed": Column("Stab. seeds", f"Fitted again with other seeds: {_MATCHED}", _PAIRS),
    "stability_split": Column(
        "Stab. images", f"Fitted again on disjoint shares of the train images: {_MATCHED}", _PAIRS
    ),
    "named": Column(
        "Named, %",
        "Share of concepts with a name: fitted to a label, or matching one "
        "well enough. Chance: the labels dealt out to other images. Random: directions "
        "that may match any label",
        "concepts",
        percent=True,
    ),
    "word_named": Column(
        "Word, %",
        "Share of concepts with a word of a vocabulary that is nearer "
        "than chance and leads the second best. Random: shuffled images",
        "concepts",
        percent=True,
    ),
    "word_agreement": Column(
        "Word = label, %",
        "Among concepts with a label-derived name and a "
        "word: how often the label holds every part of the word. Chance: the "
        "words dealt out at random",
        "concepts with both",
        percent=True,
    ),
    "name_auc": Column(
        "Name AUC",
        f"Mean over concepts: how well the score tells {_BEST}, on "
        "held-out images, 0 to 1. Chance: the labels dealt out to other images; for "
        "one fixed label it is 0.5. Random directions reach far more by the choice "
        "among labels, so compare with them",
        _CONCEPTS,
    ),
    "iou": Column(
        "Name IoU",
        "Mean over concepts: overlap of the strongest tokens with the mask "
        f"of the part of {_BEST}, 0 to 1. Chance: as many tokens at random",
        _CONCEPTS,
    ),
    "separability": Column(
        "Separability",
        "Mean over concepts of the Jensen-Shannon distance "
        "between classes' scores, 0 to 1. Chance: classes shuffled",
        _CONCEPTS,
    ),
    "monosemanticity": Column(
        "Monosem.",
        "Mean over concepts of the cosine between the backbone's "
        "pooled activations of a concept's top images. Chance: all images",
        _CONCEPTS,
    ),
    "C-insertion": Column(
        "C-insertion",
        "How soon the predicted class's logit is back when "
        "concepts are put back from the most important on: area under the "
        f"curve, in logits; higher is better. {_FIDELITY}",
        _JUDGED,
    ),
    "C-deletion": Column(
        "C-deletion",
        "How soon it is gone when they are taken out from the most "
        f"important on, in logits; lower is better. {_FIDELITY}",
        _JUDGED,
    ),
    "C-muFidelity": Column(
        "C-µFidelity",
        "Correlation of importances with the change of the logit "
        "over random sets of concepts, -1 to 1. For a linear head exact "
        f"importances have 1 whatever the concepts. {_FIDELITY}",
        _JUDGED,
    ),
    **{
        f"mask {name}": Column(
            f"{METRICS[name].title}" + (" of maps" if name == "iou" else ""),
            f"{METRICS[name].meaning} {METRICS[name].formula}; mean over "
            f"concepts, 0 to 1, higher is better. Chance: {METRICS[name].chance}",
            "concepts whose part has masks",
        )
        for name in IN_MASKS
    },
    "time total": Column(
        "Build, s",
        "Wall clock of everything that was done for the bank, in "
        "seconds: fit, maps, description, quality with refits, heads, metrics, "
        "effects and writing. Not the activations, which all banks share",
        "images of the build",
    ),
    "time fit": Column("Fit, s", "Wall clock of the fit, in seconds", "images learned from"),
    "time maps": Column(
        "Maps, s", "Wall clock of encoding every token, in seconds", "images of the build"
    ),
    "time description": Column(
        "Describe, s",
        "Wall clock of examples, histograms, names from "
        "labels, neighbours and the layout, in seconds",
        "images of the build",
    ),
    "time quality": Column(
        "Judge, s",
        "Wall clock of the measures of quality, of probes and of refits, in seconds",
        "images of the build",
    ),
    "time heads": Column(
        "Heads, s",
        "Wall clock of fitting and explaining its heads, and of their fidelity, in seconds",
        "images of the build",
    ),
    "time rest": Column(
        "Rest, s",
        "Wall clock of metrics, effects, words and writing, in seconds",
        "images of the build",
    ),
}
"""`measure` of `leaderboard.figures` -> how it is shown; accuracies are `accuracy`"""
HEADS, HELD_OUT = "Heads", "on the first held-out split"
GROUPS: dict[str, tuple[str, ...]] = {
    "Summary": (
        "r2",
        "stability_split",
        "named",
        "name_auc",
        "C-deletion",
        "mask precision",
        HELD_OUT,
        "time total",
    ),
    "Reconstruction": ("r2", "relative_l2", "wasserstein", "ood", "readout"),
    "Codes": ("l0", "hoyer", "dead"),
    "Directions": (
        "coherence_max",
        "coherence_mean",
        "effective_rank",
        "stability_seed",
        "stability_split",
    ),
    "Meaning": (
        "named",
        "word_named",
        "word_agreement",
        "name_auc",
        "separability",
        "monosemanticity",
    ),
    "Localisation": ("iou", *(f"mask {name}" for name in IN_MASKS)),
    "Fidelity": ("C-insertion", "C-deletion", "C-muFidelity"),
    HEADS: (),
    "Build time": tuple(name for name in MEASURES if name.startswith("time ")),
}
"""measures that are shown together; HELD_OUT stands for an accuracy, HEADS for one a split"""


def accuracy(measure: str) -> Column:
    """Of "on " and a split."""
    split = measure.removeprefix("on ")
    return Column(
        f"Head {short(split, 16)}, %",
        f"Top-1 accuracy on {plain(split)} of the head on labels over the bank. Chance: the "
        "largest class. Random: the same head fitted on random directions; none where they are as "
        "many as an activation has numbers, for then they are the linear probe below",
        "labelled images",
        percent=True,
    )


def column(measure: str) -> Column | None:
    """None for what is not shown."""
    return accuracy(measure) if measure.startswith("on ") else MEASURES.get(measure)
