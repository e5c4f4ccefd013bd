"""The compiled loops beside what they replace: sorting, and scipy's active set."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import torch

from core.concepts.common.selection import by_latent, kept, strongest
from core.concepts.factors import nnls


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("n", "k", "top_k"),
    [
        (50, 7, 1),
        (50, 7, 7),
        (40, 64, 5),
        (40, 300, 8),
        (20, 1000, 100),
        (900, 130, 64),
        (1, 65, 3),
    ],
)
@pytest.mark.parametrize("rectified", [False, True])
def test_strongest_are_the_largest(n: int, k: int, top_k: int, rectified: bool) -> None:
    x = drawn(n, k).relu() if rectified else drawn(n, k)
    values, index = strongest(x, top_k)
    expected = x.sort(dim=1, descending=True).values[:, :top_k]
    assert torch.equal(values.sort(dim=1, descending=True).values, expected)
    assert torch.equal(x.gather(1, index), values)
    assert all(len(row.unique()) == top_k for row in index)


def test_equal_values_fill_the_places_left() -> None:
    x = torch.tensor([[1.0, 3.0, 1.0, 2.0, 1.0], [5.0, 5.0, 5.0, 5.0, 5.0]])
    values, index = strongest(x, 3)
    assert values.sort().values.tolist() == [[1, 2, 3], [5, 5, 5]]
    assert {1, 3} <= set(index[0].tolist())


def test_what_is_not_finite_spoils_its_row_alone() -> None:
    x = drawn(4, 200)
    x[1, 150], x[2, 3] = float("nan"), float("inf")
    values, index = strongest(x, 5)
    assert values.isnan().all(dim=1).tolist() == [False, True, True, False]
    assert index[1:3].tolist() == [[0] * 5] * 2


def test_kept_has_the_shape_of_its_codes() -> None:
    x = drawn(3, 4, 90)
    out = kept(x, 2)
    assert out.shape == x.shape
    assert ((out != 0).sum(-1) == 2).all()
    assert torch.equal(out[out != 0], x[out != 0])


@pytest.mark.parametrize("top_k", [0, 8])
def test_asking_for_more_than_there_is(top_k: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 7"):
        strongest(drawn(2, 7), top_k)


def test_entries_come_latent_by_latent() -> None:
    index = torch.randint(0, 9, (40, 3), generator=torch.Generator().manual_seed(2))
    order, starts = by_latent(index, 11)
    flat = index.reshape(-1)
    assert torch.equal(order, flat.argsort(stable=True))
    counts = torch.bincount(flat, minlength=11)
    assert torch.equal(starts, counts.cumsum(0) - counts)


def test_codes_are_exact_where_directions_are_nearly_alike() -> None:
    directions = drawn(1, 40) + 0.05 * drawn(12, 40, seed=1)
    x = drawn(300, 12, seed=2).relu() @ directions + 0.3 * drawn(300, 40, seed=3)
    codes = nnls.nnls_codes(x, directions)
    expected = reference.nnls_codes(x.numpy(), directions.numpy())
    np.testing.assert_allclose(codes.numpy(), expected, atol=0.01 * expected.max())
    error, least = (
        (x.double() - torch.as_tensor(u).double() @ directions.double()).square().sum(1)
        for u in (codes, expected)
    )
    assert (error / least).max() < 1 + 1e-5


def test_dependent_directions_share_and_stay_finite() -> None:
    directions = drawn(4, 20)[[0, 1, 1, 2, 3, 3]]
    x = drawn(50, 4, seed=5).abs() @ drawn(4, 20)
    codes = nnls.nnls_codes(x, directions)
    assert codes.isfinite().all()
    assert (codes >= 0).all()
    assert (codes @ directions - x).norm() < 1e-2 * x.norm()


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, directions = drawn(9000, 20).relu(), drawn(15, 20, seed=1)
    found = []
    for n in (1, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=n: n)
        found.append((nnls.nnls_codes(x, directions), strongest(x, 4)[1]))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
