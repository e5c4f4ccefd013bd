"""Tiny, randomly initialised CLIP and SigLIP models with a tokenizer of their own, on disk."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPConfig,
    CLIPModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipModel,
    ViTImageProcessorPil,
)

SIZE = (24, 40)  # rows and columns in pixels; patches of 8 make a 3 x 5 grid
WORDS = ("a", "red", "blue", "bird", "beak", "wing", "in", "snow")
SPECIAL = ("<start>", "<end>", "<pad>", "<unknown>")
LIMIT = 6
"""tokens of a line, begin and end included"""
_VISION = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 20,
    "image_size": 32,
    "patch_size": 8,
}
_TEXT = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 18,
    "vocab_size": len(SPECIAL) + len(WORDS),
    "max_position_embeddings": LIMIT,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}


def tokenizer() -> PreTrainedTokenizerFast:
    known = {word: i for i, word in enumerate((*SPECIAL, *WORDS))}
    made = Tokenizer(models.WordLevel(known, unk_token="<unknown>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 0), ("<end>", 1)]
    )
    start, end, pad, unknown = SPECIAL
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token=start, eos_token=end, pad_token=pad, unk_token=unknown
    )


def _network(family: str) -> PreTrainedModel:
    if family == "clip":
        config = CLIPConfig(text_config=_TEXT, vision_config=_VISION, projection_dim=9)
        return CLIPModel(config)
    return SiglipModel(SiglipConfig(text_config=_TEXT, vision_config=_VISION))


def save(family: str, path: Path, *, with_tokenizer: bool = True, seed: int = 0) -> Path:
    """family: "clip" or "siglip"; weights, config.json, preprocessor_config.json, tokenizer."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(family)
        # Fresh weights are small; larger ones make vectors depend visibly on what was read.
        for parameter in network.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.3)
    network.save_pretrained(path)
    ViTImageProcessorPil(size={"height": SIZE[0], "width": SIZE[1]}).save_pretrained(path)
    if with_tokenizer:
        tokenizer().save_pretrained(path)
    return path
