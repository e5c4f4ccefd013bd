"""Maps in the browser: unpacked, drawn and compared as Python would."""

from __future__ import annotations

import numpy as np
import pytest
from in_node import SAY, needed, run, use

from app.widgets import pack
from core import maps
from data.queries.images import Codes

pytestmark = needed
SHAPE = (3, 5)  # rows, columns


def test_codes_sent_and_unpacked_are_the_stored_maps() -> None:
    scale = np.array([0.5, 0.25])
    sparse = Codes(
        np.array([1, 1, 4, 9], np.uint16),
        np.array([2, 14, 0, 3], np.uint16),
        np.array([8, -4, 7, 100], np.int16),
    )
    dense = Codes(None, None, np.arange(45, dtype=np.int16) - 20)
    script = (
        use("codes", "unpackCodes", "mapOf", "atTokens")
        + """
        const codes = unpackCodes(given.codes, 15);
        const out = { maps: [0, 1].map((i) => [...mapOf(codes, i)]),
          max: atTokens(codes, [2, 14]), mean: atTokens(codes, [2, 14], "mean") };
        """
        + SAY
    )
    out = run(script, codes=pack.codes(sparse, np.array([1, 4]), scale=scale, n_tokens=15))
    expected = np.zeros((2, 15))
    expected[0, [2, 14]], expected[1, 0] = [4.0, -2.0], 1.75
    np.testing.assert_array_equal(out["maps"], expected)
    assert out["max"] == [{"index": 0, "value": 4}]
    assert out["mean"] == [{"index": 0, "value": 1}]
    out = run(script, codes=pack.codes(dense, np.array([0, 2]), scale=scale, n_tokens=15))
    np.testing.assert_array_equal(
        out["maps"], [(np.arange(15) - 20) * 0.5, (np.arange(30, 45) - 20) * 0.25]
    )


def test_the_browser_reads_codes_in_the_type_they_are_stored_in() -> None:
    token, value = np.iinfo(maps.INDEX).max, np.iinfo(maps.STEP).min
    row = Codes(*(np.array([id_], maps.INDEX) for id_ in (7, token)), np.array([value], maps.STEP))
    out = run(
        use("codes", "unpackCodes", "i16")
        + """
        const { tokens, values } = unpackCodes(given.codes, 15), alone = i16(given.alone);
        const out = [tokens, values, alone].map((a) => [a.constructor.name.toLowerCase(), ...a]);
        """
        + SAY,
        codes=pack.codes(row, np.array([7]), scale=np.ones(1), n_tokens=15),
        alone=pack.steps(row.value),
    )
    step = [f"{maps.STEP.name}array", value]
    assert out == [[f"{maps.INDEX.name}array", token], step, step]


def slow_bilinear(grid: np.ndarray, u: float, v: float) -> float:
    rows, columns = grid.shape
    y = min(max(v * rows - 0.5, 0), rows - 1)
    x = min(max(u * columns - 0.5, 0), columns - 1)
    total = 0.0
    for r in range(rows):
        for c in range(columns):
            total += grid[r, c] * max(0, 1 - abs(y - r)) * max(0, 1 - abs(x - c))
    return total


def test_smooth_overlays_are_bilinear_between_patch_centres() -> None:
    grid = np.random.default_rng(2).normal(size=SHAPE)
    places = np.random.default_rng(3).random((20, 2)).tolist()
    out = run(
        use("overlay", "sample", "nearest")
        + """const at = (f) => given.places.map(([u, v]) => f(given.map, given.grid, u, v));
        const out = [at(sample), at(nearest)];"""
        + SAY,
        map=grid.ravel().tolist(),
        grid=SHAPE,
        places=places,
    )
    np.testing.assert_allclose(out[0], [slow_bilinear(grid, u, v) for u, v in places], atol=1e-12)
    np.testing.assert_array_equal(out[1], [grid[int(v * 3), int(u * 5)] for u, v in places])


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0.1, 0.2, 0.9, 0.8), (-0.25, 0, 1.25, 1)])
def test_every_token_is_found_under_the_middle_of_its_cell(box: tuple[float, ...]) -> None:
    out = run(
        use("overlay", "place", "cell", "tokenAt")
        + """const where = place(given.box, { width: 300, height: 200, most: 560 });
        const found = Array.from({ length: 15 }, (_, t) => {
          const c = cell(where.view, given.grid, t);
          return tokenAt(where.view, given.grid, c.x + c.w / 2, c.y + c.h / 2);
        });
        const { x, y, w, h } = where.view;
        const out = { found, where, outside: [tokenAt(where.view, given.grid, x - 1, y + 1),
          tokenAt(where.view, given.grid, x + 1, y + h + 1)] };"""
        + SAY,
        box=box,
        grid=SHAPE,
    )
    assert out["found"] == list(range(15))
    assert out["outside"] == [-1, -1]
    where, picture = out["where"], out["where"]["picture"]
    assert max(where["width"], where["height"]) == 560
    assert where["view"]["x"] == pytest.approx(picture["x"] + box[0] * picture["w"])
    assert where["view"]["w"] == pytest.approx((box[2] - box[0]) * picture["w"])
    assert where["view"]["y"] == pytest.approx(picture["y"] + box[1] * picture["h"])


def test_colour_is_transparent_at_zero_and_symmetric_in_sign() -> None:
    out = run(
        use("colour", "colour")
        + """
        const out = [0, 0.6, -1, 2, -2, 4].map((v) => colour(v, { top: 2, signed: true }))
          .concat([-1, 0.2, 2, 9].map((v) => colour(v, { top: 2, signed: false })))
          .concat([colour(1, { top: 0, signed: false })]);"""
        + SAY
    )
    alphas = [0, 0.5, 0.5 / 0.6, 1, 1, 1, 0, 0.5, 1, 1, 0]
    assert [rgba[3] for rgba in out] == pytest.approx(alphas)
    assert out[3] == out[5]
    assert out[3][0] > out[3][2]  # positive: red
    assert out[4][2] > out[4][0]  # negative: blue
    assert out[8][:3] == [253, 231, 37]


def test_faint_signed_values_tint_the_picture_instead_of_veiling_it() -> None:
    out = run(
        use("colour", "colour", "gradient")
        + """
        const out = { faint: [0.02, -0.02].map((v) => colour(v, { top: 1, signed: true })),
          legend: gradient(true) };"""
        + SAY
    )
    for red, green, blue, alpha in out["faint"]:
        assert abs(red - blue) > 60  # a colour, not a white
        assert green < 210
        assert alpha < 0.05
    assert out["legend"].count("rgba(") == 21
    assert "rgba(0,0,0,0.000)" in out["legend"]  # nothing in the middle, as on the map


def test_threshold_hides_what_is_smaller() -> None:
    out = run(
        use("overlay", "raster")
        + """
        const how = { width: 5, height: 3, top: 10, signed: true, style: "heat", opacity: 1,
          threshold: 0.5, smooth: false };
        const map = [4.9, 5.1, -5.1, -4.9, 10, ...Array(10).fill(0)];
        const bytes = raster(map, [3, 5], how);
        const out = Array.from({ length: 5 }, (_, i) => bytes[i * 4 + 3] > 0);"""
        + SAY
    )
    assert out == [False, True, True, False, True]


def test_a_contour_runs_where_the_surface_has_its_level() -> None:
    grid = np.random.default_rng(6).normal(size=SHAPE)
    out = run(
        use("overlay", "contour") + "const out = contour(given.map, given.grid, 0.3, 6);" + SAY,
        map=grid.ravel().tolist(),
        grid=SHAPE,
    )
    assert len(out) > 5
    for x0, y0, x1, y1 in out:
        for u, v in ((x0, y0), (x1, y1)):
            assert slow_bilinear(grid, u, v) == pytest.approx(0.3, abs=0.05)


def test_rank_correlation_and_area_means() -> None:
    a, b = [1.0, 2.0, 2.0, 5.0, -1.0], [3.0, 1.0, 4.0, 4.0, 0.0]
    fine = np.arange(24.0).reshape(4, 6) ** 1.5
    out = run(
        use("codes", "spearman", "resample")
        + """const out = { rho: spearman(given.a, given.b),
        flat: spearman(given.a, [1, 1, 1, 1, 1]),
        halves: [...resample(given.fine, [4, 6], [2, 3])],
        odd: [...resample(given.fine, [4, 6], [3, 4])] };"""
        + SAY,
        a=a,
        b=b,
        fine=fine.ravel().tolist(),
    )
    ranks = np.corrcoef([1, 2.5, 2.5, 4, 0], [2, 1, 3.5, 3.5, 0])[0, 1]
    assert out["rho"] == pytest.approx(ranks)
    assert out["flat"] is None  # NaN: nothing to rank
    blocks = [
        [fine[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean() for c in range(3)] for r in range(2)
    ]
    np.testing.assert_allclose(out["halves"], np.ravel(blocks))
    big = np.repeat(np.repeat(fine, 3, 0), 2, 1)  # 12 x 12: cells of both grids tile it
    cells = [[big[4 * r : 4 * r + 4, 3 * c : 3 * c + 3].mean() for c in range(4)] for r in range(3)]
    np.testing.assert_allclose(out["odd"], np.ravel(cells))


def test_runs_start_outside() -> None:
    out = run(use("overlay", "unrun") + "const out = [...unrun([2, 3, 1, 1], 8)];" + SAY)
    assert out == [0, 0, 1, 1, 1, 0, 1, 0]


def test_the_map_check_fails_when_a_map_is_not_the_scores() -> None:
    out = run(
        use("image_side", "poolCheck")
        + """
        const out = [poolCheck([1, 2, 3], 2.0004, 0.001), poolCheck([1, 2, 3], 2.01, 0.001),
          poolCheck([1, 2, 3], 2.0, 0.001, "max"), poolCheck([1, 3, -4], 3.0004, 0.001, "max")];
        """
        + SAY
    )
    assert [check["exact"] for check in out] == [True, False, False, True]
    assert out[1]["gap"] == pytest.approx(0.01)


def test_a_class_map_averages_to_what_the_concepts_add_to_the_logit() -> None:
    rng = np.random.default_rng(3)
    steps = rng.integers(-90, 90, size=(2, 15)).astype(np.int16)
    scale, weights = np.array([0.5, 0.25]), rng.normal(size=(3, 2))
    dense = Codes(None, None, steps.ravel())
    out = run(
        use("class_map", "classMap", "classLayers")
        + use("codes", "unpackCodes")
        + """
        const codes = unpackCodes(given.codes, 15), weights = given.weights;
        const map = [...classMap(codes, weights, 2, { n: 2, nTokens: 15 })];
        const data = { codes, weights, scores: [0, 0], grid: [3, 5], pool: "mean",
          classes: [{ name: "a" }, { name: "b" }, { name: "c" }] };
        const layer = classLayers(data, 1)[0];
        const out = { map, cls: layer.cls, unit: layer.unit, other: [...layer.map],
          none: classLayers({ ...data, weights: null }, 1).length };
        """
        + SAY,
        codes=pack.codes(dense, np.array([0, 1]), scale=scale, n_tokens=15),
        weights=weights.ravel().tolist(),
    )
    maps = steps * scale[:, None]
    np.testing.assert_allclose(out["map"], weights[2] @ maps)
    np.testing.assert_allclose(np.mean(out["map"]), weights[2] @ maps.mean(1))
    np.testing.assert_allclose(out["other"], weights[1] @ maps)
    assert (out["cls"], out["unit"], out["none"]) == ("b", "logits", 0)
