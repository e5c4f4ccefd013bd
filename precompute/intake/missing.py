"""What is not known of a build's images, and so cannot be measured: notices in plain words."""

from __future__ import annotations

from precompute.intake.build import Build

MEASURE_STAGE = "measure"
_SEVERAL = (
    "an image can carry several labels, so no one class is right or wrong: accuracy, also with few "
    "concepts (NEC), completeness, the read-out of reconstructions, the importance of concepts "
    "(CGIM), the entropy and the largest share of a concept's score over classes and the flag "
    "single class are left out; each label is judged by its area under the ROC curve and its "
    "average precision"
)


def notice_missing(build: Build) -> None:
    """Writes a notice for everything that is not known and so cannot be measured."""
    if build.targets is not None:
        build.log.notice(MEASURE_STAGE, "labels", ValueError(_SEVERAL))
    for subject, missing in _missing(build):
        build.log.notice(MEASURE_STAGE, subject, ValueError(missing))


def _missing(build: Build) -> list[tuple[str, str]]:
    if not build.held_out_splits:
        return [
            ("held-out images", "there is none, so nothing can be measured but accuracy on train")
        ]
    if build.labels is None:
        return [
            (
                "labelled concepts",
                "the data set has none, so whether concepts exist in the images, and lie where "
                "they should, cannot be measured",
            )
        ]
    out = []
    if not build.by_image:
        out.append(
            (
                "existence of concepts (CEM)",
                "labels are known of classes only, so every image counts as showing what its "
                "class shows; where it departs from that, a right concept counts as wrong",
            )
        )
    if not len(build.points.images):
        out.append(
            (
                "location of concepts (CLM)",
                "no held-out image has the place of a part that a labelled concept belongs to",
            )
        )
    if not build.masks.covered.any():
        out.append(
            (
                "maps against masks",
                "no held-out image has a mask of a part that a labelled concept belongs to",
            )
        )
    return out
