"""Another vocabulary for a finished store: a new store, nothing but its names computed again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
from jaxtyping import Float

from core.backbones import TextTower, is_local, load_text_tower
from core.naming.vocabulary import Placed
from data import store, write
from data.annotations import open_annotations
from precompute.doctor import is_finished, refuse_unsound
from precompute.intake import (
    Log,
    fingerprint_files,
    read_vocabulary,
    readable,
    short_hash,
    tell,
)
from precompute.naming import NAMES_STAGE, PlacedBank, Vocabulary, name_concepts, notice_read_alike

_MARK = "# Concepts named again: "
"""begins the line that is put before the recipe"""
_SAME = 0.99
"""least cosine of a word's vector with the one in the store"""


@dataclass(frozen=True)
class _Space:
    """What the store holds of its words; see text_space in schema.sql."""

    model: str
    template: str
    width: int
    words: list[str]
    vectors: Float[np.ndarray, "w e"]


def name_again(
    path: Path,
    *,
    vocabulary: Path,
    model: str = "",
    template: str = "",
    out: Path | None = None,
    device: str = "cpu",
) -> Path:
    """A store with the names that `vocabulary` gives, beside `path` or in `out`; `path` stays.

    Names are computed from the concepts' stored places, so no image is looked at. model "": the
    one that the store was built with; template "": likewise. Names and notes of people are taken
    along. The same request finds the store that is there. Raises ValueError or OSError in words
    for people; StoreError where `path` is no store.
    """
    with store.open_readonly(path) as con:
        space = _space(con, path)
        name, fingerprint, recipe, before = con.execute(
            "SELECT name, fingerprint, recipe, renamed_from FROM build"
        ).fetchall()[0]
    model, template = model or space.model, template or space.template
    if not model:
        raise ValueError(
            f"the vectors in {path.name} were made elsewhere, so the store does not know by which "
            "model; give it with --text-model DIR"
        )
    if "{}" not in template:
        raise ValueError(f"--template is {template!r}; {{}} must stand for the word")
    log = Log()
    file = vocabulary.expanduser()

    def told(error: Exception) -> None:
        log.notice(NAMES_STAGE, file.name, error)

    words = read_vocabulary(file, told)
    root = before or fingerprint
    with _recorded(model, space):
        key = fingerprint_files(Path(model).expanduser()) if is_local(model) else model
    identity = short_hash(root, NAMES_STAGE, template, key, *words)
    target = store.path_for(name, identity, out=out or path.parent)
    if is_finished(target):
        return target
    started = time.perf_counter()
    with _recorded(model, space):
        tower = load_text_tower(model, device=device)
    words = readable(words, lambda word: tower.problem(template.replace("{}", word)), told)
    words_in = tower.embed([template.replace("{}", word) for word in words])
    _check(tower, words_in.shape[1], space, path)
    known = Vocabulary(words, words_in, file.name, model, template)
    notice_read_alike(words, words_in, log)
    try:
        with store.altered(path, target, refuse_unsound, tell=tell) as con:
            write.forget_vocabulary(con)
            for bank in _placed_banks(con, words_in.shape[1]):
                name_concepts(con, bank, known, log)
            _record(con, log, time.perf_counter() - started)
            line = f"{_MARK}vocabulary {file.name!r}, template {template!r}, model {model!r}\n"
            own = recipe.split("\n", 1)[1] if recipe.startswith(_MARK) else recipe
            write.put_renamed(con, fingerprint=identity, recipe=line + own, renamed_from=root)
    except FileExistsError:
        if not is_finished(target):  # by a process that was waited for
            raise
        return target
    said = open_annotations(path).path
    theirs = open_annotations(target).path
    if said.exists() and not theirs.exists():
        shutil.copyfile(said, theirs)
    return target


def _space(con: duckdb.DuckDBPyConnection, path: Path) -> _Space:
    """Raises ValueError for a store that was built without words."""
    rows = con.execute("SELECT model, template, width, words, vectors FROM text_space").fetchall()
    if not rows:
        raise ValueError(
            f"{path.name} does not know where its concepts lie among words, because it was built "
            "without any; add [text] with a vocabulary (and a model, unless the backbone has a "
            "text side) to its recipe and build it once more"
        )
    model, template, width, words, vectors = rows[0]
    return _Space(model, template, width, words, np.array(vectors).reshape(len(words), width))


def _placed_banks(con: duckdb.DuckDBPyConnection, width: int) -> list[PlacedBank]:
    """As the build placed and labelled them. `width`: numbers of a word's vector."""
    found = con.execute("SELECT bank_id, name, n_concepts FROM bank ORDER BY bank_id").fetchall()
    return [
        PlacedBank(bank_id, title, n, _placed(con, bank_id, width), _labels(con, bank_id))
        for bank_id, title, n in found
    ]


def _placed(con: duckdb.DuckDBPyConnection, bank_id: int, width: int) -> Placed:
    given = {"b": bank_id}
    own = con.execute(
        "SELECT concept_id, how, n, vector FROM concept_vector WHERE bank_id = $b "
        "ORDER BY concept_id",
        given,
    ).fetchall()
    drawn = con.execute(
        "SELECT vector FROM control_vector WHERE bank_id = $b ORDER BY draw", given
    ).fetchall()
    return Placed(
        np.array([concept for concept, *_ in own], dtype=np.int64),
        np.array([vector for *_, vector in own], dtype=np.float32).reshape(-1, width),
        np.array([n for _, _, n, _ in own], dtype=np.int64),
        np.array([vector for (vector,) in drawn], dtype=np.float32).reshape(-1, width),
        own[0][1] if own else "",
    )


def _labels(con: duckdb.DuckDBPyConnection, bank_id: int) -> dict[int, str]:
    rows = con.execute(
        "SELECT concept_id, label.name FROM concept "
        "JOIN labelled_concept label USING (labelled_id) "
        "WHERE bank_id = $b AND name_source IN ('label', 'matched')",
        {"b": bank_id},
    ).fetchall()
    return dict(rows)


@contextmanager
def _recorded(model: str, space: _Space) -> Iterator[None]:
    """Says what to do where the model that the store names is not there."""
    try:
        yield
    except (FileNotFoundError, ConnectionError) as error:
        if model != space.model:
            raise
        raise ValueError(
            f"the model that the store was built with cannot be opened: {error}. If it has moved, "
            "give its place with --text-model DIR"
        ) from error


def _check(tower: TextTower, width: int, space: _Space, path: Path) -> None:
    """Raises ValueError for a model whose words do not lie where the store's do."""
    own = f"the store was built with {space.model!r}" if space.model else "it is not the one used"
    if width != space.width:
        raise ValueError(
            f"text vectors of {tower.name!r} have {width} numbers, and concepts in {path.name} "
            f"{space.width}; {own}"
        )
    if not space.model:  # words made elsewhere may have been read in a template nobody recorded
        return
    lines = [space.template.replace("{}", word) for word in space.words]
    if any(tower.problem(line) for line in lines):
        raise ValueError(f"{tower.name!r} cannot read words that {path.name} was built with; {own}")
    alike = np.einsum("w e, w e -> w", tower.embed(lines), space.vectors)
    if alike.min() < _SAME:
        word = space.words[int(alike.argmin())]
        raise ValueError(
            f"{tower.name!r} is another model: it puts {word!r} at cosine {alike.min():.3g} from "
            f"where {path.name} has it; {own}"
        )


def _record(con: duckdb.DuckDBPyConnection, log: Log, seconds: float) -> None:
    n = con.execute("SELECT count(*) FROM concept").fetchall()[0][0]
    last = con.execute("SELECT coalesce(max(stage_id), -1) FROM stage").fetchall()[0][0]
    write.put_row(
        con, "stage", stage_id=last + 1, name="rename", seconds=seconds, n=n, unit="concepts"
    )
    for stage, subject, message in log.told():
        write.put_row(con, "notice", stage=stage, subject=subject, message=message)
