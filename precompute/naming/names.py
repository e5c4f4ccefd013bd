"""Names from a vocabulary: concepts placed among words, and the words nearest to them.

Whatever names need is written first and read back, so that `precompute name` with another
vocabulary (see precompute.rename) does what the build itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from jaxtyping import Float

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


def prepare_names(con: Con, texts: Texts, build: Build) -> Callable[[BankRun], None]:
    """What names the concepts of a bank once it is stored; nothing without words."""
    if texts.words_in is None or texts.images_in is None:
        return lambda *_: None
    spec, log, seen = build.recipe.text, build.log, texts.images_in[build.train]
    model = "" if spec.vectors else spec.model or build.model
    known = Vocabulary(texts.words, texts.words_in, texts.origin, model, spec.template)
    n = min(_PROBES, len(texts.words))
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
    notice_twins(texts.words, texts.words_in, log)

    def named(run: BankRun) -> None:
        with log.timed(f"name {run.title}", run.codes.n_concepts, "concepts"):
            if texts.joint:
                directions = run.bank.directions.numpy()
                placed = vocabulary.by_direction(directions, seen, seed=build.seed)
            else:
                scores = run.codes.scores[build.train].tocsc()
                placed = vocabulary.by_images(scores, seen, seed=build.seed)
            _put_places(con, run.bank_id, placed)
            name_concepts(con, run.bank_id, run.title, known, log)

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
            "vector": write.lists(placed.vectors.astype(np.float32)),
        },
    )
    write.put(
        con,
        "control_vector",
        {
            "bank_id": np.full(c, bank_id),
            "draw": np.arange(c),
            "vector": write.lists(placed.control.astype(np.float32)),
        },
    )


def name_concepts(con: Con, bank_id: int, title: str, known: Vocabulary, log: Log) -> None:
    """Names the concepts of a bank from where they are stored. What cannot be is a notice."""
    placed = con.execute(
        "SELECT concept_id, n, vector FROM concept_vector WHERE bank_id = $b ORDER BY concept_id",
        {"b": bank_id},
    ).fetchnumpy()
    drawn = con.execute(
        "SELECT vector FROM control_vector WHERE bank_id = $b ORDER BY draw", {"b": bank_id}
    ).fetchnumpy()
    words, words_in = known.words, known.words_in
    twin = vocabulary.twins(words, words_in)
    kept = np.array([i for i in range(len(words)) if i not in twin], dtype=np.int64)
    e = words_in.shape[1]
    try:
        found = vocabulary.name(_rows(placed, e), _rows(drawn, e), words_in[kept])
    except ValueError as error:
        log.notice(NAMES_STAGE, title, error)
        return
    write.put_row(
        con,
        "naming",
        bank_id=bank_id,
        origin=known.origin,
        model=known.model,
        template=known.template,
        n_words=len(kept),
        chance=found.chance,
        min_margin=vocabulary.MIN_MARGIN,
        n_control=len(drawn["vector"]),
        control_named=found.control_named,
    )
    p, r = found.best.shape
    margins = np.full((p, r), np.nan)
    margins[:, :-1] = found.cosine[:, :-1] - found.cosine[:, 1:]
    margins[:, 0] = found.margin
    first = np.arange(r) == 0
    chosen = [words[i] for i in kept[found.best.ravel()]]
    write.put(
        con,
        "concept_name",
        {
            "bank_id": np.full(p * r, bank_id),
            "concept_id": np.repeat(placed["concept_id"], r),
            "source": pa.array(["vocabulary"] * (p * r), pa.string()),
            "origin": pa.array([known.origin] * (p * r), pa.string()),
            "rank": np.tile(np.arange(r), p),
            "name": pa.array(chosen, pa.string()),
            "score": found.cosine.ravel(),
            "margin": pa.array(margins.ravel(), from_pandas=True),
            "n": np.repeat(placed["n"], r),
            "named": (found.named[:, None] & first).ravel(),
        },
    )
    write.put_vocabulary_names(con, bank_id)
    _judge(con, bank_id, found)


def notice_twins(words: Sequence[str], words_in: Float[np.ndarray, "v e"], log: Log) -> None:
    """Says which words name nothing because the model reads them as an earlier one."""
    twin = vocabulary.twins(words, words_in)
    if twin:
        told = [f"{words[i]!r} as {words[earlier]!r}" for i, earlier in list(twin.items())[:5]]
        more = "; ..." if len(twin) > len(told) else ""
        log.notice(
            NAMES_STAGE,
            "vocabulary",
            ValueError(
                f"left out of naming, because the model reads them as other words: {len(twin)} "
                f"({'; '.join(told)}{more})"
            ),
        )


def _rows(found: dict[str, Any], width: int) -> Float[np.ndarray, "m e"]:
    vectors = found["vector"]
    return np.stack(list(vectors)) if len(vectors) else np.zeros((0, width), dtype=np.float32)


def _judge(con: Con, bank_id: int, found: vocabulary.Names) -> None:
    """Rows of `quality`: how many have a word, beside the control; and is it the label's?"""
    n = con.execute("SELECT n_concepts FROM bank WHERE bank_id = $b", {"b": bank_id}).fetchall()
    write.put_row(
        con,
        "quality",
        bank_id=bank_id,
        measure="word_named",
        value=float(found.named.sum() / n[0][0]),
        control=found.control_named,
        n=n[0][0],
    )
    pairs = con.execute(
        """
        SELECT label.name AS label, found.name AS word
        FROM concept JOIN labelled_concept label USING (labelled_id)
        JOIN concept_name found USING (bank_id, concept_id)
        WHERE bank_id = $bank_id AND name_source IN ('label', 'matched')
            AND found.source = 'vocabulary' AND found.named
        ORDER BY concept_id
        """,
        {"bank_id": bank_id},
    ).df()
    if len(pairs):
        value, chance = agreement(list(pairs["label"]), list(pairs["word"]))
        write.put_row(
            con,
            "quality",
            bank_id=bank_id,
            measure="word_agreement",
            value=value,
            chance=chance,
            n=len(pairs),
        )
