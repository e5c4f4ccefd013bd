"""An edit as a page of its own: one HTML file that needs nothing else, and the same as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app import address, db
from app.format import concept_name, number, signed
from app.views.intervene import (
    address_edits,
    address_head_edits,
    edited_head,
    head_lab,
    levels,
    saved_edits,
)
from app.widgets import pack, people
from core import bottleneck, catalogue
from core.counted import counted
from core.kinds import Link
from data.queries import build
from data.queries.images import ImageFacts

MOST_CLASSES = 8
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
DEFINED = (
    "edit.score",
    "edit.logit",
    "edit.probability",
    "edit.margin",
    "edit.entropy",
    "edit.off_distribution",
    "edit.unusual",
)
"""keys of the catalogue; what the report says of each closes it"""


def facts(
    lab: head_lab.Lab, image: ImageFacts, columns: dict[int, float], *, bank_unit: str
) -> dict[str, Any]:
    """Everything that report and JSON say."""
    facts = build.build(db.cursor())
    before, after = lab.logits({}), lab.logits(columns)
    link = lab.loaded.head.link
    p, q = (bottleneck.probabilities(z, link) for z in (before, after))
    names, ids = lab.loaded.class_names, lab.loaded.concept_ids
    at = lab.measured(np.array(list(columns), np.int64))
    marks = levels.marks(at, lab.facts, columns)
    also = people.names(lab.bank)
    order = np.argsort(-np.maximum(p, q), kind="stable")[:MOST_CLASSES]
    return {
        "store": {
            "name": facts.name,
            "dataset": facts.dataset,
            "fingerprint": facts.fingerprint,
            "backbone": facts.backbone,
            "layer": facts.layer,
            "n_images": facts.n_images,
        },
        "bank": lab.bank,
        "unit": bank_unit,
        "head": lab.head,
        "image": {
            "id": lab.image_id,
            "file": image.file,
            "split": image.split,
            "label": image.label,
        },
        "address": {k: v for k in saved_edits.KEYS if (v := address.param(k))},
        "values": levels.sentence(levels.chosen(), at.n),
        "edits": [
            {
                "concept": int(ids[k]),
                "name": concept_name(*lab.facts[["name", "concept_id"]].iloc[k]),
                "named_by_people": also.get(int(ids[k])),
                "before": float(lab.scores[0, k]),
                "after": float(value),
                "lowest_in_store": float(lab.facts["score_min"].iloc[k]),
                "highest_in_store": float(lab.facts["score_max"].iloc[k]),
                "mark": marks[k],
            }
            for k, value in columns.items()
        ],
        "edits_text": address_edits.write({int(ids[k]): v for k, v in columns.items()}),
        "classes": [
            {
                "class": names[y],
                "logit_before": float(before[y]),
                "logit_after": float(after[y]),
                "p_before": float(p[y]),
                "p_after": float(q[y]),
            }
            for y in order
        ],
        "n_classes": len(names),
        "prediction": {"before": names[int(p.argmax())], "after": names[int(q.argmax())]},
        "link": link,
        "margin": {"before": _margin(p, link), "after": _margin(q, link)},
        "entropy": {
            k: float(bottleneck.entropy(v, link)) for k, v in (("before", p), ("after", q))
        },
    }


def _margin(p: np.ndarray, link: Link) -> float | None:
    """None for one class, and for labels whose probabilities do not compete."""
    return float(bottleneck.margin(p)) if len(p) > 1 and link == "softmax" else None


def as_json(given: dict[str, Any]) -> str:
    return json.dumps(given, indent=2, ensure_ascii=False)


def head_part(found: Any, text: str | None, change: Any | None) -> list[tuple[str, str]]:
    """Edits of the head itself, in words, with the accuracies they lead to."""
    known, _ = edited_head.known(found, address_head_edits.parse(text).edits)
    rows = [("edit", edited_head.describe(found, e)) for e in known]
    for split, c in ({} if change is None else edited_head.outcomes(change)).items():
        rows.append(_of_labels(split, c) if "n_labels" in c else _of_classes(split, c))
    return rows


def _of_classes(split: str, c: dict[str, Any]) -> tuple[str, str]:
    return (
        f"accuracy on {split}",
        f"{number(100 * c['before'])} % before, {number(100 * c['after'])} % after (n = "
        f"{c['n']:,}, chance {number(100 * c['chance'])} %)",
    )


def _of_labels(split: str, c: dict[str, Any]) -> tuple[str, str]:
    low, high = c["auroc_gain_95"]
    return (
        f"mean AUROC on {split}",
        f"{number(c['auroc_before'])} before, {number(c['auroc_after'])} after, a change of "
        f"{signed(c['auroc_gain'])} (95 % interval {signed(low)} to {signed(high)}; "
        f"{c['n_labels']} labels, chance 0.5)",
    )


def as_html(
    given: dict[str, Any], picture: bytes, *, of_head: list[tuple[str, str]], when: str
) -> str:
    """Escaped throughout; images and styles are inside."""
    return _TEMPLATES.get_template("report.html").render(
        title=f"Edit of image {given['image']['id']} · {given['head']}",
        given=given,
        picture=pack.jpeg(picture) if picture else None,
        edits=_edits(given),
        classes=_classes(given),
        measures=[
            (title, number(given[k]["before"]), number(given[k]["after"]))
            for k, title in (("margin", "margin"), ("entropy", "entropy, bits"))
            if given[k]["before"] is not None
        ],
        of_head=of_head,
        origin=_origin(given, when),
        definitions=[(one.title, one.meaning) for one in map(catalogue.of, DEFINED)],
    )


def _edits(given: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            e["name"]
            + (f" (people: {e['named_by_people']})" if e["named_by_people"] else "")
            + f" #{e['concept']}",
            number(e["before"]),
            number(e["after"]),
            f"{number(e['lowest_in_store'])} to {number(e['highest_in_store'])}",
            e["mark"],
        )
        for e in given["edits"]
    ]


def _classes(given: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            c["class"] + (" ✓" if c["class"] in _shown(given) else ""),
            number(c["logit_before"]),
            number(c["logit_after"]),
            number(c["p_before"]),
            number(c["p_after"]),
            signed(c["p_after"] - c["p_before"]),
        )
        for c in given["classes"]
    ]


def _shown(given: dict[str, Any]) -> list[str]:
    """Names of the classes that the image carries."""
    label = given["image"]["label"] or ""
    return [label] if given["link"] == "softmax" else label.split(" + ")


def _origin(given: dict[str, Any], when: str) -> list[tuple[str, str]]:
    store, image = given["store"], given["image"]
    return [
        ("Store", f"{store['name']}, build {store['fingerprint']}"),
        ("Data set", f"{store['dataset']}, n = {counted(store['n_images'], 'image')}"),
        ("Backbone", f"{store['backbone']}, layer {store['layer']}"),
        ("Concept bank", f"{given['bank']} (unit of a score: {given['unit']})"),
        ("Head", f"{given['head']}, {counted(given['n_classes'], 'class')}"),
        ("Image", f"{image['id']}, {image['file']}, split {image['split']}"),
        ("Label", image["label"] or "unlabelled"),
        ("Values", given["values"]),
        ("Address", "&".join(f"{k}={v}" for k, v in given["address"].items())),
        ("Written", when),
    ]
