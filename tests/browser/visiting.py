"""What the stories on the Image and Intervene pages share: ids of the store, steps of a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import store
from data.queries import build, heads, images

NOW = "[data-role=now]"
CHECK = "[data-role=agreement]"


class Facts:
    """Ids of the store that the stories need."""

    def __init__(self, path: Path) -> None:
        con = store.open_readonly(path)
        known = build.heads(con)
        if not known:
            pytest.skip("the store has no head")
        self.head = known[0].name
        self.bank = known[0].bank
        self.image = int(images.image_ids(con)[-1])
        loaded = heads.load(con, known[0].head_id)
        facts = heads.concepts(con, known[0].head_id)
        # the concept that can move some logit furthest
        reach = abs(loaded.head.weight).max(axis=0) * (facts["score_max"] - facts["score_min"])
        row = facts.loc[reach.idxmax()]
        self.concept = int(row["concept_id"])
        self.lo, self.hi = float(row["score_min"]), float(row["score_max"])
        self._path = path
        con.close()

    def probabilities(self, image: int, edits: dict[int, float]) -> dict[int, float]:
        """By class, of the head with edits by concept; from the store, past the app's code."""
        with store.open_readonly(self._path) as con:
            known = build.heads(con)[0]
            loaded = heads.load(con, known.head_id)
            here = np.array([image])
            was = heads.image_scores(con, known.bank_id, loaded.concept_ids, image_ids=here)[0]
            now = was.copy()
            for concept, value in edits.items():
                now[loaded.concept_ids == concept] = value
            logits = loaded.head.weight @ now + loaded.head.bias
            if loaded.head.residual:
                own = heads.unedited(con, known.head_id, loaded.outputs, image_ids=here)[0]
                logits = own + loaded.head.weight @ (now - was)
        p = np.exp(logits - logits.max())
        return dict(zip(loaded.class_ids.tolist(), (p / p.sum()).tolist(), strict=True))


def shown(page: Any) -> list[str]:
    return page.locator(NOW).all_inner_texts()


def predicted(page: Any) -> dict[int, float]:
    """Probabilities shown, by class id; beyond 0.001 and 0.999 they are bounds."""
    rows = page.locator("[data-class]:has([data-role=now])").all()
    texts = {int(row.get_attribute("data-class")): row.locator(NOW).inner_text() for row in rows}
    return {class_id: float(text.lstrip("<> ")) for class_id, text in texts.items()}


def agreed(page: Any) -> None:
    page.wait_for_selector(".cx-root[data-agrees=true]", timeout=15_000)


def drag(page: Any, concept: int, *, to: float, release: bool = True) -> None:
    """Takes a concept's handle with the mouse to a share of its track."""
    handle = page.locator(f"input[type=range][data-concept='{concept}']")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box is not None
    span = handle.evaluate("e => (e.value - e.min) / (e.max - e.min)")
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 7 + (box["width"] - 14) * span, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 7 + (box["width"] - 14) * to, y, steps=12)
    if release:
        page.mouse.up()
