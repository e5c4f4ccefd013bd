"""The text tower of a CLIP-like model: words to vectors in the space of its image vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import AutoModel, AutoTokenizer

from core.backbones.network_files import is_local
from core.backbones.reading import read_config, read_weights

FAMILIES = ("clip", "siglip")
BATCH = 256
"""lines at once"""


@dataclass(frozen=True)
class TextTower:
    name: str
    family: str
    limit: int
    """most tokens a line may have, its begin and end included"""
    network: nn.Module
    tokenizer: Any
    device: str = "cpu"

    def problem(self, line: str) -> str:
        """Why the model cannot read a line, in words to put after it; "" where it can."""
        own = self.tokenizer(line, add_special_tokens=False)["input_ids"]
        if not own:
            return "holds nothing that the tokenizer reads"
        unknown = self.tokenizer.unk_token_id
        if unknown is not None and unknown in own:
            return "holds a word that the tokenizer does not know"
        n = len(self.tokenizer(line)["input_ids"])
        if n > self.limit:
            return f"is {n} tokens long, and the model reads at most {self.limit}"
        return ""

    @torch.no_grad()
    def embed(self, lines: Sequence[str]) -> Float[np.ndarray, "v e"]:
        """Unit rows. Raises ValueError for a line that the model would read only in part."""
        for line in lines:
            reason = self.problem(line)
            if reason:
                raise ValueError(f"text {line!r} {reason}; word it in another way or leave it out")
        parts = [self._vectors(lines[i : i + BATCH]) for i in range(0, len(lines), BATCH)]
        return torch.cat(parts).float().cpu().numpy()

    def _vectors(self, lines: Sequence[str]) -> Float[Tensor, "b e"]:
        # SigLIP was trained on lines padded to full length, and its text model sees the padding
        full = self.family == "siglip"
        read = self.tokenizer(
            list(lines),
            padding="max_length" if full else True,
            max_length=self.limit if full else None,
            return_tensors="pt",
        ).to(self.device)
        inputs = {"input_ids": read["input_ids"]}
        if not full and "attention_mask" in read:
            inputs["attention_mask"] = read["attention_mask"]
        network: Any = self.network
        return normalize(network.get_text_features(**inputs).pooler_output, dim=-1)


def load_text_tower(model: str, *, device: str = "cpu") -> TextTower:
    """The text side of a directory saved with `save_pretrained`, or of a hub's model.

    Raises FileNotFoundError, ConnectionError or ValueError, each saying what to do.
    """
    source = str(Path(model).expanduser()) if is_local(model) else model
    who = f"text model {model!r}"
    config = read_config(source, who)
    if config.model_type not in FAMILIES:
        raise ValueError(
            f"{model!r} is a {config.model_type!r} model, which has no texts in the space of its "
            f"images; give a CLIP or SigLIP directory with both parts ({', '.join(FAMILIES)}) as "
            "the model of [text]"
        )
    tokenizer = _tokenizer(source, model)
    network = read_weights(AutoModel, source, who)
    n_known, n_rows = len(tokenizer), network.config.text_config.vocab_size
    if n_known > n_rows:
        raise ValueError(
            f"the tokenizer of {model!r} knows {n_known} tokens, but the model has vectors for "
            f"{n_rows}; use the tokenizer that was saved with this model"
        )
    network.eval().requires_grad_(False).to(device)
    limit = int(network.config.text_config.max_position_embeddings)
    name = Path(source).name if Path(source).is_dir() else model
    return TextTower(name, str(config.model_type), limit, network, tokenizer, device)


def _tokenizer(source: str, model: str) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source, trust_remote_code=False, local_files_only=is_local(model)
        )
    except (OSError, ValueError, ImportError, TypeError, AttributeError, KeyError) as error:
        raise _no_tokenizer(model, str(error)) from error
    if len(tokenizer) <= len(tokenizer.all_special_tokens):
        # without its files the library makes an empty one and says nothing
        raise _no_tokenizer(model, "only special tokens are in it")
    return tokenizer


def _no_tokenizer(model: str, reason: str) -> ValueError:
    return ValueError(
        f"{model!r} has no tokenizer that can be opened ({reason.splitlines()[0] if reason else ''}"
        "); put the tokenizer.json and tokenizer_config.json of the model's checkpoint beside its "
        "config.json"
    )
