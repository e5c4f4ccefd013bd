"""Heads that read classes off texts or tables of concepts, without being trained."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Integer

from core.concepts import varied_words
from core.diverse import MOST, pick
from core.heads import match_profiles, soft_trimmed_mean
from core.naming.labels import same_words
from core.types import Head, words_of
from precompute.heads.types import Fitted, HeadInput, one_class

COMPOSED = "{} with {}"
"""class and word; the recipe's template goes round it, "a photo of a {}" say"""
_LEAST = 3
"""prompts a class needs: of fewer the median is one of them"""


def matrix_search(given: HeadInput, *, centred: bool = True) -> Fitted:
    """Concept Matrix Search (`core.heads.profiles`): the class of the most similar profile.

    A class's profile is the cosine of its name and the bank's words, where the bank consists of
    words and the build has texts; else how often its train images show the concepts that the bank's
    are named for. Raises ValueError where neither is known.
    """
    one_class(given.build, "matrix_search")
    if words_of(given.bank) and given.texts.words_in is not None:
        profiles, classes = _from_texts(given)
        origin = "cosines of its name and the concepts' words"
    else:
        profiles, classes = _from_labels(given)
        origin = "the share of its train images that show each concept"
    train = given.scores[given.build.train] if centred else None
    return Fitted(
        match_profiles(profiles, train),
        classes,
        "The class whose concept profile is most like the image's, nothing trained. A class's "
        f"profile: {origin}. Logits are cosines up to a positive factor of each image, so "
        "probabilities are only a ranking.",
        refit=lambda scores: matrix_search(replace(given, scores=scores), centred=centred),
    )


def _from_texts(given: HeadInput) -> tuple[Float[np.ndarray, "y k"], Integer[np.ndarray, " y"]]:
    texts = given.texts
    assert texts.words_in is not None
    at = same_words(words_of(given.bank), texts.words)
    if (at < 0).any():
        raise ValueError(
            f"{int((at < 0).sum())} of the bank's words are not in this build's vocabulary, so "
            "their place beside the classes' names is unknown"
        )
    classes = _classes(given)
    return _name_vectors(given, classes) @ texts.words_in[at].T, classes


def _from_labels(given: HeadInput) -> tuple[Float[np.ndarray, "y k"], Integer[np.ndarray, " y"]]:
    build, label_of = given.build, given.label_of
    if build.labels is None or not (label_of >= 0).any():
        raise ValueError(
            "matrix_search needs to know which concepts a class shows: words and a text model, or "
            "a bank whose concepts are fitted to or named for labels"
        )
    classes = np.unique(build.class_of[build.train])
    classes = classes[classes >= 0]
    if len(classes) < 2:
        raise ValueError(f"matrix_search needs two labelled classes, and there are {len(classes)}")
    own = build.class_of[build.train]
    profiles = np.zeros((len(classes), len(label_of)))
    for j in np.flatnonzero(label_of >= 0):
        shown = build.labels.train[:, label_of[j]]
        known = ~np.isnan(shown)
        if not known.any():
            continue
        for y, class_id in enumerate(classes):
            mine = shown[known & (own == class_id)]
            # a class of which nothing is known shows it as often as any
            profiles[y, j] = mine.mean() if len(mine) else shown[known].mean()
    return profiles, classes


def _classes(given: HeadInput) -> Integer[np.ndarray, " y"]:
    """Classes that images carry as labels, else the backbone's."""
    classes = np.unique(given.build.class_of)
    classes = classes[classes >= 0]
    chosen = classes if len(classes) >= 2 else np.sort(given.build.output_classes)
    if len(chosen) < 2:
        raise ValueError("there are no two classes to tell apart by their names")
    return chosen


def _written(given: HeadInput, class_id: int) -> str:
    return given.build.class_names[class_id].replace("_", " ").strip()


def _name_vectors(given: HeadInput, classes: Integer[np.ndarray, " y"]) -> Float[np.ndarray, "y e"]:
    """Of the classes' names: from the vocabulary, or read by the build's text model."""
    texts = given.texts
    assert texts.words_in is not None
    names = [_written(given, int(c)) for c in classes]
    at = same_words(names, texts.words)
    if (at >= 0).all():
        return texts.words_in[at]
    if texts.embed is None:
        missing = [name for name, i in zip(names, at, strict=True) if i < 0]
        raise ValueError(
            f"{len(missing)} of {len(names)} class names are not in the vocabulary "
            f"({', '.join(missing[:3])}); add them, or name a text model"
        )
    return texts.embed(names)


def bayesian(
    given: HeadInput, *, per_class: int = 30, scale: float = 100.0, limit: float = 2.5
) -> Fitted:
    """Bayesian zero-shot classes (`core.heads.soft_trim`) from prompts of each class's own.

    Prompts are the vocabulary's phrases that contain the class's name, 3 or more a class; where
    some class has fewer, "CLASS with WORD" in the recipe's template, for the words that tell the
    train images apart most. `per_class` of them that differ most are kept. `scale` turns cosines
    into logits (CLIP's 100). It looks at images and texts directly: no weights, no live edits.
    Raises ValueError without texts, or where a class has too few prompts.
    """
    one_class(given.build, "bayesian")
    texts = given.texts
    if texts.words_in is None or texts.images_in is None:
        raise ValueError(
            "bayesian reads classes off words, and this build has none; name a vocabulary and a "
            "CLIP-like model in the recipe's [text] table (if it has one, the notice on texts says "
            "why it could not be used)"
        )
    if not 3 <= per_class <= MOST:
        raise ValueError(f"per_class must lie between 3 and {MOST}, not {per_class}")
    classes = _classes(given)
    prompts, origin = _prompts(given, classes, per_class)
    n = min(map(len, prompts)), max(map(len, prompts))

    def read(vectors: list[Float[np.ndarray, "m e"]], about: str) -> Fitted:
        logits = np.stack(
            [scale * soft_trimmed_mean(texts.images_in @ own.T, limit=limit) for own in vectors],
            axis=1,
        )
        empty = Head(np.zeros((len(classes), given.scores.shape[1])), np.zeros(len(classes)))
        return Fitted(empty, classes, about, unlike=logits)

    def random(_: Float[np.ndarray, "n k"]) -> Fitted:
        rng = np.random.default_rng(given.build.seed)
        drawn = [rng.normal(size=own.shape) for own in prompts]
        unit = [own / np.linalg.norm(own, axis=1, keepdims=True) for own in drawn]
        return read(unit, "Random vectors in the prompts' place.")

    fitted = read(
        prompts,
        f"Zero-shot: of each class the robust mean similarity of the image to "
        f"{n[0] if n[0] == n[1] else f'{n[0]} to {n[1]}'} prompts ({origin}), nothing trained. It "
        "reads the image's vector and not the bank's scores, so it has no weights to edit.",
    )
    return replace(fitted, refit=random)


def _prompts(
    given: HeadInput, classes: Integer[np.ndarray, " y"], per_class: int
) -> tuple[list[Float[np.ndarray, "m e"]], str]:
    texts = given.texts
    assert texts.words_in is not None
    names = [_written(given, int(c)) for c in classes]
    found = [_naming(name, texts.words) for name in names]
    if min(map(len, found)) >= _LEAST:
        return [_differing(texts.words_in[at], per_class) for at in found], "of the vocabulary"
    if texts.embed is None:
        poor = names[int(np.argmin([len(at) for at in found]))]
        raise ValueError(
            f"the vocabulary has {min(map(len, found))} phrases about {poor!r}, and a class needs "
            f"{_LEAST}; add some such as {COMPOSED.format(poor, 'a red beak')!r}, or name a text "
            "model"
        )
    side = texts.side(given.build.train, given.build.held_out)
    assert side is not None
    concepts = [texts.words[i] for i in varied_words(side, 2 * per_class)]
    concepts = [c for c in concepts if c not in names]
    made = [texts.embed([COMPOSED.format(name, c) for c in concepts]) for name in names]
    return [_differing(own, per_class) for own in made], "its name with a word"


def _naming(name: str, words: tuple[str, ...]) -> Integer[np.ndarray, " m"]:
    pattern = re.compile(rf"\b{re.escape(name)}\b", re.IGNORECASE)
    return np.flatnonzero([bool(pattern.search(word)) for word in words])


def _differing(vectors: Float[np.ndarray, "m e"], most: int) -> Float[np.ndarray, "l e"]:
    """Those picked by a determinantal point process, which repeats nothing."""
    if len(vectors) <= most:
        return vectors
    return vectors[pick(np.ones(len(vectors)), vectors, most=most)]
