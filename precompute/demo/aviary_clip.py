"""Trains a tiny CLIP on Aviary's images and captions that are true of them, saved for the loader.

It is small enough for two cores and a few minutes, and yet its words are really learnt: what each
is worth can be checked against what every image is known to show.

Two choices are our own. A caption mentions one to three of an image's nine concepts, so it is true
of many images of a batch: the loss is SigLIP's (Zhai et al. 2023, arXiv 2303.15343), a yes or no
for every pair, with yes wherever the caption is true, instead of CLIP's one match a row. And the
same loss is put on the mean of the projected patch tokens, so that patches lie in the space of
words as well (the layer `joint`), which CLIP's training leaves to chance.
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, normalize
from tqdm import tqdm
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast, ViTImageProcessorPil

from core.backbones import load_text_tower, quiet
from core.kinds import TEST, TRAIN
from data.datasets import (
    CAPTION_PHRASES,
    Dataset,
    caption_fits,
    caption_truth,
    caption_words,
    captions_of,
)
from precompute.demo.training import COLUMNS, GREY, ROWS, SHIFT, normalised, read

PATCH = 16  # pixels: 6 x 8 tokens
WIDTH = 96  # e, of the space of images and words
BATCH = 64
PEAK_RATE = 2e-3
LONGEST = 24  # tokens of a caption
SPECIAL = ("<start>", "<end>", "<pad>", "<unknown>")  # the text model looks for <end>


class Trained(NamedTuple):
    path: Path
    auc: Float[np.ndarray, " l"]
    """of each concept's words on images of split "test", 0..1, chance 0.5; NaN where undefined"""
    n: int
    """test images behind it"""


def train_clip(
    dataset: Dataset, out: Path, *, seed: int = 0, epochs: int = 60, progress: bool = True
) -> Trained:
    """Trains on split "train" and writes a Hugging Face directory to `out`, whole or not at all.

    The same seed and number of threads give the same weights. Raises FileExistsError where `out`
    exists, ValueError for another data set than Aviary and for one without training images.
    """
    if out.exists():
        raise FileExistsError(f"{out} exists already; remove it to train the model again")
    shown, species = caption_truth(dataset)
    splits = dataset.images["split"].to_numpy()
    chosen = np.flatnonzero(splits == TRAIN)
    if len(chosen) < 2 or epochs < 1:
        raise ValueError(
            f"data set {dataset.name!r} has {len(chosen)} images in split 'train' and epochs is "
            f"{epochs}; at least two images and one epoch are needed"
        )
    pixels = read(dataset, dataset.images["file"].tolist(), progress=progress)
    tokenizer = _tokenizer()
    network = _network(tokenizer, seed=seed)
    lesson = _Lesson(dataset, shown, species, chosen, tokenizer)
    _fit(network, pixels, lesson, seed=seed, epochs=epochs, progress=progress)
    _publish(network, tokenizer, out)
    tested = np.flatnonzero(splits == TEST)
    return Trained(out, zero_shot(network, out, pixels[tested], shown[tested]), len(tested))


class _Lesson(NamedTuple):
    dataset: Dataset
    shown: Bool[np.ndarray, "n l"]
    species: list[str]
    chosen: Int[np.ndarray, " a"]
    """rows to learn from"""
    tokenizer: PreTrainedTokenizerFast

    def batches(self, *, seed: int) -> list[tuple[Tensor, dict[str, Tensor], Tensor]]:
        """One epoch: rows, the captions' tokens, and which caption is true of which image."""
        written = captions_of(self.dataset, seed=seed)
        order = np.random.default_rng(seed).permutation(self.chosen)
        made = []
        for rows in np.array_split(order, math.ceil(len(order) / BATCH)):
            mine = [written[i] for i in rows]
            read_ = self.tokenizer([c.text for c in mine], padding=True, return_tensors="pt")
            true = caption_fits(mine, self.shown[rows], [self.species[i] for i in rows])
            made.append((torch.from_numpy(rows), dict(read_), torch.from_numpy(true).float()))
        return made


def _tokenizer() -> PreTrainedTokenizerFast:
    known = {word: i for i, word in enumerate((*SPECIAL, *caption_words()))}
    start, end, pad, unknown = SPECIAL
    made = Tokenizer(models.WordLevel(known, unk_token=unknown))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(start, known[start]), (end, known[end])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=start,
        eos_token=end,
        pad_token=pad,
        unk_token=unknown,
        model_max_length=LONGEST,
    )


def _network(tokenizer: PreTrainedTokenizerFast, *, seed: int) -> CLIPModel:
    body = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_attention_heads": 4}
    config = CLIPConfig(
        text_config={
            **body,
            "num_hidden_layers": 2,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": LONGEST,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            **body,
            "num_hidden_layers": 3,
            "patch_size": PATCH,
            "image_size": 7 * PATCH,  # square by convention; interpolated to 6 x 8
        },
        projection_dim=WIDTH,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLIPModel(config)


class Seen(NamedTuple):
    """Unit rows."""

    whole: Float[Tensor, "b e"]
    patches: Float[Tensor, "b e"]
    """of their mean"""


def see(network: CLIPModel, pixels: Float[Tensor, "b 3 H W"]) -> Seen:
    tower = network.vision_model
    out = tower(pixel_values=pixels, interpolate_pos_encoding=True)
    patches = network.visual_projection(tower.post_layernorm(out.last_hidden_state[:, 1:]))
    whole = network.visual_projection(out.pooler_output)
    return Seen(normalize(whole, dim=-1), normalize(patches.mean(1), dim=-1))


def _fit(
    network: CLIPModel,
    pixels: UInt8[Tensor, "n H W 3"],
    lesson: _Lesson,
    *,
    seed: int,
    epochs: int,
    progress: bool,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    bias = nn.Parameter(torch.tensor(-4.0))  # of every pair; ranks do not need it later
    optimiser = torch.optim.AdamW(
        [*network.parameters(), bias], lr=PEAK_RATE, weight_decay=0.02, betas=(0.9, 0.98)
    )
    n_steps = epochs * math.ceil(len(lesson.chosen) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=PEAK_RATE, total_steps=n_steps, pct_start=0.2
    )
    network.train()
    mean = float("nan")  # running, so that the bar does not flicker
    with tqdm(total=n_steps, desc="train tiny CLIP", unit="step", disable=not progress) as bar:
        for epoch in range(epochs):
            for rows, said, true in lesson.batches(seed=seed + 1000 * epoch):
                seen = see(network, _moved(normalised(pixels[rows]), generator))
                texts = normalize(network.get_text_features(**said).pooler_output, dim=-1)
                scale = network.logit_scale.exp()
                loss = torch.stack(
                    [
                        binary_cross_entropy_with_logits(scale * texts @ side.T + bias, true)
                        for side in seen
                    ]
                ).sum()
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                mean = loss.item() if math.isnan(mean) else 0.95 * mean + 0.05 * loss.item()
                bar.set_postfix(loss=f"{mean:.3f}", refresh=False)
                bar.update()
    network.eval()


def _moved(batch: Float[Tensor, "b 3 H W"], generator: torch.Generator) -> Tensor:
    """Each image mirrored or not (no caption says left or right), the batch moved a few pixels."""
    mirrored = torch.rand(len(batch), generator=generator) < 0.5
    batch[mirrored] = batch[mirrored].flip(3)
    padded = nn.functional.pad(batch, [SHIFT] * 4, mode="reflect")
    top, left = torch.randint(2 * SHIFT + 1, (2,), generator=generator).tolist()
    return padded[:, :, top : top + ROWS, left : left + COLUMNS]


@torch.no_grad()
def zero_shot(
    network: CLIPModel,
    folder: Path,
    pixels: UInt8[Tensor, "n H W 3"],
    shown: Bool[np.ndarray, "n l"],
) -> Float[np.ndarray, " l"]:
    """AUC of the cosine between image and words, for every concept; chance 0.5."""
    if not len(pixels):
        return np.full(shown.shape[1], np.nan)
    said = load_text_tower(str(folder)).embed(list(CAPTION_PHRASES.values()))
    seen = torch.cat([see(network, normalised(part)).whole for part in pixels.split(256)])
    cosine = seen.numpy() @ said.T
    return np.array(
        [
            roc_auc_score(truth_, score) if 0 < truth_.sum() < len(truth_) else np.nan
            for truth_, score in zip(shown.T, cosine.T, strict=True)
        ]
    )


def _publish(network: CLIPModel, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Beside the target first, then under its name: a directory that can be found is complete."""
    building = out.with_name(f".{out.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    with quiet():
        network.save_pretrained(building)
    tokenizer.save_pretrained(building)
    ViTImageProcessorPil(
        size={"height": ROWS, "width": COLUMNS}, image_mean=[GREY] * 3, image_std=[GREY] * 3
    ).save_pretrained(building)
    building.replace(out)
