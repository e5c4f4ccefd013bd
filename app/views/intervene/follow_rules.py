"""How the concepts that were not edited follow: each rule measured on the train images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64
from safetensors import numpy as safetensors

from app import db
from app.format import number, plain, short
from app.views.intervene import head_lab, whole
from core import bottleneck
from core.intervention import energy_propagation, propagation, tables
from data.queries import heads

RULES = {
    "gaussian": "by the conditional mean of a Gaussian over the scores.",
    "table": "by how often labels go together, p(c'|c), smoothed by one image of each kind.",
    "class": "the same within the images of one class, p(c'|c, y).",
    "energy": "by the bank's own energy of concepts and classes, with a soft mix of both states.",
}


@dataclass(frozen=True)
class Followed:
    scores: Float64[np.ndarray, "1 k"]
    moved: Bool[np.ndarray, "1 k"]
    threshold: str
    """above which `moved` counts, in words"""
    by: Float64[np.ndarray, " k"]
    """how far each moved, in the rule's own unit"""
    measure: str
    """key of the catalogue, of `by`"""
    unit: Float64[np.ndarray, " k"]
    """of a score, to order by"""
    n: Int64[np.ndarray, " k"] | None
    """images behind it, where they differ by concept"""
    about: str


def parse(text: str | None) -> tuple[str, int | None]:
    """Rule and class of the address: "gaussian" (also "1"), "table", "class", "class.4", "energy";
    anything else is "off"."""
    rule, _, given = (text or "").partition(".")
    rule = "gaussian" if rule == "1" else rule
    if rule not in RULES:
        return "off", None
    known = given.isascii() and given.isdigit() and len(given) < 10
    return rule, int(given) if rule == "class" and known else None


def followed(
    lab: head_lab.Lab, columns: dict[int, float], *, rule: str, class_row: int
) -> Followed | str:
    """Or why it cannot be told, in words for people."""
    if rule == "energy":
        return _by_energy(lab, columns)
    fitted = whole.fitted(lab.head_id, lab.bank_id)
    if rule == "gaussian":
        return _by_gaussian(lab, columns, fitted)
    if fitted.presence is None or fitted.truth is None:
        return (
            "No concept of this head was fitted to a label, so no table says which go together. "
            "“By scores” needs no labels."
        )
    return _by_table(lab, columns, fitted, class_row if rule == "class" else None)


def _by_gaussian(
    lab: head_lab.Lab, columns: dict[int, float], fitted: whole.Fitted
) -> Followed | str:
    model = fitted.gaussian
    if model is None:
        return (
            f"How concepts go together is measured for at most {whole.MOST_CONCEPTS:,} "
            "concepts and from at least two labelled images; this head is beyond that."
        )
    found = propagation.by_gaussian(model, lab.scores, columns)
    spread = np.sqrt(np.diag(model.covariance))
    change = found.scores[0] - lab.scores[0]
    return Followed(
        found.scores,
        found.moved,
        "a tenth of their spread",
        np.divide(change, spread, out=np.zeros_like(change), where=spread > 0),
        "followed.spreads",
        spread,
        None,
        f"Measured on n = {model.n:,} train images. Concepts that went together there need not go "
        "together elsewhere.",
    )


@db.cached(max_entries=12, shared=True)
def _table(head_id: int, bank_id: int, class_id: int | None) -> tables.Table | None:
    fitted = whole.fitted(head_id, bank_id)
    if fitted.truth is None:
        return None
    if class_id is None:
        return tables.fit(fitted.truth)
    return tables.fit(fitted.truth, classes=fitted.classes, given_class=class_id)


def _by_table(
    lab: head_lab.Lab, columns: dict[int, float], fitted: whole.Fitted, class_row: int | None
) -> Followed | str:
    assert fitted.presence is not None  # the caller has looked
    class_id = None if class_row is None else int(lab.loaded.class_ids[class_row])
    table = _table(lab.head_id, lab.bank_id, class_id)
    assert table is not None
    at = lab.measured(np.arange(lab.scores.shape[1]))
    edited = bottleneck.intervene(lab.scores, columns)
    degree = fitted.presence.probability(edited)[0]
    old = fitted.presence.probability(lab.scores)
    found = tables.follow(
        table,
        lab.scores,
        columns,
        degrees={k: float(degree[k]) for k in columns},
        levels=tables.Levels(old, at.present[1], at.absent[1]),
    )
    reach = np.nan_to_num(np.abs(at.present[1] - at.absent[1]))
    change = found.scores[0] - lab.scores[0]
    states = [int(degree[k] >= 0.5) for k in columns]
    n = np.min([table.n[s, k] for s, k in zip(states, columns, strict=True)], axis=0)
    n_images = int(len(fitted.classes) if class_id is None else (fitted.classes == class_id).sum())
    where = (
        "train images"
        if class_row is None
        else f"train images of {plain(short(lab.loaded.class_names[class_row]))}"
    )
    sets = "; ".join(f"{lab.title(k, 30)} {number(degree[k])}" for k in list(columns)[:4])
    signed = np.sign(at.present[1] - at.absent[1])
    return Followed(
        found.scores,
        found.moved,
        "0.05 of a probability",
        np.divide(change * signed, reach, out=np.zeros_like(change), where=reach > 0),
        "followed.presence",
        reach,
        n,
        f"Counted on n = {n_images:,} {where}, one image of each kind added. An edit counts as "
        f"present to the degree that its score says so ({sets}"
        f"{' …' if len(columns) > 4 else ''}); concepts without labels stay.",
    )


@db.cached(max_entries=4, shared=True)
def _energies(bank_id: int) -> energy_propagation.Energies:
    return energy_propagation.read(safetensors.load(heads.tensors(db.cursor(), bank_id)))


def _by_energy(lab: head_lab.Lab, columns: dict[int, float]) -> Followed | str:
    try:
        energies = _energies(lab.bank_id)
    except ValueError as error:
        return plain(str(error)) + "."
    n_concepts = len(energies.concept_bias)
    scores = heads.image_scores(
        db.cursor(), lab.bank_id, np.arange(n_concepts), image_ids=np.array([lab.image_id])
    )
    ids = lab.loaded.concept_ids
    own = _class_energies(lab, energies)
    changes = {int(ids[k]): v for k, v in columns.items()}
    found = energy_propagation.follow(energies, scores, changes, class_logits=own)
    before = energy_propagation.follow(energies, scores, {}, class_logits=own).present[0]
    return Followed(
        found.scores[:, ids],
        found.moved[:, ids],
        "0.1 of their log odds",
        (found.present[0] - before)[ids],
        "followed.presence",
        np.ones(len(ids)),
        None,
        "By the energy of concepts and classes that was trained with this bank on the train "
        "images; concepts are mixed softly, so that the others do move."
        + (" What the image says of its class counts too." if own is not None else ""),
    )


def _class_energies(
    lab: head_lab.Lab, energies: energy_propagation.Energies
) -> Float64[np.ndarray, "1 y"] | None:
    """Of the image, in logits: the rest of a head of kind `energy`; other heads have none."""
    if lab.kind != "energy" or lab.rest is None:
        return None
    order = np.argsort(lab.loaded.class_ids, kind="stable")
    return lab.rest[:, order[np.searchsorted(lab.loaded.class_ids[order], energies.classes)]]
