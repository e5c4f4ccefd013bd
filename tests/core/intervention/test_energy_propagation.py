"""Concepts that follow an edit through a global energy, against sums over every state."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from core.intervention import energy_propagation
from core.intervention.energy_propagation import Energies

K, Y = 4, 3


@pytest.fixture
def energies() -> Energies:
    rng = np.random.default_rng(2)
    return Energies(
        weight=2 * rng.normal(size=(Y, K)),
        class_bias=rng.normal(size=Y),
        concept_bias=rng.normal(size=K),
        pair=np.zeros((K, K)),
        classes=np.array([2, 5, 7]),
        shares=(0.7, 1.3),
    )


def paired(e: Energies, size: float) -> Energies:
    pair = np.zeros((K, K))
    pair[0, 2] = pair[2, 0] = size
    return replace(e, pair=pair)


def joint(
    e: Energies,
    evidence: np.ndarray | None = None,
    class_logits: np.ndarray | None = None,
    held: dict[int, int] | None = None,
) -> dict[tuple[tuple[int, ...], int], float]:
    """p(c, y) by visiting every state; `held` concepts have no other value."""
    s = np.zeros(K) if evidence is None else evidence
    own = np.zeros(Y) if class_logits is None else class_logits
    out = {}
    for bits in itertools.product((0, 1), repeat=K):
        if any(bits[k] != v for k, v in (held or {}).items()):
            continue
        c = np.array(bits, dtype=float)
        for y in range(Y):
            inner = e.class_bias[y] + c @ (e.concept_bias + e.weight[y]) + c @ e.pair @ c / 2
            free = np.array([k not in (held or {}) for k in range(K)])
            out[bits, y] = np.exp(e.shares[0] * (s * c)[free].sum() + e.shares[1] * inner + own[y])
    total = sum(out.values())
    return {state: p / total for state, p in out.items()}


def test_presence_and_classes_after_an_edit_are_the_sum_over_all_states(energies: Energies) -> None:
    scores, own = np.array([[0.3, -1.2, 0.8, 0.1]]), np.array([[0.4, -0.3, 0.2]])
    found = energy_propagation.follow(energies, scores, {1: 40.0}, class_logits=own)
    states = joint(energies, scores[0], own[0], held={1: 1})
    for k in (0, 2, 3):
        expected = sum(p for (bits, _), p in states.items() if bits[k])
        assert found.present[0, k] == pytest.approx(expected)
    for y in range(Y):
        expected = sum(p for (_, other), p in states.items() if other == y)
        assert found.classes[0, y] == pytest.approx(expected)


def test_scores_move_by_the_change_of_log_odds(energies: Energies) -> None:
    scores = np.array([[0.3, -1.2, 0.8, 0.1]])
    found = energy_propagation.follow(energies, scores, {1: 40.0})
    before, after = joint(energies, scores[0]), joint(energies, scores[0], held={1: 1})
    for k in (0, 2, 3):
        odds = []
        for states in (before, after):
            p = sum(value for (bits, _), value in states.items() if bits[k])
            odds.append(np.log(p) - np.log(1 - p))
        assert found.scores[0, k] - scores[0, k] == pytest.approx(odds[1] - odds[0])
    assert found.scores[0, 1] == 40.0
    assert not found.moved[0, 1]
    assert found.moved[0, [0, 2, 3]].any()


def test_no_edit_moves_nothing(energies: Energies) -> None:
    scores = np.random.default_rng(0).normal(size=(5, K))
    found = energy_propagation.follow(paired(energies, 0.8), scores, {})
    np.testing.assert_array_equal(found.scores, scores)
    assert not found.moved.any()


def test_a_pair_carries_its_mate_along_where_classes_say_nothing(energies: Energies) -> None:
    silent = replace(energies, weight=np.zeros((Y, K)))
    scores = np.zeros((1, K))
    alone = energy_propagation.follow(silent, scores, {0: 40.0})
    assert not alone.moved.any()
    for size, sign in ((1.5, 1), (-1.5, -1)):
        found = energy_propagation.follow(paired(silent, size), scores, {0: 40.0})
        assert np.sign(found.scores[0, 2]) == sign
        assert np.flatnonzero(found.moved[0]).tolist() == [2]


def test_a_mean_field_comes_near_the_sum_over_all_states(energies: Energies) -> None:
    e, scores = paired(energies, 0.3), np.array([[0.3, -1.2, 0.8, 0.1]])
    found = energy_propagation.follow(e, scores, {1: -40.0})
    states = joint(e, scores[0], held={1: 0})
    for k in (0, 2, 3):
        expected = sum(p for (bits, _), p in states.items() if bits[k])
        assert found.present[0, k] == pytest.approx(expected, abs=0.02)


def test_half_a_presence_mixes_softly(energies: Energies) -> None:
    """A concept held at 0 log odds is half there: its class evidence counts half."""
    scores = np.zeros((1, K))
    odds = [
        energy_propagation.follow(energies, scores, {1: value}).classes[0]
        for value in (-40.0, 0.0, 40.0)
    ]
    low, half, high = (np.log(p) - np.log(p[0]) for p in odds)
    np.testing.assert_allclose(half, (low + high) / 2)


def test_tables_are_conditionals_of_the_global_energy(energies: Energies) -> None:
    states = joint(energies)

    def p(test: object) -> float:
        return sum(value for state, value in states.items() if test(*state))  # type: ignore[operator]

    by_class = energy_propagation.given_class(energies)
    by_concept = energy_propagation.given_concept(energies)
    by_both = energy_propagation.given_both(energies)
    assert by_both.shape == (Y, K, K)
    for j in range(K):
        for i in range(K):
            both = p(lambda c, _: c[i] and c[j])  # noqa: B023
            assert by_concept[j, i] == pytest.approx(both / p(lambda c, _: c[j]))  # noqa: B023
            for y in range(Y):
                three = p(lambda c, z: c[i] and c[j] and z == y)  # noqa: B023
                two = p(lambda c, z: c[j] and z == y)  # noqa: B023
                assert by_both[y, j, i] == pytest.approx(three / two)
        for y in range(Y):
            here = p(lambda c, z: c[j] and z == y)  # noqa: B023
            assert by_class[y, j] == pytest.approx(here / p(lambda _, z: z == y))  # noqa: B023


def test_a_bank_without_energies_is_refused() -> None:
    with pytest.raises(ValueError, match="no global energy"):
        energy_propagation.read({"directions": np.zeros((3, 7))})
