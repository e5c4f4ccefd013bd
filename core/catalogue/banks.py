"""Of table `quality`: how good a bank's directions, codes and names are."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_FEL = "Fel et al. 2023, arXiv 2306.07304, section 3"
_TOKENS = "held-out tokens"
_DIRECTIONS, _CONCEPTS = "directions of the bank", "concepts that have it"
_PAIRS = "pairs of directions"
_BEST = "its own label, or the one of all labels that fits best on train images"
_MATCHED = (
    "mean cosine of the best one-to-one matching of directions, |cosine| where codes have signs. "
    "Measured where the recipe asks."
)
_MEAN = "the mean token"

QUALITY = keyed(
    "quality",
    (
        Definition(
            "quality.r2",
            "R²",
            "Share of token variance that is rebuilt, on held-out tokens; at most 1.",
            formula="1 - |x - rebuilt|² / |x - mean token|²",
            source=_FEL,
            unit="share",
            better="higher",
            chance=_MEAN,
            n_of=_TOKENS,
            bounds=(-math.inf, 1.0),
        ),
        Definition(
            "quality.promised_r2",
            "R² promised",
            "R² that the checkpoint of a bank from elsewhere states of itself, on its own data.",
            source=COMMON,
            unit="share",
            n_of="tokens of its own data, as many as it does not say",
            bounds=(-math.inf, 1.0),
        ),
        Definition(
            "quality.relative_l2",
            "Relative ℓ2 error",
            "How far reconstructions lie from their tokens, as a share of the tokens' length, on "
            "held-out tokens.",
            formula="|tokens - rebuilt| / |tokens|, Frobenius norms",
            source=_FEL,
            unit="ratio",
            better="lower",
            chance=_MEAN,
            n_of=_TOKENS,
            bounds=(0.0, math.inf),
            short="Rel. ℓ2",
        ),
        Definition(
            "quality.wasserstein",
            "Wasserstein distance",
            "1-D Wasserstein distance between rebuilt and real values of a channel, mean over "
            "channels, in units of activation, on held-out tokens. Real: between two halves of "
            "the real tokens.",
            formula="mean of |sorted rebuilt - sorted real|",
            source=_FEL,
            unit="activation",
            better="lower",
            chance=_MEAN,
            n_of=_TOKENS,
            bounds=(0.0, math.inf),
            short="W1",
        ),
        Definition(
            "quality.ood",
            "Distance to real tokens",
            "Mean distance of a reconstruction to its 10th nearest real token, in units of "
            "activation; above the real tokens' own it lies outside what the model produces, "
            "below it is nearer to the crowd than real tokens are.",
            source="after Sun et al. 2022, arXiv 2204.06507",
            unit="activation",
            better="lower",
            n_of="reconstructions",
            bounds=(0.0, math.inf),
            short="kNN dist.",
        ),
        Definition(
            "quality.readout",
            "Read-out",
            "Accuracy of the backbone when it goes on from reconstructions instead of its tokens. "
            "Real: from the tokens themselves.",
            unit="share",
            better="higher",
            chance="the largest class",
            format="percent",
            n_of="held-out images",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "quality.l0",
            "L0",
            "Mean number of non-zero codes a token, on held-out tokens; its control has as many.",
            source=COMMON,
            unit="codes",
            n_of=_TOKENS,
            bounds=(0.0, math.inf),
        ),
        Definition(
            "quality.promised_l0",
            "L0 promised",
            "L0 that the checkpoint of a bank from elsewhere states of itself, on its own data.",
            source=COMMON,
            unit="codes",
            n_of="tokens of its own data, as many as it does not say",
            bounds=(0.0, math.inf),
        ),
        Definition(
            "quality.hoyer",
            "Hoyer sparsity",
            "How few codes a token's strength lies in: 1 a single code, 0 all equal.",
            formula="(√k - ℓ1/ℓ2) / (√k - 1) of a token's codes; the mean over tokens",
            source="Hoyer 2004, JMLR 5, section 3.1",
            n_of=_TOKENS,
            bounds=(0.0, 1.0),
            short="Hoyer",
        ),
        Definition(
            "quality.dead",
            "Dead",
            "Share of concepts that no image activates.",
            source=COMMON,
            unit="share",
            better="lower",
            format="percent",
            n_of="concepts",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "quality.coherence_max",
            "Largest |cosine|",
            "Largest |cosine| of two directions, 0 to 1; 1: a duplicate.",
            source=COMMON,
            unit="cosine",
            better="lower",
            n_of=_DIRECTIONS,
            bounds=(0.0, 1.0),
            short="Max |cos|",
        ),
        Definition(
            "quality.coherence_mean",
            "Mean |cosine|",
            "Mean |cosine| of two directions, 0 to 1.",
            source=COMMON,
            unit="cosine",
            better="lower",
            n_of=_DIRECTIONS,
            bounds=(0.0, 1.0),
            short="Mean |cos|",
        ),
        Definition(
            "quality.effective_rank",
            "Effective rank",
            "How many dimensions the directions span in effect.",
            formula="exp of the entropy of the singular values of the directions, as shares",
            source="Roy & Vetterli 2007, EUSIPCO",
            unit="dimensions",
            n_of=_DIRECTIONS,
            bounds=(1.0, math.inf),
            short="Eff. rank",
        ),
        Definition(
            "quality.stability_seed",
            "Stability over seeds",
            f"Fitted again with other seeds: {_MATCHED} Empty where the fit does not depend on the "
            "seed.",
            source=_FEL,
            unit="cosine",
            better="higher",
            n_of=_PAIRS,
            bounds=(-1.0, 1.0),
            short="Stab. seeds",
        ),
        Definition(
            "quality.stability_split",
            "Stability over images",
            f"Fitted again on disjoint shares of the train images: {_MATCHED} Empty where the fit "
            "does not depend on the images.",
            source=_FEL,
            unit="cosine",
            better="higher",
            n_of=_PAIRS,
            bounds=(-1.0, 1.0),
            short="Stab. images",
        ),
        Definition(
            "quality.named",
            "Named",
            "Share of concepts with a name: fitted to a label, or matching one well enough. "
            "Random: turned directions, each on as often as its concept, that may match any label.",
            unit="share",
            better="higher",
            chance="the labels dealt out to other images",
            format="percent",
            n_of="concepts",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "quality.word_named",
            "Named by a word",
            "Share of concepts with a word of a vocabulary that is nearer than chance and leads "
            "the second best. Random: shuffled images.",
            unit="share",
            better="higher",
            format="percent",
            n_of="concepts",
            bounds=(0.0, 1.0),
            short="Word",
        ),
        Definition(
            "quality.word_agreement",
            "Word says the label",
            "Among concepts with a label-derived name and a word: how often the label holds every "
            "part of the word.",
            unit="share",
            better="higher",
            chance="the words dealt out at random",
            format="percent",
            n_of="concepts with both",
            bounds=(0.0, 1.0),
            short="Word = label",
        ),
        Definition(
            "quality.name_auc",
            "Name AUC",
            f"Mean over concepts: how well the score tells {_BEST}, on held-out images, 0 to 1. "
            "Random directions reach far more than chance by the choice among labels, so compare "
            "with them.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="the labels dealt out to other images; for one fixed label it is 0.5",
            n_of=_CONCEPTS,
            bounds=(0.0, 1.0),
        ),
        Definition(
            "quality.iou",
            "Name IoU",
            "Mean over concepts: overlap of the strongest tokens with the mask of the part of "
            f"{_BEST}, 0 to 1.",
            source="after Bau et al. 2017, arXiv 1704.05796",
            unit="overlap",
            better="higher",
            chance="the same maps, their tokens shuffled inside each image",
            n_of=_CONCEPTS,
            bounds=(0.0, 1.0),
        ),
        Definition(
            "quality.separability",
            "Class separability",
            "Mean over concepts of the Jensen-Shannon distance between classes' scores, 0 to 1.",
            formula="√JSD with log2 over 20 shared bins; the mean over pairs of classes",
            source="after arXiv 2508.15094",
            unit="distance",
            better="higher",
            chance="classes shuffled",
            n_of=_CONCEPTS,
            bounds=(0.0, 1.0),
            short="Separability",
        ),
        Definition(
            "quality.monosemanticity",
            "Monosemanticity",
            "Mean over concepts of the cosine between the backbone's pooled activations of a "
            "concept's top images.",
            unit="cosine",
            better="higher",
            chance="all images",
            n_of=_CONCEPTS,
            bounds=(-1.0, 1.0),
            short="Monosem.",
        ),
    ),
)
"""by `quality.measure`"""
