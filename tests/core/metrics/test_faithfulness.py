"""Showing and hiding what maps mark: pictures, curves, and numbers beside random orders."""

from __future__ import annotations

import json
from pathlib import Path

import fakes
import numpy as np
import pytest
import torch

from core.metrics import faithfulness
from core.metrics.perturbation import curve_area
from core.saliency import METHODS
from data.store import open_readonly

H, W = 12, 20
GRID = (3, 5)


def pictures(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 3, H, W, generator=torch.Generator().manual_seed(seed))


def test_steps_lead_from_one_picture_to_the_other_cell_by_cell() -> None:
    start, end = pictures()
    values = np.arange(15.0)[::-1].reshape(GRID)
    found = faithfulness.stepwise(start, end, faithfulness.by_value(values, seed=0), n_steps=5)
    assert len(found) == 6
    torch.testing.assert_close(found[0], start)
    torch.testing.assert_close(found[-1], end)
    # after one of five steps the three highest cells, the first of the top row, are changed
    expected = start.clone()
    expected[:, :4, :12] = end[:, :4, :12]
    torch.testing.assert_close(found[1], expected)


def test_equal_cells_change_in_no_order_of_their_own() -> None:
    values = np.zeros(GRID)
    values[1, 2] = 1
    orders = np.array([faithfulness.by_value(values, seed=s) for s in range(400)])
    assert (orders[:, 1, 2] == 0).all()
    assert (np.sort(orders.reshape(400, -1)) == np.arange(values.size)).all()
    others = orders.reshape(400, -1).mean(0)
    others = others[values.ravel() == 0]
    np.testing.assert_allclose(others, values.size / 2, atol=1.0)


def test_random_orders_number_every_cell_once() -> None:
    one, two = (faithfulness.at_random(GRID, seed=s) for s in (1, 2))
    assert sorted(one.ravel()) == list(range(15))
    assert (one != two).any()


def test_a_mask_keeps_what_is_marked_and_nothing_else() -> None:
    one = pictures()[0]
    values = np.full(GRID, -3.0)
    values[1, 2] = 7.0
    out = faithfulness.masked(one, values)
    # the four pixels about the cell's centre lie an eighth of a cell off it, either way
    torch.testing.assert_close(out[:, 5:7, 9:11], one[:, 5:7, 9:11] * 0.875**2)
    assert (out[:, :2] == 0).all()
    assert (out[:, :, :4] == 0).all()
    assert (faithfulness.masked(one, np.full(GRID, -1.0)) == 0).all()
    torch.testing.assert_close(faithfulness.masked(one, np.ones(GRID)), one)


def test_blurring_keeps_the_colour_and_loses_the_shapes() -> None:
    flat = torch.full((1, 3, H, W), 0.7)
    torch.testing.assert_close(faithfulness.blurred(flat), flat)
    noisy = pictures()
    soft = faithfulness.blurred(noisy)
    assert soft.std() < 0.7 * noisy.std()


def test_drop_gain_and_increase() -> None:
    found = faithfulness.confidence_change(
        np.array([0.5, 0.5, 0.0, 1.0]), np.array([0.4, 0.75, 0.2, 1.0])
    )
    np.testing.assert_allclose(found.drop, [0.2, 0, np.nan, 0])
    np.testing.assert_allclose(found.gain, [0, 0.5, 0.2, np.nan])
    np.testing.assert_array_equal(found.increase, [0, 1, 1, 0])


def test_a_true_map_is_deleted_sooner_than_a_random_one() -> None:
    """A linear model whose evidence is one cell: the map that says so must win."""
    one = torch.ones(3, H, W)
    true = np.zeros(GRID)
    true[2, 4] = 1

    def p(images: torch.Tensor) -> np.ndarray:
        return images[:, :, 8:, 16:].mean((1, 2, 3)).numpy()

    areas = [
        curve_area(p(faithfulness.stepwise(one, 0 * one, order, n_steps=15))[None])[0]
        for order in (
            faithfulness.by_value(true, seed=0),
            faithfulness.by_value(-true, seed=0),
            *(faithfulness.at_random(GRID, seed=s) for s in range(20)),
        )
    ]
    assert areas[0] == pytest.approx(0.5 / 15)
    assert areas[1] == pytest.approx(14.5 / 15)
    assert np.mean(areas[2:]) == pytest.approx(0.5, abs=0.2)


def test_the_store_has_every_method_beside_random_orders(tiny_store: Path) -> None:
    with open_readonly(tiny_store) as con:
        rows = con.execute(
            "SELECT name, variant, value, n, chance FROM metric WHERE name IN "
            "('insertion', 'deletion', 'average_drop', 'increase') AND scope = 'backbone'"
        ).fetchall()
        methods = {m for (m,) in con.execute("SELECT DISTINCT method FROM saliency").fetchall()}
        split = con.execute(
            "SELECT count(*) FROM saliency JOIN image USING (image_id) "
            "WHERE split = 'test' AND method = 'grad_cam'"
        ).fetchone()
    assert split is not None
    assert methods <= set(METHODS)
    assert {(n, json.loads(v)["method"]) for n, v, *_ in rows} == {
        (n, m) for n in ("insertion", "deletion", "average_drop", "increase") for m in methods
    }
    for _, _, value, n, chance in rows:
        assert n == split[0]
        assert 0 <= value <= 1
        assert 0 <= chance <= 1


def test_the_curves_of_a_stored_map_are_those_of_the_model(
    tiny_store: Path, tiny_model: Path, shapes: Path
) -> None:
    """Deletion of one method, picture by picture, by hand."""
    from core.backbones import huggingface
    from data.images import open_image
    from precompute.explain.metric_faithfulness import STEPS

    backbone = huggingface.load(str(tiny_model), size=fakes.SIZE)
    with open_readonly(tiny_store) as con:
        maps = con.execute(
            "SELECT file, value, map_h, map_w, logit FROM saliency JOIN image USING (image_id) "
            "JOIN prediction USING (image_id) WHERE split = 'test' AND method = 'grad_cam' "
            "ORDER BY image_id"
        ).fetchall()
        stored = con.execute(
            "SELECT value FROM metric WHERE name = 'deletion' AND variant LIKE '%grad_cam%'"
        ).fetchone()
    assert stored is not None
    areas = []
    for file, value, h, w, logit in maps:
        pixels = backbone.preprocess([open_image(shapes.parent / file)[0]])[0]
        order = np.argsort(-np.array(value), kind="stable")
        target, heights = int(np.argmax(logit)), []
        for step in range(STEPS + 1):
            gone = np.zeros(h * w, bool)
            gone[order[: round(step * h * w / STEPS)]] = True
            mask = np.kron(
                gone.reshape(h, w), np.ones((pixels.shape[1] // h, pixels.shape[2] // w))
            )
            shown = pixels * torch.from_numpy(1 - mask).float()
            logits = backbone.forward(shown[None]).logits
            assert logits is not None
            heights.append(float(logits[0].softmax(0)[target]))
        areas.append((sum(heights) - (heights[0] + heights[-1]) / 2) / STEPS)
    assert stored[0] == pytest.approx(np.mean(areas), rel=1e-4)
