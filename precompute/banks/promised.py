"""Does a bank from elsewhere do here what its checkpoint says of it?

An autoencoder that is given another layer's activations, another model's, or the right ones scaled
otherwise, still codes them, and its maps look like any others. What gives it away is how badly it
rebuilds, or how many latents it uses.
"""

from __future__ import annotations

import sys

from tqdm import tqdm

from core.concepts import ImportedBank
from core.types import ConceptBank
from precompute.intake import Log

_FVU_FACTOR, _FVU_LEAST = 1.25, 0.02
_L0_FACTOR = 1.5
_NOTHING = 1.0
"""the FVU of the mean token: what knows nothing of the activations"""


def judge_promise(bank: ConceptBank, *, r2: float, l0: float, log: Log, title: str) -> None:
    """States FVU and L0 here beside what the checkpoint promises; a difference is a notice, too.

    `r2` and `l0` are over all tokens of all images; FVU here is 1 - r2. They differ where FVU here
    is above the promised one by a quarter and by 0.02 at least, or is 1 or more; or where L0 is
    more than 1.5 times, or less than two thirds, of the promised one.

    The bounds are from a trial: TopK and BatchTopK autoencoders of 512 latents at two layers of a
    MobileNetV2, trained on photographs of ImageNet and given what other photographs measure as
    their promise. On birds of CUB-200-2011, FVU was 0.93 to 1.02 times the promised one and L0 0.89
    to 1. On the next layer FVU was 1.09 to 1.22 times, on a MobileNetV2 that was trained on birds
    1.6 to 1.7 times, on tokens of norm sqrt(d) 1.14 to 3.4 times it, and L0 of BatchTopK 1.9 to 2.2
    times or almost 0. Of these 12 mistakes the bounds find 9; the others rebuild nearly as well as
    promised. They take no other images for a mistake, and would not where a promise was measured on
    the images of the training: FVU was 1.18 times that.
    """
    if not isinstance(bank, ImportedBank):
        return
    promise = bank.promise
    fvu = None if bank.offset is None else 1 - r2
    said = [
        _beside("FVU", fvu, promise.fvu) if fvu is not None else "it does not reconstruct",
        _beside("L0", l0, promise.l0),
    ]
    origin = f"{bank.format}, trained on {promise.model}" if promise.model else bank.format
    statement = f"{title} ({origin}): {', '.join(said)}"
    tqdm.write(statement, file=sys.stderr)
    reasons = _differences(fvu, promise.fvu, l0, promise.l0)
    if not reasons:
        return
    warning = ValueError(
        f"{statement}. {' and '.join(reasons)}: it was probably trained on another layer, on "
        "another model, on activations that were scaled otherwise or on quite other images; its "
        "maps may mean nothing"
    )
    tqdm.write(f"WARNING: {warning}", file=sys.stderr)
    log.notice("import", title, warning)


def _beside(name: str, here: float, promised: float | None) -> str:
    other = "none is promised" if promised is None else f"{promised:.3g} promised"
    return f"{name} {here:.3g} here, {other}"


def _differences(
    fvu: float | None, promised_fvu: float | None, l0: float, promised_l0: float | None
) -> list[str]:
    out = []
    if fvu is not None and fvu >= _NOTHING:
        out.append("It rebuilds worse than the mean token does")
    elif fvu is not None and promised_fvu is not None:
        most = max(_FVU_FACTOR * promised_fvu, promised_fvu + _FVU_LEAST)
        if fvu > most:
            out.append("It rebuilds worse than its checkpoint says")
    if promised_l0 and not promised_l0 / _L0_FACTOR <= l0 <= promised_l0 * _L0_FACTOR:
        out.append("It uses another number of latents than its checkpoint says")
    return out
