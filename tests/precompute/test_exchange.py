"""What is brought from elsewhere: recognised, named, and judged by what it promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch
from elsewhere import programs
from safetensors.torch import save_file

from core.concepts.factors import pca
from core.concepts.imported.bank import of
from core.concepts.imported.foreign import Foreign
from core.recipe import parse
from precompute import arguments
from precompute.banks import judge_promise
from precompute.exchange import banks_of
from precompute.intake import Log


def written(root: Path, *names: str) -> list[str]:
    for name in names:
        (root / name).mkdir(parents=True)
        programs.TWINS[name].write(root / name)
    return [str(root / name) for name in names]


def test_each_import_becomes_a_bank_with_the_heads_that_it_can_have(tmp_path: Path) -> None:
    given = written(tmp_path, "saev Relu", "DN-CBM", "overcomplete topk")
    given[2] += ",top_k=3"
    cavs = tmp_path / "cavs.safetensors"
    save_file({"directions": programs.drawn(3, 6)}, cavs)
    recipe = parse('name = "x"\n' + banks_of([*given, str(cavs)]))
    assert [bank.method for bank in recipe.banks] == ["imported_sae"] * 4
    titles = ["saev Relu", "DN-CBM", "overcomplete topk", tmp_path.name]
    assert [bank.title for bank in recipe.banks] == titles
    assert recipe.banks[2].params["top_k"] == 3
    heads = {title: [h.kind for h in recipe.heads if h.bank == title] for title in titles}
    assert heads["saev Relu"] == ["sparse", "backbone"]
    assert heads["DN-CBM"] == ["sparse", "backbone", "own"]
    assert heads[tmp_path.name] == ["sparse"]


def test_equal_names_are_numbered_and_flags_reach_the_recipe(tmp_path: Path) -> None:
    one, two = written(tmp_path, "saev Relu"), written(tmp_path / "b", "saev Relu")
    argv = ["run", "--images", str(tmp_path), "--model", "m", "--banks", "pca"]
    options = arguments.parser().parse_args([*argv, "--import", *one, "--import", *two])
    recipe, text = arguments.recipe(options)
    assert [bank.title for bank in recipe.banks] == ["pca", "saev Relu", "saev Relu 2"]
    assert parse(text) == recipe
    file = tmp_path / "recipe.toml"
    file.write_text('name = "x"\n')
    options = arguments.parser().parse_args(["run", str(file), "--import", *one])
    assert [bank.title for bank in arguments.recipe(options)[0].banks] == ["saev Relu", "random"]


def test_a_name_of_the_hub_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "at", "saev Relu")
    asked: list[Any] = []

    def fetched(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, allow_patterns[0]))
        return str(tmp_path / "at")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
    recipe = parse('name = "x"\n' + banks_of(["someone/saes/saev Relu"]))
    assert asked == [("someone/saes", "saev Relu/*.safetensors")]
    assert recipe.banks[0].params["path"] == str(tmp_path / "at" / "saev Relu")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("nothing", "there is no such file or folder; name one, or OWNER/NAME"),
        ("./no/where", "there is no such file or folder"),
        ("x.pt,top=3", r"comes NAME=VALUE with a name of rule, top_k, hook, scale, not 'top=3'"),
        ("x.pt,top_k=many", "top_k must be a number, not 'many'"),
    ],
)
def test_what_cannot_be_imported_is_named(given: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        banks_of([given])


def judged(r2: float, l0: float, *, promised: tuple[float, float]) -> list[str]:
    """The messages of the notices."""
    eye, zero = torch.eye(4), torch.zeros(4)
    bank = of(Foreign("x", eye, zero, eye, zero.clone()))
    bank = replace(bank, promised=torch.tensor(promised, dtype=torch.float32))
    log = Log()
    judge_promise(bank, r2=r2, l0=l0, log=log, title="b")
    return [message for _, _, message in log.notices]


def test_only_a_large_difference_from_what_is_promised_is_a_notice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert judged(0.8, 30, promised=(0.18, 32)) == []
    assert "b (x): FVU 0.2 here, 0.18 promised, L0 30 here, 32 promised" in capsys.readouterr().err
    assert judged(0.975, 30, promised=(0.01, 32)) == []
    assert "rebuilds worse than its checkpoint says" in judged(0.96, 30, promised=(0.01, 32))[0]
    assert judged(0.56, 30, promised=(0.36, 32)) == []
    assert "rebuilds worse than its checkpoint says" in judged(0.54, 30, promised=(0.36, 32))[0]
    assert judged(0.8, 47, promised=(0.18, 32)) == []
    assert "another number of latents" in judged(0.8, 21, promised=(0.18, 32))[0]
    assert "another number of latents" in judged(0.8, 49, promised=(-1, 32))[0]
    assert judged(0.1, 65, promised=(-1, -1)) == []
    assert "worse than the mean token" in judged(-0.1, 65, promised=(-1, -1))[0]
    assert "WARNING: b (x)" in capsys.readouterr().err


def test_a_bank_that_was_fitted_here_promises_nothing() -> None:
    log, rows = Log(), torch.eye(3)
    judge_promise(pca.Bank(rows, torch.zeros(3)), r2=-1.0, l0=3.0, log=log, title="b")
    assert log.notices == []
