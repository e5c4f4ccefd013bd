"""An edit as a page of its own: one HTML file that needs nothing else, and the same as JSON."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import numpy as np

from app import address, db
from app.format import concept_name, number, signed
from app.views.intervene import edited_head, edits, head_edits, head_lab, levels, saved_edits
from app.widgets import pack, people
from core import bottleneck
from data.queries import build

MOST_CLASSES = 8
DEFINITIONS = {
    "Score": "How strongly the image shows a concept, in the bank's unit; the mean (or, where "
    "the bank says so, the maximum) of its map over the image.",
    "Logit": "Bias of the class + sum over concepts of weight × score (+ the rest, for heads "
    "that carry one). An edit sets scores; weights and image stay.",
    "Probability": "Softmax of the logits over the head's classes.",
    "Margin": "Largest minus second largest probability.",
    "Entropy": "How undecided the prediction is, in bits; 0: certain.",
    "Off-distribution": "No image of the store has such a score; what the head says there was "
    "never tested.",
    "Unusual": "Outside the middle 99 % of the train images, and outside what is usual (5 to 95 %) "
    "for those that show the concept or do not.",
}


def facts(
    lab: head_lab.Lab, image: dict[str, Any], columns: dict[int, float], *, bank_unit: str
) -> dict[str, Any]:
    """Everything that report and JSON say."""
    facts = build.build(db.cursor())
    before, after = lab.logits({}), lab.logits(columns)
    p, q = bottleneck.probabilities(before), bottleneck.probabilities(after)
    names, ids = lab.loaded.class_names, lab.loaded.concept_ids
    at = lab.measured(np.array(list(columns), np.int64))
    marks = levels.marks(at, lab.facts, columns)
    also = people.names(lab.bank)
    order = np.argsort(-np.maximum(p, q), kind="stable")[:MOST_CLASSES]
    return {
        "store": {k: facts[k] for k in ("name", "dataset", "fingerprint", "backbone", "layer")}
        | {"n_images": int(facts["n_images"])},
        "bank": lab.bank,
        "unit": bank_unit,
        "head": lab.head,
        "image": {
            "id": lab.image_id,
            "file": image["file"],
            "split": image["split"],
            "label": image["label"],
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
        "edits_text": edits.write({int(ids[k]): v for k, v in columns.items()}),
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
        "margin": {"before": _margin(p), "after": _margin(q)},
        "entropy": {k: float(bottleneck.entropy(v)) for k, v in (("before", p), ("after", q))},
    }


def _margin(p: np.ndarray) -> float | None:
    return float(bottleneck.margin(p)) if len(p) > 1 else None


def as_json(given: dict[str, Any]) -> str:
    return json.dumps(given, indent=2, ensure_ascii=False)


def head_part(found: Any, text: str | None, change: Any | None) -> list[tuple[str, str]]:
    """Edits of the head itself, in words, with the accuracies they lead to."""
    known, _ = edited_head.known(found, head_edits.parse(text).edits)
    rows = [("edit", edited_head.describe(found, e)) for e in known]
    if change is not None:
        for split, c in change.by_split.items():
            rows.append(
                (
                    f"accuracy on {split}",
                    f"{number(100 * c.before.value)} % before, {number(100 * c.after.value)} % "
                    f"after (n = {c.after.n:,}, chance {number(100 * c.after.chance)} %)",
                )
            )
    return rows


def as_html(
    given: dict[str, Any], picture: bytes, *, of_head: list[tuple[str, str]], when: str
) -> str:
    """Escaped throughout; images and styles are inside."""
    store, image, said = given["store"], given["image"], given["prediction"]
    title = f"Edit of image {image['id']} · {given['head']}"
    flip = "stays" if said["before"] == said["after"] else "becomes"
    concepts = [
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
    classes = [
        (
            c["class"] + (" ✓" if c["class"] == image["label"] else ""),
            number(c["logit_before"]),
            number(c["logit_after"]),
            number(c["p_before"]),
            number(c["p_after"]),
            signed(c["p_after"] - c["p_before"]),
        )
        for c in given["classes"]
    ]
    origin = [
        ("Store", f"{store['name']}, build {store['fingerprint']}"),
        ("Data set", f"{store['dataset']}, n = {store['n_images']:,} images"),
        ("Backbone", f"{store['backbone']}, layer {store['layer']}"),
        ("Concept bank", f"{given['bank']} (unit of a score: {given['unit']})"),
        ("Head", f"{given['head']}, {given['n_classes']} classes"),
        ("Image", f"{image['id']}, {image['file']}, split {image['split']}"),
        ("Label", image["label"] or "unlabelled"),
        ("Values", given["values"]),
        ("Address", "&".join(f"{k}={v}" for k, v in given["address"].items())),
        ("Written", when),
    ]
    numbers = [
        (title, number(given[k]["before"]), number(given[k]["after"]))
        for k, title in (("margin", "margin"), ("entropy", "entropy, bits"))
    ]
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead">The prediction {flip} <b>{escape(said["after"])}</b>'
        + ("." if flip == "stays" else f" (before: {escape(said['before'])}).")
        + "</p>",
        f'<img alt="image {image["id"]}" src="{pack.jpeg(picture)}">' if picture else "",
        "<h2>What was edited</h2>",
        _table(("Concept", "Before", "After", "Seen in the store", ""), concepts)
        if concepts
        else "<p>No score is edited.</p>",
        "<h2>What the head says</h2>",
        _table(
            ("Class", "Logit before", "after", "Probability before", "after", "Change"), classes
        ),
        f"<p class=note>The {len(classes)} most probable of {given['n_classes']} classes.</p>",
        _table(("", "Before", "After"), numbers),
        "<h2>Edits of the head itself</h2>" + _table(("", ""), of_head) if of_head else "",
        "<h2>Where this comes from</h2>" + _table(("", ""), origin),
        "<h2>What the words mean</h2>" + _table(("", ""), list(DEFINITIONS.items())),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>"
    )


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    top = "".join(f"<th>{escape(h)}</th>" for h in head) if any(head) else ""
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b2429; background: #fff; max-width: 46rem;
  margin: 2.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.05rem; margin: 1.8rem 0 .4rem; }
.lead { font-size: 1.1rem; margin-top: 0; } .note { color: #5b6a72; font-size: .85rem; }
img { width: 16rem; max-width: 100%; border-radius: .5rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: #5b6a72; font-size: .85rem; }
th, td { padding: .25rem .6rem .25rem 0; border-bottom: 1px solid #e3e8ea; vertical-align: top; }
td:first-child { min-width: 9rem; }
"""
