"""The head, the edits and the numbers of the browser, held against Python's."""

from __future__ import annotations

import base64
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
from in_node import NODE, SAY, needed, run, use

from app.views.intervene import address_edits
from app.widgets import assets, pack
from core import bottleneck
from core.types import Head

pytestmark = needed
ENTRIES = ("image_view", "head_lab", "gallery", "spatial")


@pytest.mark.parametrize("entry", ENTRIES)
def test_joined_modules_are_one_valid_module(entry: str, tmp_path: Path) -> None:
    assert NODE is not None
    text = assets.module(entry)
    assert "\nimport " not in text
    assert text.count("export default") == 1
    joined = tmp_path / "joined.mjs"
    joined.write_text(text, encoding="utf-8")
    checked = subprocess.run(
        [NODE, "--check", str(joined)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_a_module_comes_after_what_it_imports_and_once() -> None:
    text = assets.module("overlay", "colour")
    assert text.count("export function gradient") == 1
    assert text.index("export function gradient") < text.index("export function raster")


def test_head_agrees_with_python_far_below_the_tolerance() -> None:
    rng = np.random.default_rng(0)
    n_classes, k = 7, 11
    head = Head(weight=rng.normal(size=(n_classes, k)) * 5, bias=rng.normal(size=n_classes))
    scores = rng.normal(size=k)
    out = run(
        use("head", "logits", "softmax", "entropy", "margin", "contributions", "topClasses")
        + use("codes", "f64")
        + """
        const head = { base: f64(given.base), weights: f64(given.weights) };
        const p = softmax(logits(head, given.scores));
        const out = { p: [...p], entropy: entropy(p), margin: margin(p), top: topClasses(p, 3),
          parts: [...contributions(head, given.scores, 4)] };
        """
        + SAY,
        base=pack.b64(head.bias, "<f8"),
        weights=pack.b64(head.weight, "<f8"),
        scores=scores.tolist(),
    )
    p = bottleneck.probabilities(bottleneck.logits(head, scores))
    np.testing.assert_allclose(out["p"], p, atol=1e-13)
    assert out["entropy"] == pytest.approx(float(bottleneck.entropy(p)), abs=1e-12)
    assert out["margin"] == pytest.approx(float(bottleneck.margin(p)), abs=1e-12)
    assert out["top"] == np.argsort(-p)[:3].tolist()
    np.testing.assert_allclose(out["parts"], bottleneck.contributions(head, scores, 4))


@pytest.mark.parametrize("rest", [None, [0.25, -4.0]])
def test_waterfall_adds_up_to_the_logit(rest: list[float] | None) -> None:
    rng = np.random.default_rng(1)
    weights, scores = rng.normal(size=(2, 20)), rng.normal(size=20)
    bias, folded = [1.5, -2.0], [0.5, 3.0]
    base = np.add(bias, folded) + (0 if rest is None else np.array(rest))
    out = run(
        use("head", "waterfall") + "const out = waterfall(given.head, given.scores, 1, 12);" + SAY,
        head={
            "bias": bias,
            "folded": folded,
            "rest": rest,
            "base": base.tolist(),
            "weights": weights.ravel().tolist(),
            "nFolded": 30,
        },
        scores=scores.tolist(),
    )
    logit = float(weights[1] @ scores + base[1])
    assert out["sum"] == pytest.approx(logit, abs=1e-12)
    assert out["gap"] < 1e-12
    kinds = [step["kind"] for step in out["steps"]]
    assert kinds == ["bias", *["concept"] * 12, "other", *(["rest"] if rest else [])]
    assert out["steps"][13]["n"] == 8 + 30
    largest = np.argsort(-np.abs(weights[1] * scores))[:12]
    assert [step["index"] for step in out["steps"][1:13]] == largest.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12:0.5,40:-1",
        "3:1e-7",
        "junk",
        "1:nan,2:inf,3:1",
        ":5,6:,7:8",
        "9:1e999,8:1e9,7:2e9",
        " 4:2 ,4:3",
        "-1:5",
        "1:+5",
        "1:.5",
        "0:-0.30000000000000004",
        "\u0663:1",
    ],
)
def test_edits_of_an_address_mean_the_same_in_both_languages(text: str) -> None:
    out = run(
        use("edits", "parseEdits", "formatEdits")
        + "const e = parseEdits(given.text); const out = [[...e], formatEdits(e)];"
        + SAY,
        text=text,
    )
    found = address_edits.parse(text)
    assert dict(out[0]) == found
    assert address_edits.parse(out[1]) == found
    assert address_edits.parse(address_edits.write(found)) == found


def test_a_disagreement_is_never_lost() -> None:
    out = run(
        use("head", "largestGap")
        + """
        const gaps = [largestGap([0.5, 0.5], [0.5, 0.4]), largestGap([0.5, NaN], [0.5, 0.5]),
          largestGap([NaN, 0.5], [0.5, 0.5]), largestGap([1], [0.5, 0.5]), largestGap([1], [1])];
        const out = gaps.map((gap) => gap <= 1e-5);"""
        + SAY
    )
    assert out == [False, False, False, False, True]


def test_undo_and_redo_walk_one_line_of_edits() -> None:
    script = use("edits", "startHistory", "commit", "undo", "redo", "withEdit", "formatEdits")
    out = run(
        script
        + """
        let h = startHistory(new Map([[7, 1]]));
        h = commit(h, withEdit(h.now, 2, 0.5));
        h = commit(h, withEdit(h.now, 2, 0.5));
        h = commit(h, withEdit(h.now, 7, null));
        const seen = [formatEdits(h.now)];
        for (const move of [undo, undo, undo, redo]) { h = move(h); seen.push(formatEdits(h.now)); }
        h = commit(h, withEdit(h.now, 1, -3));
        const out = { seen, now: formatEdits(h.now), past: h.past.length, future: h.future.length };
        """
        + SAY
    )
    assert out["seen"] == ["2:0.5", "2:0.5,7:1", "7:1", "7:1", "2:0.5,7:1"]
    assert (out["now"], out["past"], out["future"]) == ("1:-3,2:0.5,7:1", 2, 0)


def test_presets_corrections_and_unusual_values_of_the_element() -> None:
    one = {"group": None, "lo": -4.0, "hi": 4.0, "low": -2.0, "high": 3.0}
    levels = {"typical": [-1.0, 1.0], "strong": [-1.5, 2.0], "weak": [None, None]}
    concepts = [
        {"id": 4, "score": 1.2, "truth": 0, "absent": -1.0, "present": 1.0, "levels": levels},
        {"id": 5, "score": 1.2, "truth": 1, "absent": -1.0, "present": 1.0, "levels": levels},
        {"id": 6, "score": 1.2, "truth": None, "absent": -1.0, "present": 1.0, "levels": levels},
        {"id": 7, "score": -3.0, "truth": 1, "absent": -1.0, "present": 1.0, "levels": levels},
        {"id": 8, "score": -3.0, "truth": 1, "absent": None, "present": 1.0, "levels": levels},
    ]
    out = run(
        use("lab_model", "corrections", "isUnusual", "preset")
        + """
        const lab = { concepts: given.concepts, scores: given.concepts.map((c) => c.score),
          at: new Map(given.concepts.map((c, i) => [c.id, i])) };
        const none = new Map();
        const by = (edits, values) => corrections(lab, edits, values);
        const out = { typical: by(none, "typical"), strong: by(none, "strong"),
          weak: by(none, "weak"), done: by(new Map([[4, -1], [7, 1]]), "typical"),
          plain: preset({ absent: 0, present: 2 }), chosen: preset(given.concepts[0], "strong"),
          unusual: [-2.5, -2, 0, 3.00001, 3.2].map((v) => isUnusual(v, given.concepts[0])),
          unknown: isUnusual(99, { low: null, high: null, lo: 0, hi: 1 }) };
        """
        + SAY,
        concepts=[{**one, **c} for c in concepts],
    )
    assert out["typical"] == [[4, -1.0], [7, 1.0]]
    assert out["strong"] == [[4, -1.5], [7, 2.0]]
    assert out["weak"] == []
    assert out["done"] == []
    assert out["plain"] == {"absent": 0, "present": 2}
    assert out["chosen"] == {"absent": -1.5, "present": 2.0}
    assert out["unusual"] == [True, False, False, False, True]
    assert out["unknown"] is False


def test_choosing_one_of_a_group_clears_only_the_siblings_that_are_present() -> None:
    concepts = [
        {"id": 4, "group": "tail", "score": 2.0, "absent": -1.0, "present": 1.5},
        {"id": 5, "group": "tail", "score": -2.0, "absent": -1.0, "present": 1.5},
        {"id": 6, "group": "tail", "score": 0.0, "absent": 0.0, "present": 1.0},
        {"id": 7, "group": None, "score": 2.0, "absent": -1.0, "present": 1.5},
        {"id": 8, "group": "wing", "score": 2.0, "absent": -1.0, "present": 1.5},
    ]
    out = run(
        use("lab_model", "siblings")
        + "const out = [1, 3].map((i) => siblings({ concepts: given.concepts }, i));"
        + SAY,
        concepts=concepts,
    )
    assert out == [[[4, -1.0]], []]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1234.5678, "1230"),
        (-0.0123456, "\u22120.0123"),
        (2e-7, "2.00e\u22127"),
        (None, "n/a"),
    ],
)
def test_numbers_have_three_digits(value: float | None, shown: str) -> None:
    assert run(use("dom", "num") + "const out = num(given.value);" + SAY, value=value) == shown


def test_numbers_travel_as_little_endian_bytes() -> None:
    assert base64.b64decode(pack.b64(np.array([1, 258]), "<u2")) == b"\x01\x00\x02\x01"
    out = run(
        use("codes", "f64", "i16", "u32")
        + """
        const out = [[...f64(given.a)], [...i16(given.b)], [...u32(given.c)]];"""
        + SAY,
        a=pack.b64(np.array([math.pi]), "<f8"),
        b=pack.b64(np.array([-32767]), "<i2"),
        c=pack.b64(np.array([2**31]), "<u4"),
    )
    assert out == [[math.pi], [-32767], [2**31]]
