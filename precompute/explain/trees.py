"""What banks have beside directions: trees, nested prefixes, crops and their parts."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from core.concepts import CraftBank, HierarchicalBank, MatryoshkaBank, nnls_codes
from core.controls.codes import Rebuilds, best_gain
from core.kinds import NameSource
from core.metrics import reconstruction
from data import write
from precompute.banks import BankRun
from precompute.explain import concept_attributions
from precompute.intake import Build
from precompute.quality import HeldOut

_BOX = ["x0", "y0", "x1", "y1"]
_TRAIN = 2_000
"""train tokens looked at where no image is held out"""


def put_trees(con: duckdb.DuckDBPyConnection, run: BankRun, held: HeldOut) -> None:
    """Rows of `concept_tree`, `bank_prefix`, `concept_crop`, `subconcept`, `subconcept_crop` and
    `concept_attribution`; concepts of one class are named after it in `run.description`."""
    bank, bank_id, build = run.bank, run.bank_id, held.build
    x = held.tokens if len(held.tokens) else run.data.tokens.sample(_TRAIN, seed=build.seed)
    with torch.inference_mode():
        if isinstance(bank, HierarchicalBank):
            write.frame(con, "concept_tree", tree(bank, x), bank_id=bank_id)
        if isinstance(bank, MatryoshkaBank):
            write.frame(
                con, "bank_prefix", prefixes(bank, run.control.dictionary, x), bank_id=bank_id
            )
    if not isinstance(bank, CraftBank):
        return
    ids = build.image_ids[build.train]
    write.frame(con, "concept_crop", _crops(bank.crops, ids), bank_id=bank_id)
    if len(bank.subs):
        subs = _subs(bank)
        write.frame(con, "subconcept", subs, bank_id=bank_id)
        crops = _crops(bank.sub_crops, ids)
        of = subs.iloc[crops["concept_id"].to_numpy()]
        crops["sub_id"], crops["concept_id"] = (of[n].to_numpy() for n in ("sub_id", "concept_id"))
        write.frame(con, "subconcept_crop", crops, bank_id=bank_id)
    if bank.offset is None:
        concept = run.description.concept
        concept["name"] = _titled(bank, concept, build)
    concept_attributions.put(con, run, build)


def _titled(bank: CraftBank, concept: pd.DataFrame, build: Build) -> list[str]:
    """The class first: "heron · red" where a label names the concept, "heron · #3" elsewhere."""
    owners, of_class, names = bank.owners.tolist(), build.class_names, build.label_names
    named = concept["labelled_id"].where(concept["name_source"] != NameSource.UNNAMED)
    return [
        f"{of_class[owner]} · {names[int(at)] if pd.notna(at) else f'#{i - owners.index(owner)}'}"
        for i, (owner, at) in enumerate(zip(owners, named, strict=True))
    ]


def tree(bank: HierarchicalBank, x: Float[Tensor, "n d"]) -> pd.DataFrame:
    """Rows of `concept_tree` without the bank; shares as they are on the tokens `x`."""
    parents = bank.parents.numpy()
    mean = nnls_codes(x, bank.fine).mean(0).double().numpy()
    # of every fine concept, what it adds to every concept's mean code
    added = mean[:, None] * bank.shares.double().numpy()
    n_fine, k = added.shape
    below = np.zeros((n_fine, k), dtype=bool)
    for f in range(n_fine):
        at = k - n_fine + f
        while at >= 0:
            below[f, at] = True
            at = int(parents[at])
    total = added.sum(0)
    roots = parents < 0
    through = np.array([added[below[:, c], parents[c]].sum() for c in range(k)])
    part = np.where(roots, total, through)
    whole = np.where(roots, total[roots].sum(), total[parents])
    return pd.DataFrame(
        {
            "concept_id": np.arange(k),
            "parent_id": pd.Series(parents).where(~roots).astype("UInt32"),
            "level": bank.levels.numpy(),
            "share": np.divide(part, whole, out=np.zeros(k), where=whole > 0),
            "n": len(x),
        }
    )


def prefixes(bank: MatryoshkaBank, control: Rebuilds, x: Float[Tensor, "n d"]) -> pd.DataFrame:
    """Rows of `bank_prefix` without the bank, on the tokens `x`; the control's codes have the
    strength that fits these best."""
    codes, drawn, centre = bank.encode(x), control.codes(x), x.mean(0)
    rows = []
    for size in bank.prefixes.tolist():
        mine, directions = codes[:, :size], bank.directions[:size]
        l0 = reconstruction.l0(mine)
        theirs = drawn[:, :size] @ control.directions[:size]
        rows.append(
            {
                "size": size,
                "r2": reconstruction.r2(x, mine @ directions + bank.offset),
                "control": reconstruction.r2(x, best_gain(x - centre, theirs) * theirs + centre),
                "l0": l0,
                "n": len(x),
            }
        )
    return pd.DataFrame(rows)


def _crops(table: Float[Tensor, "c 7"], image_ids: Integer[np.ndarray, " n"]) -> pd.DataFrame:
    """Rows of `concept_crop`; concept_id is the first column, whatever that counts."""
    frame = pd.DataFrame(table.numpy(), columns=["concept_id", "image", *_BOX, "code"])
    frame["concept_id"] = frame["concept_id"].astype(int)
    frame["rank"] = frame.groupby("concept_id").cumcount()
    frame["image_id"] = image_ids[frame.pop("image").astype(int).to_numpy()]
    return frame


def _subs(bank: CraftBank) -> pd.DataFrame:
    frame = pd.DataFrame(bank.subs.numpy(), columns=["concept_id", "share", "n_crops", "error"])
    for name in ("concept_id", "n_crops"):
        frame[name] = frame[name].astype(int)
    frame["sub_id"] = frame.groupby("concept_id").cumcount()
    frame["layer"] = bytes(bank.sub_layer.tolist()).decode()
    return frame
