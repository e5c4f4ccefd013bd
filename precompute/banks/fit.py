"""Fitting banks, and finding them again after a kill."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_args

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from core.concepts import METHODS, restore
from core.kinds import ControlKind, LabelLevel
from core.recipe import BankSpec
from core.types import ConceptBank, FitData
from data.progress import note, step
from precompute.banks.pooling import check_pool
from precompute.intake import (
    check_parameters,
    facts_of,
    fingerprint_files,
    is_whole,
    publish,
    put_facts,
)

_TENSORS = "bank.safetensors"


@dataclass(frozen=True)
class FittedBank:
    bank: ConceptBank
    facts: list[dict[str, float]]
    """per concept, what fitting measured; may be empty"""
    seconds: float
    label_level: LabelLevel | None


@dataclass(frozen=True)
class State:
    """Where a fit that takes long keeps how far it is; beside the folder it will fill."""

    file: Path

    def load(self) -> dict[str, Tensor] | None:
        return load_file(self.file) if self.file.exists() else None

    def save(self, state: dict[str, Tensor]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.file.with_name(f"{self.file.name}.partial")
        save_file(state, partial)
        os.replace(partial, self.file)


def bank_key(spec: BankSpec, seed: int) -> str:
    """Names the folder of a bank: same key, same bank on the same activations."""
    judged = ("stability", "control")  # once it is made
    made = {name: value for name, value in asdict(spec).items() if name not in judged}
    file = spec.params.get("path")
    read = [fingerprint_files(Path(file))] if isinstance(file, str) and file else []
    text = json.dumps([made, seed, *read], sort_keys=True)
    return f"{spec.method}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def check_bank(spec: BankSpec) -> None:
    """Raises ValueError for a method or a parameter that does not exist, naming those that do."""
    if spec.method not in METHODS:
        raise ValueError(
            f"bank {spec.title!r}: unknown method {spec.method!r}; known: {', '.join(METHODS)}"
        )
    level = spec.params.get("labels", "")
    if level not in ("", *get_args(LabelLevel)):
        raise ValueError(f"bank {spec.title!r}: labels must be 'image' or 'class', not {level!r}")
    if spec.stability == 1:
        raise ValueError(f"bank {spec.title!r}: stability compares fits, so it must be 0 or >= 2")
    control_of(spec)
    check_pool(spec)
    check_parameters(
        {name: value for name, value in spec.params.items() if name != "labels"},
        METHODS[spec.method].fit,
        owner=f"bank {spec.title!r}: {spec.method}",
        given={"n_concepts", "seed"},
    )


def control_of(spec: BankSpec) -> ControlKind:
    """What stands in the bank's place. Raises ValueError for what does not exist."""
    for kind in get_args(ControlKind):
        if spec.control == kind:
            return kind
    raise ValueError(
        f"bank {spec.title!r}: control must be one of {', '.join(get_args(ControlKind))}, "
        f"not {spec.control!r}"
    )


def fit_bank(spec: BankSpec, data: FitData, folder: Path, *, seed: int) -> FittedBank:
    """Fit, or load what an earlier run fitted. Raises what the method raises on unfit data."""
    if not is_whole(folder):
        params = {name: value for name, value in spec.params.items() if name != "labels"}
        if spec.n_concepts:
            params["n_concepts"] = spec.n_concepts
        title = f"fit {spec.title}"[:24].ljust(24)
        step(f"fit {spec.title}")
        with tqdm(desc=title, bar_format="{desc}: {elapsed} {postfix}") as bar:
            started = time.perf_counter()

            def progress(message: str) -> None:
                bar.set_postfix_str(message)
                note(message)

            state = State(folder.with_name(f"{folder.name}.state"))
            watched = replace(data, progress=progress, checkpoint=state)
            with torch.inference_mode():
                bank = METHODS[spec.method].fit(watched, seed=seed, **params)
            seconds = time.perf_counter() - started
        with publish(folder) as partial:
            save_file(
                {name: t.contiguous() for name, t in bank.tensors().items()}, partial / _TENSORS
            )
            used_labels = bool(bank.facts()) and data.labels is not None
            found = {
                "seconds": seconds,
                "concepts": bank.facts(),
                "label_level": data.labels.level if used_labels and data.labels else None,
            }
            put_facts(partial, found)
        state.file.unlink(missing_ok=True)
    facts = facts_of(folder)
    return FittedBank(
        restore(spec.method, load_file(folder / _TENSORS)),
        facts["concepts"],
        facts["seconds"],
        facts["label_level"],
    )
