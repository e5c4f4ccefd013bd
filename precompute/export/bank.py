"""A bank as a folder that SAELens opens, with a card; or its dictionary alone, with a card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from core.concepts import exported
from precompute.export import reading
from precompute.export.folder import CARD, card, fresh, table

WEIGHTS, SETTINGS = "sae_weights.safetensors", "cfg.json"
_SCORE = {
    "mean": "the mean of a concept's codes over its patches",
    "max": "the largest of a concept's codes over its patches",
    "cls": "the code of its CLS token, not of its patches",
}
"""by bank.pool"""
_NAMED = 200
"""concepts that the card lists, at most"""


def export_bank(path: Path, title: str, to: Path) -> Path:
    """Writes sae_weights.safetensors, cfg.json and README.md into the new folder `to`.

    Raises ValueError for a bank that the store does not have and for a folder that is not empty,
    StoreError where `path` is no store.
    """
    with reading.opened(path) as con:
        bank, origin = reading.bank_of(con, title), reading.origin_of(con)
    found = exported(bank.bank)
    folder = fresh(to)
    facts: dict[str, Any] = {"model_name": origin.backbone, "hook_name": origin.layer}
    facts |= {"dataset": origin.dataset, "method": bank.method, "store": origin.fingerprint}
    facts["pool"] = bank.pool
    facts["l0"] = bank.l0
    if bank.r2 is not None:
        facts["fvu"] = 1 - bank.r2
    save_file(found.tensors, folder / WEIGHTS, {"format": "pt"})
    text = json.dumps({**found.settings, "metadata": facts}, indent=2)
    (folder / SETTINGS).write_text(text, encoding="utf-8")
    codes = _codes(bank.title, encodes=found.encodes, exact=found.exact)
    (folder / CARD).write_text(_card(bank, origin, codes), encoding="utf-8")
    return folder


def _codes(title: str, *, encodes: bool, exact: bool) -> str:
    if encodes:
        return (
            "SAELens opens this folder with `SAE.load_from_disk`. A code times the norm of its row "
            "of `W_dec` is the code of the bank, in units of activation."
        )
    lacking = (
        f"The codes of this bank ({title}) are not those of an encoder that SAELens knows, so this "
        "folder holds the dictionary alone: the rows of `W_dec`, and `b_dec` where the bank adds "
        "an offset. SAELens does not open it."
    )
    if exact:
        return (
            f"{lacking} `codes` in `cfg.json` says how codes are made: `nnls` by non-negative "
            "least squares, `coordinates` as what lies along each direction once `b_dec` is taken "
            "off. An import into Lucidarium gives the same codes."
        )
    return (
        f"{lacking} An import into Lucidarium gives what lies along each direction, which is not "
        "what the bank's codes are."
    )


def _card(bank: reading.StoredBank, origin: reading.Origin, codes: str) -> str:
    metrics = [{"type": "l0", "value": round(bank.l0, 4)}]
    if bank.r2 is not None:
        metrics.append({"type": "explained_variance", "value": round(bank.r2, 6)})
    k, d = bank.bank.directions.shape
    rebuilt = "It does not reconstruct." if bank.r2 is None else f"Its R² there is {bank.r2:.4g}."
    listed = bank.concepts[bank.concepts["name"].notna()].head(_NAMED)
    rows = zip(
        listed["concept_id"],
        listed["name"],
        listed["frequency"].map("{:.3f}".format),
        strict=True,
    )
    return card(
        {"tags": ["interpretability", "vision", "dictionary"], "metrics": metrics},
        f"# {bank.name}",
        f"{bank.title} with {k:,} concepts of width {d:,}, for the layer `{origin.layer}` of "
        f"`{origin.backbone}`, on the data set {origin.dataset}. {rebuilt} A token has "
        f"{bank.l0:.4g} codes on average; a code's unit is: {bank.code_unit}. An image's score is "
        f"{_SCORE[bank.pool]}.",
        codes,
        "## Names" if len(listed) else "",
        table(("concept", "name", "share of images"), rows) if len(listed) else "",
    )
