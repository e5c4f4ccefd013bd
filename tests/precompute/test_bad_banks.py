"""Banks, heads and words that cannot be had: the store is published, says why, and has the rest."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import fakes
import numpy as np
import pytest
import torch
from jaxtyping import Float
from safetensors.numpy import save_file
from torch import Tensor

from core import backbones
from core.importance.sobol import sobol
from core.recipe import parse
from core.types import Activations
from data import store
from precompute import pipeline
from precompute.intake import word_files
from precompute.quality import leakage

SMALL = {
    "cbm": "steps = 20, min_each = 2",
    "sl_cbm": "n_steps = 6, min_each = 2",
    "csr": "n_epochs = 1, min_each = 2, n_prototypes = 2",
    "energy": "n_steps = 10, min_each = 2",
    "label_free": "steps = 20, least_similarity = -1.0",
    "cav": "min_each = 2",
    "craft": "n_attributed = 0, n_sub = 0",
}
WORDED = ("label_free", "sparse_cbm", "text")
LABELLED = ("cav", "cbm", "sl_cbm", "csr", "energy")
KINDS = ("sparse", "hybrid", "own", "matrix_search", "bayesian", "imported", "energy")

QUICK = "[saliency]\nfaithfulness = 0\n[effects]\nlatents = 0"

Rows = list[dict[str, str]]


def manifest(shapes: Path, name: str, change: Callable[[Rows], Rows]) -> Path:
    """The manifest of `fakes.shapes` with other rows, beside the same pictures."""
    with shapes.open(encoding="utf-8", newline="") as file:
        rows = change(list(csv.DictReader(file)))
    path = shapes.with_name(f"bad {name}.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def bank(method: str, params: str | None = None, *, n: int = 0, name: str = "") -> str:
    given = SMALL.get(method, "") if params is None else params
    return (
        f'[[banks]]\nmethod = "{method}"\nname = "{name or method}"\n'
        f"n_concepts = {n}\nparams = {{ {given} }}\n"
    )


def head(of: str, kind: str, params: str = "") -> str:
    return f'[[heads]]\nbank = "{of}"\nkind = "{kind}"\nparams = {{ {params} }}\n'


class Built:
    """A store beside whose bad parts a bank `good` has to be whole."""

    def __init__(
        self,
        path: Path,
        out: Path,
        *parts: str,
        text: str = "",
        backbone: fakes.FakeBackbone | None = None,
    ) -> None:
        recipe = "\n".join(
            [
                f'name = "bad"\n[dataset]\nreader = "manifest"\npath = "{path.as_posix()}"',
                f'[backbone]\nmodel = "fake"\nbatch = 8\n{text}\n{QUICK}',
                *parts,
                bank("pca", "", n=3, name="good"),
            ]
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(leakage, "rows", lambda *_: [])  # most of the time, and not at stake
            made = backbone or fakes.FakeBackbone()
            patch.setitem(backbones.BACKBONES, "huggingface", lambda _, **__: made)
            self.store = pipeline.run(parse(recipe), out=out)
        rows = self.rows("SELECT stage, subject, message FROM notice")
        self.notices = {
            (stage, subject): message
            for stage, subjects, message in rows
            for subject in subjects.split(", ")
        }
        self.banks = [name for (name,) in self.rows("SELECT name FROM bank ORDER BY ALL")]
        self.heads = [name for (name,) in self.rows("SELECT name FROM head ORDER BY ALL")]

    def rows(self, query: str) -> list[tuple]:
        with store.open_readonly(self.store) as con:
            return con.execute(query).fetchall()

    def said(self, stage: str, subject: str, *words: str) -> None:
        message = self.notices[stage, subject]
        for word in words:
            assert word in message, message
        assert "Traceback" not in message

    def good_is_whole(self) -> None:
        n = self.rows("SELECT count(*) FROM image")[0][0]
        found = self.rows(
            "SELECT count(*) FROM score JOIN bank USING (bank_id) WHERE bank.name = 'good'"
        )
        assert found == [(3 * n,)]


def nothing_known(rows: Rows) -> Rows:
    return [{"file": r["file"], "split": r["split"]} for r in rows]


@pytest.fixture(scope="module")
def unlabelled(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Pictures and splits, nothing else; every bank and head that asks for more, or for files."""
    banks = [bank(method) for method in (*LABELLED, *WORDED, "imported_cbm", "imported_sae")]
    per_class = bank("craft", "per_class = true, n_attributed = 0", n=2, name="craft per class")
    heads = [head("good", kind) for kind in KINDS]
    return Built(
        manifest(shapes, "unlabelled", nothing_known),
        tmp_path_factory.mktemp("unlabelled"),
        *banks,
        per_class,
        *heads,
    )


def test_without_labels_words_and_files_the_rest_is_built(unlabelled: Built) -> None:
    assert unlabelled.banks == ["good"]
    assert unlabelled.heads == []
    unlabelled.good_is_whole()


@pytest.mark.parametrize("method", LABELLED)
def test_a_bank_without_labels_says_where_to_give_some(unlabelled: Built, method: str) -> None:
    unlabelled.said("banks", method, f"{method} needs labelled concepts", "concept columns in a")


@pytest.mark.parametrize("method", WORDED)
def test_a_bank_without_words_says_where_to_name_them(unlabelled: Built, method: str) -> None:
    unlabelled.said("banks", method, method, "words", "[text] table", "vocabulary")


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("imported_cbm", ("needs path, a folder with W_c.pt",)),
        ("imported_sae", ("needs params = { path",)),
        ("craft per class", ("no train image carries a class", "per_class must be false")),
    ],
)
def test_a_bank_without_its_file_or_classes(
    unlabelled: Built, subject: str, words: tuple[str, ...]
) -> None:
    unlabelled.said("banks", subject, *words)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("sparse", ("no train image carries a label",)),
        ("hybrid", ("no train image carries a label",)),
        ("own", ("learned no classes", 'kind "sparse"', "cbm")),
        ("matrix_search", ("needs to know which concepts a class shows",)),
        ("bayesian", ("reads classes off words", "[text] table")),
        ("imported", ("needs path, a .safetensors or .json file",)),
        ("energy", ("needs a bank of method energy",)),
    ],
)
def test_a_head_that_lacks_something_says_what(
    unlabelled: Built, kind: str, words: tuple[str, ...]
) -> None:
    unlabelled.said("heads", f"good · {kind}", *words)


# -- little of everything ----------------------------------------------------------------------


def one_class(rows: Rows) -> Rows:
    return [{**r, "label": "wren" if r["label"] else ""} for r in rows]


def test_one_class_keeps_concepts_and_leaves_out_what_reads_classes(
    shapes: Path, tmp_path: Path
) -> None:
    heads = [head(of, kind) for of in ("cbm", "csr") for kind in ("own", "sparse")]
    built = Built(
        manifest(shapes, "one class", one_class),
        tmp_path,
        bank("cbm", n=2),
        bank("csr", n=2),
        bank("energy"),
        *heads,
    )
    assert built.banks == ["cbm", "csr", "good"]
    assert built.heads == []
    built.said("banks", "energy", "two labelled classes or more; there are 1")
    built.said("heads", "cbm · own", "learned no classes", "two labelled classes")
    built.said("heads", "csr · sparse", "at least two classes, but there are 1")
    built.good_is_whole()


def test_one_image_makes_a_store_with_a_word_on_every_bank(shapes: Path, tmp_path: Path) -> None:
    built = Built(
        manifest(shapes, "one image", lambda rows: rows[:1]),
        tmp_path,
        *(bank(method) for method in LABELLED),
    )
    assert built.banks == ["good"]
    for method in LABELLED:
        built.said("banks", method, "both present and absent in at least 2 train images")
    built.good_is_whole()


def test_banks_of_whole_images_need_none_held_out(shapes: Path, tmp_path: Path) -> None:
    """There are no tokens to judge them on, and that is all."""
    path = manifest(shapes, "train only", lambda rows: [r for r in rows if r["split"] == "train"])
    built = Built(path, tmp_path, bank("sl_cbm", n=2), bank("csr", n=2))
    assert built.banks == ["csr", "good", "sl_cbm"]
    built.said("measure", "held-out images", "nothing can be measured but accuracy on train")


def test_an_image_on_which_one_concept_speaks_has_indices() -> None:
    """Alone, the concept carries all of the variance."""
    weight = torch.tensor([1.5, -2.0, 0.7, 1.0])

    def function(scores: Float[Tensor, "m k"]) -> Float[Tensor, " m"]:
        return scores @ weight

    scores = torch.tensor([[0.0, 3.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    found = sobol(function, scores, log2_design=10)
    assert found[0, 1] == pytest.approx(1, abs=0.05)
    assert (found[0, [0, 2, 3]] == 0).all()
    assert found[1, :2].sum() == pytest.approx(1, abs=0.1)
    assert (found[2] == 0).all()


# -- activations -------------------------------------------------------------------------------


class Odd(fakes.FakeBackbone):
    """Whatever `turn` makes of the tokens."""

    turn: Callable[[Tensor], Tensor] = staticmethod(lambda tokens: tokens)

    def attributed(self, pixels: Float[Tensor, "b 3 12 20"]) -> Activations:
        seen = super().attributed(pixels)
        return replace(seen, tokens=self.turn(seen.tokens))


def odd(turn: Callable[[Tensor], Tensor]) -> Odd:
    made = Odd()
    made.turn = turn
    return made


def test_silent_activations_are_told_bank_by_bank(shapes: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no concept bank could be made") as told:
        Built(
            shapes,
            tmp_path,
            *(bank(method) for method in LABELLED),
            bank("craft", n=2),
            bank("nmf", n=2),
            backbone=odd(torch.zeros_like),
        )
    for method in LABELLED:
        assert f"banks, {method}: {method} tells concepts by activations" in str(told.value)
    assert str(told.value).count("of all 17 train images are equal; choose another layer") == 5
    assert "banks, craft, nmf: every activation is zero" in str(told.value)
    assert "banks, good: all 255 tokens are equal" in str(told.value)


def test_silent_tokens_a_single_concept_and_a_head_without_weights_harm_nothing(
    shapes: Path, tmp_path: Path
) -> None:
    """One channel is constant, too."""

    def turn(tokens: Tensor) -> Tensor:
        silent = torch.arange(tokens.shape[1]) % 2 == 0
        kept = torch.where(silent[:, None], 0.0, tokens)
        return torch.cat([torch.full_like(kept[..., :1], 2.0), kept[..., 1:]], dim=-1)

    built = Built(
        shapes,
        tmp_path,
        bank("csr", n=2),
        bank("cbm", n=2),
        bank("craft", n=2),
        bank("cav", n=1),
        head("cbm", "own"),
        head("cav", "sparse", "c = 1e-9"),
        head("cav", "matrix_search"),
        backbone=odd(turn),
    )
    assert built.banks == ["cav", "cbm", "craft", "csr", "good"]
    assert built.heads == ["cav · matrix_search", "cav · sparse", "cbm · own"]
    assert built.rows("SELECT count(*) FROM score WHERE isnan(score) OR isinf(score)") == [(0,)]
    assert built.rows(
        "SELECT count(*) FROM head_weight JOIN head USING (head_id) WHERE name = 'cav · sparse'"
    ) == [(0,)]
    built.good_is_whole()


def test_signed_activations_too_many_concepts_and_images_that_are_not_finite(
    shapes: Path, tmp_path: Path
) -> None:
    """Images are met in the manifest's order, eight at once; the sixth of each eight is spoilt."""

    def turn(tokens: Tensor) -> Tensor:
        spoilt = tokens - 0.5
        if len(tokens) > 5:
            spoilt[5, 3, 2] = float("inf")
        return spoilt

    built = Built(
        shapes,
        tmp_path,
        bank("craft", n=2),
        bank("nmf", n=2),
        bank("pca", n=9),
        backbone=odd(turn),
    )
    assert built.banks == ["good"]
    for method, title in (("craft", "CRAFT"), ("nmf", "NMF")):
        built.said("banks", method, f"{title} needs activations >= 0", "lowest -0.5", "semi_nmf")
    built.said("banks", "pca", "9 concepts", "ask for at most 7")
    skipped = dict(built.rows("SELECT file, reason FROM skipped"))
    assert len(skipped) == 5
    assert "layer patches are not finite (NaN or infinite)" in skipped["images/05.png"]
    assert built.rows("SELECT count(*) FROM image") == [(26,)]
    built.good_is_whole()


# -- files and words ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dictionary and a bottleneck of 11 channels, where the layer has 7."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(3)

    def drawn(*shape: int) -> Float[np.ndarray, "*n"]:
        return rng.normal(size=shape).astype(np.float32)

    save_file(
        {"W_enc": drawn(11, 5), "b_enc": drawn(5), "W_dec": drawn(5, 11), "b_dec": drawn(11)},
        folder / "sae.safetensors",
    )
    (folder / "cbm").mkdir()
    save_file(
        {"W_c": drawn(4, 11), "proj_mean": drawn(4), "proj_std": np.ones(4, np.float32)},
        folder / "cbm" / "all.safetensors",
    )
    (folder / "cbm" / "concepts.txt").write_text("a\nb\nc\nd\n")
    (folder / "torn.safetensors").write_bytes(b"no weights")
    return folder


def vectors(path: Path, shapes: Path, words: list[str]) -> str:
    """Image and word vectors, made elsewhere, as a [text] table names them."""
    rng = np.random.default_rng(5)
    with shapes.open(encoding="utf-8", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    save_file(
        {"texts": rng.normal(size=(len(words), 5)), "images": rng.normal(size=(len(names), 5))},
        path,
        {"words": json.dumps(words), "files": json.dumps(names)},
    )
    return f'[text]\nvectors = "{path.as_posix()}"'


def promising(folder: Path) -> str:
    """An autoencoder of random weights, whose settings say that it rebuilds well."""
    folder.mkdir()
    rng = np.random.default_rng(2)
    shapes = {"W_enc": (7, 3), "b_enc": (3,), "W_dec": (3, 7), "b_dec": (7,)}
    tensors = {n: rng.normal(size=s).astype(np.float32) * 3 for n, s in shapes.items()}
    save_file(tensors, folder / "sae_weights.safetensors")
    facts = {"architecture": "standard", "normalize_activations": "layer_norm"}
    (folder / "cfg.json").write_text(json.dumps(facts | {"metadata": {"explained_variance": 0.9}}))
    return folder.as_posix()


def test_files_that_do_not_fit_and_words_that_tokens_do_not_share(
    shapes: Path, files: Path, tmp_path: Path
) -> None:
    sae, torn, cbm = (
        (files / n).as_posix() for n in ("sae.safetensors", "torn.safetensors", "cbm")
    )
    built = Built(
        shapes,
        tmp_path,
        *(bank(method) for method in WORDED),
        bank("imported_sae", f'path = "{sae}"', name="wide sae"),
        bank("imported_cbm", f'path = "{cbm}"', name="wide cbm"),
        bank("imported_sae", f'path = "{torn}"', name="torn sae"),
        bank("imported_cbm", 'path = "/nowhere/cbm"', name="absent cbm"),
        bank("imported_sae", f'path = "{promising(tmp_path / "p")}"', name="promising"),
        head("good", "imported", f'path = "{torn}"'),
        *(head("label_free", kind) for kind in ("own", "matrix_search", "bayesian")),
        text=vectors(tmp_path / "v.safetensors", shapes, ["red", "blue", "wren"]),
    )
    assert built.banks == ["good", "label_free", "promising"]
    built.said(
        "import", "promising", "(SAELens)", "0.1 promised", "L0", "worse than the mean token"
    )
    assert built.rows("SELECT measure, value FROM quality WHERE measure LIKE 'promised%'") == [
        ("promised_r2", pytest.approx(0.9))
    ]
    r2 = built.rows("SELECT r2 FROM bank WHERE name = 'promising'")[0][0]
    assert r2 < 0
    built.said("banks", "wide sae", "sae.safetensors", "width 11", "width 7", "choose the layer")
    built.said("banks", "wide cbm", "W_c has shape (4, 11)", "has 7 features", "use the backbone")
    built.said("banks", "torn sae", "torn.safetensors is no safetensors file")
    built.said("banks", "absent cbm", "/nowhere/cbm", "is none")
    built.said("heads", "good · imported", "torn.safetensors cannot be read as a head")
    for method in ("sparse_cbm", "text"):
        built.said("banks", method, "do not live", "layer", '"joint"')
    built.said("heads", "label_free · own", "learned no classes")
    built.said("heads", "label_free · matrix_search", "3 of 4 class names are not", "finch")
    built.said("heads", "label_free · bayesian", "has 0 phrases about 'finch'", "needs 3")
    built.good_is_whole()


def test_a_vocabulary_that_is_not_there_leaves_the_banks_that_need_none(
    shapes: Path, tmp_path: Path
) -> None:
    text = '[text]\nvocabulary = "/nowhere/w.txt"'
    built = Built(shapes, tmp_path, *(bank(method) for method in WORDED), text=text)
    built.said("texts", "/nowhere/w.txt", "'/nowhere/w.txt' does not exist", "one word or phrase")
    for method in WORDED:
        built.said("banks", method, "the notice on texts says why")
    assert built.banks == ["good"]
    built.good_is_whole()


def test_a_folder_is_no_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder; name the text file"):
        word_files.read_vocabulary(tmp_path, lambda _: None)


@pytest.mark.parametrize(
    ("dataset", "more", "said"),
    [
        ('corruptions = ["fog"]', "", "unknown corruption 'fog'; known: blur, noise"),
        ('corruptions = ["blur", "blur"]', "", "names one kind twice: blur, blur"),
        ("", '[depth]\nlayers = ["patches"]', "gives one layer only"),
        ("", bank("good", "").replace("good", "l1", 1), "unknown method 'l1'; known: nmf"),
        ("", bank("csr", "prototypes = 3"), "csr has no parameter 'prototypes'"),
        ("", bank("nmf", "") + head("nmf", "energies"), "unknown kind 'energies'; known: sparse"),
        ("", head("nmf", "own"), "reads bank 'nmf', which the recipe does not have"),
    ],
)
def test_a_recipe_that_names_what_is_not_there_is_refused_at_once(
    dataset: str, more: str, said: str, shapes: Path, tmp_path: Path, fake_backbone: object
) -> None:
    assert fake_backbone
    text = (
        f'name = "bad"\n[dataset]\nreader = "manifest"\npath = "{shapes.as_posix()}"\n{dataset}\n'
        f'[backbone]\nmodel = "fake"\n{more}'
    )
    with pytest.raises(ValueError, match=said):
        pipeline.run(parse(text), out=tmp_path)
    # what the images' contents hash to is kept for the next try
    assert {path.name for path in tmp_path.iterdir()} <= {"contents"}
