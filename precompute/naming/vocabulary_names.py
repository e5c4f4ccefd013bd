"""Names from a vocabulary: concepts placed among words, and the words nearest to them.

Whatever names need is stored, so that `precompute name` with another vocabulary (see
precompute.other_vocabulary) does what the build itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa
from jaxtyping import Float

from core.kinds import LABELLED, NameSource
from core.naming import vocabulary
from core.naming.labels import agreement
from data import write
from precompute.banks import BankRun
from precompute.intake import Build, Log, Texts

Con = duckdb.DuckDBPyConnection
NAMES_STAGE = "names"
_PROBES = 8
"""words kept with their vectors"""


@dataclass(frozen=True)
class Vocabulary:
    words: Sequence[str]
    words_in: Float[np.ndarray, "v e"]
    origin: str
    """the file's name"""
    model: str
    """that made the vectors; "": made elsewhere"""
    template: str


@dataclass(frozen=True)
class PlacedBank:
    """The concepts of a bank among words."""

    bank_id: int
    title: str
    n_concepts: int
    placed: vocabulary.Placed
    label_of: Mapping[int, str]
    """by concept_id the label that names it, where one does"""


def prepare_names(con: Con, texts: Texts, build: Build) -> Callable[[BankRun], None]:
    """What names the concepts of a bank once it is stored; nothing without words."""
    if texts.words_in is None or texts.images_in is None:
        return lambda *_: None
    spec, log, seen = build.recipe.text, build.log, texts.images_in[build.train]
    model = "" if spec.vectors else spec.model or build.model
    known = Vocabulary(texts.words, texts.words_in, texts.origin, model, spec.template)
    n = min(_PROBES, len(texts.words))
    with log.attempt(NAMES_STAGE, "vocabulary"):
        notice_read_alike(texts.words, texts.words_in, log)
    write.put_row(
        con,
        "text_space",
        model=model,
        template=spec.template,
        origin=texts.origin,
        width=texts.words_in.shape[1],
        joint=texts.joint,
        words=list(texts.words[:n]),
        vectors=texts.words_in[:n].astype(np.float32).ravel(),
    )

    def named(run: BankRun) -> None:
        with log.timed(f"name {run.title}", run.codes.n_concepts, "concepts"):
            if texts.joint:
                directions = run.bank.directions.numpy()
                placed = vocabulary.by_direction(directions, seen, seed=build.seed)
            else:
                scores = run.codes.scores[build.train].tocsc()
                placed = vocabulary.by_images(scores, seen, seed=build.seed)
            # as the store keeps them, so that `precompute name` gives what the build does
            placed = replace(
                placed,
                vectors=placed.vectors.astype(np.float32),
                control=placed.control.astype(np.float32),
            )
            _put_places(con, run.bank_id, placed)
            concept = run.description.concept
            labelled = concept[concept["name_source"].isin(LABELLED)]
            label_of = {
                concept_id: build.label_names[at]
                for concept_id, at in zip(
                    labelled["concept_id"], labelled["labelled_id"], strict=True
                )
            }
            bank = PlacedBank(run.bank_id, run.title, run.codes.n_concepts, placed, label_of)
            name_concepts(con, bank, known, log)

    return named


def _put_places(con: Con, bank_id: int, placed: vocabulary.Placed) -> None:
    k, c = len(placed.concept), len(placed.control)
    write.put(
        con,
        "concept_vector",
        {
            "bank_id": np.full(k, bank_id),
            "concept_id": placed.concept,
            "how": pa.array([placed.how] * k, pa.string()),
            "n": placed.n,
            "vector": write.lists(placed.vectors),
        },
    )
    write.put(
        con,
        "control_vector",
        {
            "bank_id": np.full(c, bank_id),
            "draw": np.arange(c),
            "vector": write.lists(placed.control),
        },
    )


def name_concepts(con: Con, bank: PlacedBank, known: Vocabulary, log: Log) -> None:
    """Names the concepts of a bank from where they lie. What cannot be done is a notice."""
    bank_id, placed = bank.bank_id, bank.placed
    words, words_in = known.words, known.words_in
    alike = vocabulary.read_alike(words, words_in)
    kept = np.array([i for i in range(len(words)) if i not in alike], dtype=np.int64)
    names = None
    with log.attempt(NAMES_STAGE, bank.title):
        names = vocabulary.name(placed.vectors, placed.control, words_in[kept])
    if names is None:
        return
    write.put_row(
        con,
        "naming",
        bank_id=bank_id,
        origin=known.origin,
        model=known.model,
        template=known.template,
        n_words=len(kept),
        chance=names.chance,
        min_margin=vocabulary.MIN_MARGIN,
        n_control=len(placed.control),
        control_named=names.control_named,
    )
    p, r = names.best.shape
    margins = np.full((p, r), np.nan)
    margins[:, :-1] = names.cosine[:, :-1] - names.cosine[:, 1:]
    margins[:, 0] = names.margin
    first = np.arange(r) == 0
    chosen = [words[i] for i in kept[names.best.ravel()]]
    write.put(
        con,
        "concept_name",
        {
            "bank_id": np.full(p * r, bank_id),
            "concept_id": np.repeat(placed.concept, r),
            "source": pa.array([NameSource.VOCABULARY] * (p * r), pa.string()),
            "origin": pa.array([known.origin] * (p * r), pa.string()),
            "rank": np.tile(np.arange(r), p),
            "name": pa.array(chosen, pa.string()),
            "score": names.cosine.ravel(),
            "margin": pa.array(margins.ravel(), from_pandas=True),
            "n": np.repeat(placed.n, r),
            "named": (names.named[:, None] & first).ravel(),
        },
    )
    write.put_vocabulary_names(con, bank_id)
    _judge(con, bank, names, chosen[::r])


def notice_read_alike(words: Sequence[str], words_in: Float[np.ndarray, "v e"], log: Log) -> None:
    """Says which words name nothing because the model reads them as an earlier one."""
    alike = vocabulary.read_alike(words, words_in)
    if alike:
        told = [f"{words[i]!r} as {words[earlier]!r}" for i, earlier in list(alike.items())[:5]]
        more = "; ..." if len(alike) > len(told) else ""
        log.notice(
            NAMES_STAGE,
            "vocabulary",
            ValueError(
                f"left out of naming, because the model reads them as other words: {len(alike)} "
                f"({'; '.join(told)}{more})"
            ),
        )


def _judge(con: Con, bank: PlacedBank, names: vocabulary.Names, words: Sequence[str]) -> None:
    """Rows of `quality`: how many have a word, beside the control; and is it the label's?

    `words`: the best of every concept that could be placed.
    """
    write.put_row(
        con,
        "quality",
        bank_id=bank.bank_id,
        measure="word_named",
        value=float(names.named.sum() / bank.n_concepts),
        control=names.control_named,
        n=bank.n_concepts,
    )
    pairs = [
        (bank.label_of[concept], word)
        for concept, word, named in zip(bank.placed.concept, words, names.named, strict=True)
        if named and concept in bank.label_of
    ]
    if pairs:
        value, chance = agreement([label for label, _ in pairs], [word for _, word in pairs])
        write.put_row(
            con,
            "quality",
            bank_id=bank.bank_id,
            measure="word_agreement",
            value=value,
            chance=chance,
            n=len(pairs),
        )
