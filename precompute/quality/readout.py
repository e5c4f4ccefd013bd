"""Does the backbone still answer right when it reads what a bank gives back?"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

from core.backbones import Resumes
from core.controls.codes import Rebuilds
from core.metrics import reconstruction
from core.sampling import evenly
from core.types import ConceptBank, Rescales
from precompute.banks import Codes, Readout, readout_of, vectors
from precompute.intake import StoredTokens, pixels_of
from precompute.quality.held_out import HeldOut
from precompute.quality.rows import Figure

RESUMED = 64
"""held-out images at most, where the rest of the network has to run again"""
_BATCH = 16

Right = tuple[float, float, float]
"""accuracy on reconstructions, on those of the control, and on real activations"""


def figures(bank: ConceptBank, control: Rebuilds, codes: Codes, held: HeldOut) -> list[Figure]:
    """Accuracy on reconstructions of held-out images; none for a bank that does not reconstruct,
    or where no image can tell (`draw_held_out` has noticed).

    Raises ValueError, with the reason, where the backbone cannot read them.
    """
    if bank.offset is None or len(held.shown) == 0:
        return []
    outputs = held.outputs
    linear = readout_of(held.build.backbone, codes.pool)
    if linear is not None and codes.pool == "cls":
        right = _at_cls(bank, control, codes, held, linear)
    elif linear is not None:
        right = _pooled(bank, control, codes, held, linear)
    else:
        at = evenly(len(outputs), RESUMED)
        outputs = outputs[at]
        right = _resumed(bank, control, codes, held, rows=held.shown[at], outputs=outputs)
    luck = float(np.bincount(outputs).max() / len(outputs))
    n = len(outputs)
    return [Figure("readout", right[0], n, control=right[1], chance=luck, best=right[2])]


def _pooled(
    bank: ConceptBank, control: Rebuilds, codes: Codes, held: HeldOut, readout: Readout
) -> Right:
    """By the linear read-out, of the mean reconstruction."""
    assert bank.offset is not None
    t = codes.n_tokens
    added, theirs = [], []
    for x in StoredTokens(held.build.activations, held.shown).batches(32 * t, seed=None):
        theirs.append(control.rebuilt(control.codes(x)).unflatten(0, (-1, t)).mean(1).numpy())
        if isinstance(bank, Rescales):
            added.append(bank.offsets(x).unflatten(0, (-1, t)).mean(1).numpy())
    offset = np.concatenate(added) if added else bank.offset.numpy()
    ours = codes.means[held.shown].toarray() @ bank.directions.numpy() + offset
    one, two, real = (
        reconstruction.readout_accuracy(pooled, readout, held.outputs)
        for pooled in (ours, np.concatenate(theirs), held.build.pooled[held.shown])
    )
    return one, two, real


def _at_cls(
    bank: ConceptBank, control: Rebuilds, codes: Codes, held: HeldOut, readout: Readout
) -> Right:
    """By the linear read-out, of the reconstructed CLS token; what the logits read of other tokens
    stays as it is."""
    build = held.build
    assert build.logits is not None, "a read-out gives logits"
    x = torch.from_numpy(vectors(build, "cls")[held.shown])
    z = torch.from_numpy(codes.scores[held.shown].toarray()).float()
    found = []
    for rebuilt in (reconstruction.rebuilt(bank, x, z), control.rebuilt(control.cls_codes(x)), x):
        logits = build.logits[held.shown] + (rebuilt - x).numpy() @ readout[0].T
        found.append(float((logits.argmax(1) == held.outputs).mean()))
    return found[0], found[1], found[2]


def _resumed(
    bank: ConceptBank,
    control: Rebuilds,
    codes: Codes,
    held: HeldOut,
    *,
    rows: Integer[np.ndarray, " m"],
    outputs: Integer[np.ndarray, " m"],
) -> Right:
    """By the rest of the network, of every patch, and of the CLS token where scores are read there;
    other CLS tokens and register tokens stay as they are."""
    backbone = held.build.backbone
    if not isinstance(backbone, Resumes):
        raise ValueError(
            f"backbone {backbone.name!r} cannot go on from other tokens at its layer, and its "
            "logits are no linear map of what scores are read from, so it cannot read "
            "reconstructions"
        )
    codes_of = codes.of_images()
    ids = held.build.image_ids[rows].tolist()
    right, moved = np.zeros(3), False
    for start in range(0, len(rows), _BATCH):
        part = slice(start, start + _BATCH)
        stopped = backbone.resume(pixels_of(held.build, ids[part]))
        real = stopped.tokens.float().cpu()
        z = torch.from_numpy(np.stack([codes_of(int(row)) for row in rows[part]]))
        ours = reconstruction.rebuilt(bank, real, z)
        theirs = control.rebuilt(control.codes(real.flatten(0, 1))).view_as(real)
        own: list[Tensor | None] = [None] * 3
        if codes.pool == "cls":
            cls = stopped.extra[:, 0].float().cpu()
            z = torch.from_numpy(codes.scores[rows[part]].toarray()).float()
            own = [
                reconstruction.rebuilt(bank, cls, z),
                control.rebuilt(control.cls_codes(cls)),
                cls,
            ]
        given = zip((ours, theirs, real), own, strict=True)
        logits = [stopped(tokens, at_cls).cpu() for tokens, at_cls in given]
        moved |= not torch.equal(logits[0], logits[2])
        right += [(one.argmax(1).numpy() == outputs[part]).mean() * len(real) for one in logits]
    if not moved:
        raise ValueError(
            f"the tokens of layer {backbone.layer!r} do not reach the logits (they are read from "
            "the CLS token alone), so reconstructions change nothing; choose an earlier layer, or "
            'pool = "cls"'
        )
    one, two, best = (right / len(rows)).tolist()
    return one, two, best
