"""Of how two sets of images differ by a concept."""

from __future__ import annotations

import math

from core.catalogue.definition import Definition, keyed

_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)
_SIGNED = (-1.0, 1.0)
_FALSE_DISCOVERY = "Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57"

DIFFERENCES = keyed(
    "difference",
    (
        Definition(
            "difference.energy_a",
            "Mean in A",
            "Energy: mean score over set A.",
            source="after Bohacek et al. 2025, arXiv 2506.19708",
            unit="the bank's code",
            n_of="images of A",
        ),
        Definition(
            "difference.energy_b",
            "Mean in B",
            "Energy: mean score over set B.",
            source="after Bohacek et al. 2025, arXiv 2506.19708",
            unit="the bank's code",
            n_of="images of B",
        ),
        Definition(
            "difference.difference",
            "B − A",
            "Difference of the energies.",
            source="after Bohacek et al. 2025, arXiv 2506.19708",
            unit="the bank's code",
        ),
        Definition(
            "difference.lo",
            "from",
            "Lower end of its 95 % interval: how often the concept fires and how strongly where it "
            "does are uncertain apart; Welch's t for scores that may be negative.",
            source="Tian 2005, Statistics in Medicine 24",
            unit="the bank's code",
        ),
        Definition(
            "difference.hi",
            "to",
            "Upper end of its 95 % interval.",
            unit="the bank's code",
        ),
        Definition(
            "difference.delta",
            "δ",
            "How far the energies differ, 0 to 1; 0.5 says equal.",
            formula="sigmoid((B − A) / T)",
            source="after Bohacek et al. 2025, arXiv 2506.19708",
            bounds=_SHARE,
        ),
        Definition(
            "difference.active_a",
            "Active in A",
            "Prevalence: share of the images of A with a positive score.",
            unit="share",
            format="percent",
            n_of="images of A",
            bounds=_SHARE,
        ),
        Definition(
            "difference.active_b",
            "Active in B",
            "Prevalence: share of the images of B with a positive score.",
            unit="share",
            format="percent",
            n_of="images of B",
            bounds=_SHARE,
        ),
        Definition(
            "difference.change",
            "Change",
            "Difference of the two shares, in percentage points.",
            unit="share",
            format="points",
            bounds=_SIGNED,
        ),
        Definition(
            "difference.within",
            "Within",
            "Mean over classes of |B − A inside the class|, in pooled standard deviations "
            "of the score inside a class and set: both directions together.",
            unit="standard deviations",
            n_of="classes",
            bounds=_POSITIVE,
        ),
        Definition(
            "difference.chance_95",
            "95 %",
            "95 % quantile of its size when images of a class change sides at random; one "
            "concept in twenty is beyond it where nothing differs.",
        ),
        Definition(
            "difference.p",
            "p",
            "Share of the random orders, and of the real one, that reach the size of the "
            "difference.",
            source="Besag and Clifford 1991, Biometrika 78",
            bounds=_SHARE,
        ),
        Definition(
            "difference.q",
            "q",
            "Smallest false discovery rate, over all concepts of the bank, at which the difference "
            "is found: of those with q up to 0.05, at most one in twenty is expected to be chance.",
            source=_FALSE_DISCOVERY,
            bounds=_SHARE,
        ),
        Definition(
            "difference.more",
            "More in B",
            "The part of the difference within classes from classes that show more in B.",
            unit="standard deviations",
        ),
        Definition(
            "difference.more_chance_95",
            "95 % more",
            "95 % quantile of that part when images of a class change sides at random; one "
            "concept in twenty is beyond it.",
            unit="standard deviations",
        ),
        Definition(
            "difference.more_p",
            "p more",
            "Share of the random orders, and of the real one, that reach the size of the "
            "difference.",
            bounds=_SHARE,
        ),
        Definition(
            "difference.more_q",
            "q more",
            "Smallest false discovery rate, over all concepts and both directions, at which this "
            "part is found.",
            source=_FALSE_DISCOVERY,
            bounds=_SHARE,
        ),
        Definition(
            "difference.less",
            "Less in B",
            "The part of the difference within classes from classes that show less in B.",
            unit="standard deviations",
        ),
        Definition(
            "difference.less_chance_95",
            "95 % less",
            "95 % quantile of that part when images of a class change sides at random; one "
            "concept in twenty is beyond it.",
            unit="standard deviations",
        ),
        Definition(
            "difference.less_p",
            "p less",
            "Share of the random orders, and of the real one, that reach the size of the "
            "difference.",
            bounds=_SHARE,
        ),
        Definition(
            "difference.less_q",
            "q less",
            "Smallest false discovery rate, over all concepts and both directions, at which this "
            "part is found.",
            source=_FALSE_DISCOVERY,
            bounds=_SHARE,
        ),
        Definition(
            "difference.tie_a",
            "Tie in A",
            "Share of the score's variance that lies between classes (intraclass "
            "correlation): 1, the class fixes it; 0, it says nothing; estimates may fall "
            "below 0.",
            unit="share of variance",
        ),
        Definition(
            "difference.tie_b",
            "Tie in B",
            "Share of the score's variance that lies between classes (intraclass "
            "correlation): 1, the class fixes it; 0, it says nothing; estimates may fall "
            "below 0.",
            unit="share of variance",
        ),
        Definition(
            "difference.tie",
            "Tie B − A",
            "Difference of the ties.",
            unit="share of variance",
        ),
        Definition(
            "difference.tie_lo",
            "tie from",
            "Lower end of its 95 % bootstrap interval.",
            unit="share of variance",
        ),
        Definition(
            "difference.tie_hi",
            "tie to",
            "Upper end of its 95 % bootstrap interval.",
            unit="share of variance",
        ),
        Definition(
            "difference.class_less",
            "Most less in",
            "Class in which B lies lowest against A.",
            format="text",
        ),
        Definition(
            "difference.class_less_by",
            "less by",
            "B − A in that class, in pooled standard deviations.",
            unit="standard deviations",
        ),
        Definition(
            "difference.class_more",
            "Most more in",
            "Class in which B lies highest against A.",
            format="text",
        ),
        Definition(
            "difference.class_more_by",
            "more by",
            "B − A in that class, in pooled standard deviations.",
            unit="standard deviations",
        ),
    ),
)
"""by column of a comparison of two sets"""
