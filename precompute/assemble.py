"""From finished work on disk to rows of the store."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from safetensors.torch import save

from core import concepts, importance, saliency
from core.backbones import ReadsCls, why_layer
from core.bottleneck import probabilities
from core.kinds import NameSource
from core.maps import quantise, scales
from core.recipe import HeadSpec
from core.types import words_of
from data import write
from precompute.banks import BankRun, Codes, judge_promise
from precompute.heads import HEADS, Fitted, logits_of, predictions
from precompute.intake import Build, Log

Con = duckdb.DuckDBPyConnection
DENSE = 1 / 3
"""share of non-zero codes from which ids cost more than zeros"""


def put_images(con: Con, build: Build) -> None:
    write.frame(con, "class", build.classes.frame)
    rows = build.rows
    batch = {name: rows[name] for name in rows.columns if name != "label"}
    write.put(con, "image", {**batch, "class_id": write.ids(build.class_of)})
    if build.targets is not None:
        _put_labels(con, build)
    for folder in build.activations.folders:
        pictures = pq.read_table(folder / "rows.parquet", columns=["image_id", "thumb", "picture"])
        write.put(con, "picture", {n: pictures[n] for n in ("image_id", "thumb", "picture")})


def _put_labels(con: Con, build: Build) -> None:
    carried, classes = build.dataset.carried, build.classes.frame
    ids = dict(zip(classes["name"], classes["class_id"], strict=True))
    rows = carried[carried["image_id"].isin(set(build.image_ids))]
    frame = pd.DataFrame(
        {
            "image_id": rows["image_id"],
            "class_id": rows["label"].map(ids).astype(np.uint32),
            "present": rows["present"].astype("boolean"),
        }
    )
    write.frame(con, "image_class", frame)


def put_backbone(con: Con, build: Build) -> None:
    backbone, facts = build.backbone, build.activations.facts
    write.put_row(
        con,
        "backbone",
        name=backbone.name,
        layer=backbone.layer,
        grid_h=facts["grid"][0],
        grid_w=facts["grid"][1],
        width=build.activations.tokens(0).shape[2],
        input_h=facts["input"][0],
        input_w=facts["input"][1],
        n_extra=facts["n_extra"],
        linear=bool(backbone.outputs) and backbone.linear_readout() is not None,
        link=build.link,
        cls_linear=isinstance(backbone, ReadsCls) and backbone.cls_readout() is not None,
        reads_patches=backbone.reads().patches if isinstance(backbone, ReadsCls) else None,
        why=why_layer(backbone),
    )


def put_methods(con: Con) -> None:
    """What there is to know of every method that this build knew, used or not."""
    rows: list[dict[str, Any]] = [
        {"kind": "bank", "method": name, "unit": method.code_unit}
        | {"title": method.title, "about": method.about}
        for name, method in concepts.METHODS.items()
    ]
    rows += [
        {"kind": "head", "method": name, "title": kind.title, "about": kind.about}
        for name, kind in HEADS.items()
    ]
    rows += [
        {"kind": "importance", "method": name, "unit": method.unit, "signed": method.signed}
        | {"title": method.title, "about": method.about, "costly": method.costly}
        for name, method in importance.METHODS.items()
    ]
    rows += [
        {"kind": "saliency", "method": name, "unit": method.unit, "signed": method.signed}
        | {"title": method.title, "about": method.about}
        for name, method in saliency.METHODS.items()
    ]
    for place, row in enumerate(rows):
        write.put_row(con, "method", place=place, **row)


def put_predictions(con: Con, build: Build) -> np.ndarray | None:
    """class_id of each image's prediction; None when the backbone does not classify."""
    logits = build.logits
    if logits is None:
        return None
    probs = probabilities(logits, build.link)
    best = logits.argmax(1)
    predicted = build.output_classes[best]
    write.put(
        con,
        "prediction",
        {
            "image_id": build.image_ids,
            "class_id": predicted,
            "prob": probs[np.arange(len(best)), best],
            "logit": write.lists(logits),
        },
    )
    return predicted


def put_truth(con: Con, build: Build) -> None:
    """Build truth, of usable images only."""
    dataset, classes = build.dataset, build.classes.frame
    used = set(build.image_ids)
    write.frame(con, "labelled_concept", dataset.labelled)
    names = {name: i for i, name in zip(classes.class_id, classes.name, strict=True)}
    by_class = dataset.class_labels[dataset.class_labels["label"].isin(names)]
    if len(by_class):
        class_id = by_class["label"].map(names).astype(np.uint32)
        rows = by_class[["labelled_id", "fraction"]].assign(class_id=class_id)
        write.frame(con, "class_label", rows)
    frames = {"image_label": dataset.image_labels, "part": dataset.parts, "mask": dataset.masks}
    for table, frame in (frames | {"altered": dataset.altered}).items():
        kept = frame[frame["image_id"].isin(used)]
        if len(kept):
            write.frame(con, table, kept)


def put_bank(con: Con, run: BankRun, build: Build) -> None:
    """Everything of one bank, judged by its promise if it was trained elsewhere; its scores are
    staged, for they are sorted over all banks."""
    bank_id, spec, fitted, bank, codes = run.bank_id, run.spec, run.fitted, run.bank, run.codes
    names, image_ids = build.label_names, build.image_ids
    judge_promise(bank, r2=codes.r2, l0=codes.l0, log=build.log, title=spec.title)
    dense = codes.l0 / codes.n_concepts > DENSE
    concept = run.description.concept
    write.put_row(
        con,
        "bank",
        bank_id=bank_id,
        name=spec.title,
        method=spec.method,
        n_concepts=codes.n_concepts,
        signed=bank.signed,
        dense=dense,
        params=json.dumps(dict(spec.params), sort_keys=True),
        label_level=fitted.label_level,
        code_unit=concepts.METHODS[spec.method].code_unit,
        pool=run.pool,
        control_kind=spec.control,
        r2=None if bank.offset is None else codes.r2,
        l0=codes.l0,
        n_dead=int((concept["n_active"] == 0).sum()),
        seconds=fitted.seconds,
        tensors=save({name: t.contiguous() for name, t in bank.tensors().items()}),
    )
    named = concept["name_source"] != NameSource.UNNAMED
    labelled = concept["labelled_id"].where(named)
    title = [names[int(i)] if pd.notna(i) else None for i in labelled]
    title = list(words_of(bank)) or title
    if "name" not in concept:
        concept = concept.assign(name=pd.Series(title, dtype=object))
    write.frame(con, "concept", concept, bank_id=bank_id)
    for table, frame in run.description.tables.items():
        if "row" in frame:
            frame = frame.assign(image_id=image_ids[frame["row"].to_numpy()]).drop(columns="row")
        write.frame(con, table, frame, bank_id=bank_id)
    _put_codes(con, bank_id, codes, image_ids, dense=dense)
    level = codes.image_level
    write.put(
        con,
        write.stage_scores(con),
        {
            "bank_id": np.full(len(level["image"]), bank_id, dtype=np.uint16),
            "concept_id": level["concept"],
            "image_id": image_ids[level["image"]],
            "score": level["score"],
            "peak": level["peak"],
            "peak_token": level["peak_token"],
        },
    )


def _put_codes(con: Con, bank_id: int, codes: Codes, image_ids: np.ndarray, *, dense: bool) -> None:
    scale = scales(codes.sums["largest"])
    first = 0
    for i, size in enumerate(codes.sizes):
        piece = codes.shard(i)
        offsets = np.searchsorted(piece["image"], np.arange(size + 1))
        batch: dict[str, Any] = {
            "bank_id": np.full(size, bank_id, dtype=np.uint16),
            "image_id": image_ids[first : first + size],
        }
        if dense:
            block = np.zeros((size, codes.n_concepts, codes.n_tokens), dtype=np.float32)
            block[piece["image"], piece["concept"], piece["token"]] = piece["value"]
            steps = quantise(block.transpose(0, 2, 1), scale).transpose(0, 2, 1)
            batch["value"] = write.lists(steps.reshape(size, -1))
        else:
            steps = quantise(piece["value"], scale[piece["concept"]])
            batch["concept"] = write.ragged(piece["concept"], offsets)
            batch["token"] = write.ragged(piece["token"], offsets)
            batch["value"] = write.ragged(steps, offsets)
        write.put(con, "code", batch)
        first += size


def put_head(
    con: Con,
    head_id: int,
    bank_id: int,
    spec: HeadSpec,
    fitted: Fitted,
    scores: np.ndarray,
    image_ids: np.ndarray,
) -> np.ndarray:
    """Returns each image's predicted class_id."""
    row, concept = np.nonzero(fitted.head.weight)
    write.put_row(
        con,
        "head",
        head_id=head_id,
        name=spec.title,
        bank_id=bank_id,
        kind=spec.kind,
        about=fitted.about,
        residual=fitted.head.residual,
        link=fitted.head.link,
        linear=fitted.linear,
        n_weights=len(row),
        gap=fitted.gap,
    )
    write.put(
        con,
        "head_weight",
        {
            "head_id": np.full(len(row), head_id),
            "class_id": fitted.classes[row],
            "concept_id": concept,
            "weight": fitted.head.weight[row, concept],
        },
    )
    write.put(
        con,
        "head_bias",
        {
            "head_id": np.full(len(fitted.classes), head_id),
            "class_id": fitted.classes,
            "bias": fitted.head.bias,
        },
    )
    several = fitted.thresholds is not None
    if several or not fitted.linear or (fitted.head.residual and spec.kind != "backbone"):
        order = np.argsort(fitted.classes)
        write.put(
            con,
            "head_logit",
            {
                "head_id": np.full(len(scores), head_id),
                "image_id": image_ids,
                "logit": write.lists(logits_of(fitted, scores)[:, order].astype(np.float32)),
            },
        )
    predicted, prob = predictions(fitted, scores)
    write.put(
        con,
        "head_prediction",
        {
            "head_id": np.full(len(predicted), head_id),
            "image_id": image_ids,
            "class_id": predicted,
            "prob": prob,
        },
    )
    return predicted


def put_log(con: Con, log: Log) -> None:
    """What was done, how long it took, and what could not be done."""
    for i, (name, seconds, n, unit, bank_id) in enumerate(log.stages):
        write.put_row(
            con, "stage", stage_id=i, name=name, bank_id=bank_id, seconds=seconds, n=n, unit=unit
        )
    for stage, subject, message in log.told():
        write.put_row(con, "notice", stage=stage, subject=subject, message=message)
