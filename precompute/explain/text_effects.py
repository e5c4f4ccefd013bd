"""What taking a word out of images' vectors, or putting it in, changes: for banks made of words."""

from __future__ import annotations

import duckdb
import numpy as np

from core.naming import text_edits
from core.readouts import words_of
from data import write
from precompute.banks import BankRun
from precompute.intake import Build

IMAGES = 400
"""held-out images looked at"""
SHOWN = 0.95
"""quantile of the train images' codes that an insertion sets"""


def put_text_effects(con: duckdb.DuckDBPyConnection, run: BankRun, build: Build) -> None:
    """Nothing where the bank's concepts are not words of the build, or no image is held out."""
    texts, own = run.texts, words_of(run.bank)
    side = texts.side(build.train, build.held_out[:IMAGES])
    place = {word: i for i, word in enumerate(texts.words)}
    at = [place[word] for word in own if word in place]
    if side is None or len(at) < max(2, len(own)) or not len(side.images_in_test):
        return
    words = side.words_in[at].astype(np.float64)
    axes = text_edits.directions(words)
    mean = side.images_in.mean(0, dtype=np.float64)
    classes = None
    if texts.embed is not None and build.n_classes > 1:
        with build.log.attempt("texts", "names of classes"):  # that the text model cannot read
            classes = texts.embed(build.class_names).astype(np.float64)
    images = side.images_in_test.astype(np.float64)
    for concept, axis in enumerate(axes):
        codes = text_edits.code(side.images_in.astype(np.float64), axis, mean=mean)
        for mode, level in (("ablate", 0.0), ("insert", float(np.quantile(codes, SHOWN)))):
            found = text_edits.effect(
                images, words, concept, mean=mean, level=level, classes=classes
            )
            write.put_row(
                con,
                "text_edit",
                bank_id=run.bank_id,
                concept_id=concept,
                mode=mode,
                level=level,
                own=found.own,
                others=found.others,
                top_changes=None if classes is None else found.top_changes,
                n=found.n,
            )
