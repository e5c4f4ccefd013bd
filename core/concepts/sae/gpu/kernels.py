"""The first kernels of a TopK training step on a GPU: from tokens to codes, and what is left over.

`core.concepts.sae.gpu.fused` calls them in order, then those of `core.concepts.sae.gpu.updates`.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl


@triton.jit
@no_type_check
def split(value):
    """A float as two of half its length."""
    high = value.to(tl.bfloat16)
    return high, (value - high.to(tl.float32)).to(tl.bfloat16)


@triton.jit
@no_type_check
def take(raw, unit, lr, x, centre, stacked, rate, d, BD: tl.constexpr):
    """x = raw / unit, and x - centre as (high, low, high); `rate` becomes (lr, this step's number).

    With (high, high, low) of the encoder one product of halves holds all but low x low. It takes a
    quarter of a float32 product's time; its largest error is some five times as large, and a
    hundredth of TF32's (Henry, Tang & Heinecke 2019, arXiv 1904.06376).
    """
    row = tl.program_id(0)
    channel = tl.arange(0, BD)
    mask = channel < d
    value = tl.load(raw + row * d + channel, mask=mask, other=0.0) / unit
    tl.store(x + row * d + channel, value, mask=mask)
    high, low = split(value - tl.load(centre + channel, mask=mask, other=0.0))
    at = stacked + row * 3 * d + channel
    tl.store(at, high, mask=mask)
    tl.store(at + d, low, mask=mask)
    tl.store(at + 2 * d, high, mask=mask)
    if row == 0:
        tl.store(rate, lr)
        tl.store(rate + 1, tl.load(rate + 1) + 1)


@triton.jit
@no_type_check
def stack(encoder, stacked, d, BD: tl.constexpr):
    """Every row of the encoder as (high, high, low)."""
    row = tl.program_id(0).to(tl.int64)
    channel = tl.arange(0, BD)
    mask = channel < d
    high, low = split(tl.load(encoder + row * d + channel, mask=mask, other=0.0))
    at = stacked + row * 3 * d + channel
    tl.store(at, high, mask=mask)
    tl.store(at + d, high, mask=mask)
    tl.store(at + 2 * d, low, mask=mask)


@triton.jit
@no_type_check
def encode(
    x,
    encoder,
    bias,
    out,
    b,
    f,
    width,
    BM: tl.constexpr,
    BN: tl.constexpr,
    BK: tl.constexpr,
):
    """out = ReLU(x @ encoder.T + bias), b x f, of what `take` and `stack` made."""
    row = tl.program_id(0) * BM + tl.arange(0, BM)
    column = tl.program_id(1) * BN + tl.arange(0, BN)
    part = tl.arange(0, BK)
    left = x + row[:, None] * width + part[None, :]
    right = encoder + column[None, :].to(tl.int64) * width + part[:, None]
    total = tl.zeros((BM, BN), dtype=tl.float32)
    for start in range(0, width, BK):
        inside = part < width - start
        one = tl.load(left + start, mask=(row < b)[:, None] & inside[None, :], other=0.0)
        two = tl.load(right + start, mask=(column < f)[None, :] & inside[:, None], other=0.0)
        total = tl.dot(one, two, total)
    total += tl.load(bias + column, mask=column < f, other=0.0)[None, :]
    at = row[:, None].to(tl.int64) * f + column[None, :]
    tl.store(out + at, tl.maximum(total, 0.0), mask=(row < b)[:, None] & (column < f)[None, :])


@triton.jit
@no_type_check
def strongest(pre, values, index, f, K: tl.constexpr, BK: tl.constexpr, BF: tl.constexpr):
    """The K largest positive entries of each row, by index; a row with fewer ends in zeros."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BF)
    value = tl.load(pre + row * f + column, mask=column < f, other=0.0)
    # at least K lie at low or above, fewer at high; in the end just K, or equals between
    low, high = 0.0, tl.max(value) * 2
    n = tl.sum((value > 0).to(tl.int32))
    middle = high / 2
    while (n > K) & (low < middle) & (middle < high):
        above = tl.sum((value >= middle).to(tl.int32))
        enough = above >= K
        low, high = tl.where(enough, middle, low), tl.where(enough, high, middle)
        n = tl.where(enough, above, n)
        middle = low + (high - low) / 2
    kept = (value >= low) & (value > 0)
    if n > K:  # the last are equal
        equal = (value == low).to(tl.int32)
        kept = kept & ((value > low) | (tl.cumsum(equal, 0) <= K - n + tl.sum(equal)))
        n = K
    place = tl.cumsum(kept.to(tl.int32), 0) - 1
    slot = tl.arange(0, BK)
    empty = (slot >= n) & (slot < K)
    tl.store(values + row * K + slot, tl.zeros((BK,), tl.float32), mask=empty)
    tl.store(index + row * K + slot, tl.zeros((BK,), tl.int32), mask=empty)
    tl.store(values + row * K + place, value, mask=kept)
    tl.store(index + row * K + place, column, mask=kept)


@triton.jit
@no_type_check
def rebuild(
    x,
    centre,
    dictionary,
    values,
    index,
    residual,
    pull,
    loss,
    used,
    d,
    scale,
    words,
    K: tl.constexpr,
    BK: tl.constexpr,
    BD: tl.constexpr,
):
    """Each token's residual, share of the loss, and the slope of the loss along each of its codes;
    notes in `used` which latents it uses. `scale` is -2 / (b d)."""
    row = tl.program_id(0).to(tl.int64)
    channel = tl.arange(0, BD)
    inside = channel < d
    left = tl.load(x + row * d + channel, mask=inside, other=0.0)
    left -= tl.load(centre + channel, mask=inside, other=0.0)
    for start in tl.static_range(0, K, BK):
        slot = start + tl.arange(0, BK)
        value = tl.load(values + row * K + slot, mask=slot < K, other=0.0)
        latent = tl.load(index + row * K + slot, mask=slot < K, other=0)
        atoms = tl.load(
            dictionary + latent[:, None] * d + channel[None, :],
            mask=(value > 0)[:, None] & inside[None, :],
            other=0.0,
        )
        left -= tl.sum(atoms * value[:, None], 0)
        bit = tl.full((BK,), 1, tl.int32) << (row % 32).to(tl.int32)
        tl.atomic_or(used + latent * words + row // 32, bit, mask=value > 0, sem="relaxed")
    tl.store(residual + row * d + channel, left, mask=inside)
    tl.store(loss + row, tl.sum(left * left) * scale * -0.5)
    for start in tl.static_range(0, K, BK):
        slot = start + tl.arange(0, BK)
        if K > BK:  # else the atoms are still at hand
            value = tl.load(values + row * K + slot, mask=slot < K, other=0.0)
            latent = tl.load(index + row * K + slot, mask=slot < K, other=0)
            atoms = tl.load(
                dictionary + latent[:, None] * d + channel[None, :],
                mask=(value > 0)[:, None] & inside[None, :],
                other=0.0,
            )
        slope = tl.sum(atoms * left[None, :], 1) * scale
        tl.store(pull + row * K + slot, slope, mask=slot < K)
