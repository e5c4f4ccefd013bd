"""The last kernels of a TopK training step on a GPU: each latent's gradient, straight into Adam.

Nothing is summed by atomic additions, so the same batches give the same weights: which tokens use a
latent was noted in a bit mask, whose bits tell each use its place.
"""

from __future__ import annotations

from typing import no_type_check

import triton
import triton.language as tl

from core.concepts.sae.gpu.kernels import split


@triton.jit
@no_type_check
def _ones(word):
    """Set bits of each 32-bit word."""
    word = word - ((word >> 1) & 0x55555555)
    word = (word & 0x33333333) + ((word >> 2) & 0x33333333)
    word = (word + (word >> 4)) & 0x0F0F0F0F
    return ((word * 0x01010101) >> 24) & 0xFF


@triton.jit
@no_type_check
def list_uses(
    values, index, used, uses, b, words, K: tl.constexpr, BK: tl.constexpr, BW: tl.constexpr
):
    """Puts each use, numbered row by row, in its latent's list: after those of earlier tokens."""
    row = tl.program_id(0)
    word = tl.arange(0, BW)
    for start in tl.static_range(0, K, BK):
        slot = start + tl.arange(0, BK)
        on = tl.load(values + row * K + slot, mask=slot < K, other=0.0) > 0
        latent = tl.load(index + row * K + slot, mask=slot < K, other=0)
        seen = tl.load(
            used + latent[:, None] * words + word[None, :],
            mask=on[:, None] & (word < words)[None, :],
            other=0,
        )
        earlier = (tl.full((BW,), 1, tl.int32) << (row % 32)) - 1
        earlier = tl.where(word < row // 32, -1, tl.where(word == row // 32, earlier, 0))
        place = tl.sum(_ones(seen & earlier[None, :]), 1)
        tl.store(uses + latent.to(tl.int64) * b + place, row * K + slot, mask=on)


@triton.jit
@no_type_check
def _adam(at, mask, gradient, mean, square, lr, step):
    """What Adam takes from a parameter (Kingma & Ba 2015, algorithm 1); keeps its moments."""
    fading = 1 - tl.exp2(step * -0.15200309344504995)  # log2 0.9
    fading_square = 1 - tl.exp2(step * -0.0014434168696687174)  # log2 0.999
    m = tl.load(mean + at, mask=mask, other=0.0)
    v = tl.load(square + at, mask=mask, other=0.0)
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient * gradient
    tl.store(mean + at, m, mask=mask)
    tl.store(square + at, v, mask=mask)
    return lr / fading * m / (tl.sqrt(v / fading_square) + 1e-8)


@triton.jit
@no_type_check
def update_latents(
    x,
    centre,
    residual,
    values,
    pull,
    uses,
    used,
    fired,
    dictionary,
    dictionary_mean,
    dictionary_square,
    encoder,
    encoder_mean,
    encoder_square,
    stacked,
    bias,
    bias_mean,
    bias_square,
    through,
    rate,
    b,
    d,
    f,
    scale,
    words,
    K: tl.constexpr,
    BJ: tl.constexpr,
    BD: tl.constexpr,
    BW: tl.constexpr,
    EACH: tl.constexpr,
):
    """Gradients of EACH latents and one Adam step on them. No two warps may hold the same channel.

    `through` gets what their biases' slopes pull on the centre; `stacked` is the encoder's, as
    `stack` makes it.
    """
    channel = tl.arange(0, BD)
    inside = channel < d
    word = tl.arange(0, BW)
    lr, step = tl.load(rate), tl.load(rate + 1)
    middle = tl.load(centre + channel, mask=inside, other=0.0)
    total = tl.zeros((BD,), tl.float32)
    for i in range(EACH):
        latent = (tl.program_id(0) * EACH + i).to(tl.int64)
        here = latent < f
        words_of = used + latent * words + word
        # blocks against a number: Triton's interpreter joins no block with a single truth
        noted = word < tl.where(here, words, 0)
        n = tl.sum(_ones(tl.load(words_of, mask=noted, other=0)))
        tl.debug_barrier()  # every warp has read them
        tl.store(words_of, tl.zeros((BW,), tl.int32), mask=noted)
        of_dictionary, of_encoder = tl.zeros((BD,), tl.float32), tl.zeros((BD,), tl.float32)
        of_bias = 0.0
        for start in range(0, n, BJ):
            use = start + tl.arange(0, BJ)
            entry = tl.load(uses + latent * b + use, mask=use < n, other=0)
            value = tl.load(values + entry, mask=use < n, other=0.0)
            slope = tl.load(pull + entry, mask=use < n, other=0.0)
            at = (entry // K)[:, None] * d + channel[None, :]
            chosen = (use < n)[:, None] & inside[None, :]
            rest = tl.load(residual + at, mask=chosen, other=0.0)
            token = tl.load(x + at, mask=chosen, other=0.0) - middle[None, :]
            of_dictionary += tl.sum(rest * value[:, None], 0) * scale
            of_encoder += tl.sum(token * slope[:, None], 0)
            of_bias += tl.sum(slope)
        at, mask = latent * d + channel, channel < tl.where(here, d, 0)
        row = tl.load(dictionary + at, mask=mask, other=0.0)
        # a unit row moves only along the sphere
        of_dictionary -= tl.sum(of_dictionary * row) * row
        row -= _adam(at, mask, of_dictionary, dictionary_mean, dictionary_square, lr, step)
        row /= tl.maximum(tl.sqrt(tl.sum(row * row)), 1e-8)
        tl.store(dictionary + at, row, mask=mask)
        row = tl.load(encoder + at, mask=mask, other=0.0)
        total += of_bias * row
        row -= _adam(at, mask, of_encoder, encoder_mean, encoder_square, lr, step)
        tl.store(encoder + at, row, mask=mask)
        high, low = split(row)
        tl.store(stacked + latent * 3 * d + channel, high, mask=mask)
        tl.store(stacked + latent * 3 * d + d + channel, high, mask=mask)
        tl.store(stacked + latent * 3 * d + 2 * d + channel, low, mask=mask)
        offset = tl.load(bias + latent, mask=here, other=0.0)
        offset -= _adam(latent, here, of_bias, bias_mean, bias_square, lr, step)
        tl.store(bias + latent, offset, mask=here)
        tl.store(fired + latent, (n > 0).to(tl.int8), mask=here)
    tl.store(through + tl.program_id(0) * d + channel, total, mask=inside)


@triton.jit
@no_type_check
def add_up(
    residual,
    through,
    partial,
    b,
    parts,
    d,
    scale,
    tied,
    EACH: tl.constexpr,
    BR: tl.constexpr,
    BC: tl.constexpr,
):
    """The slope of the decoder's bias, in as many parts as there are programs over rows."""
    channel = tl.program_id(1) * BC + tl.arange(0, BC)
    mask = channel < d
    total = tl.zeros((BR, BC), tl.float32)
    first = tl.program_id(0) * EACH
    for start in range(first, min(first + EACH, b), BR):
        row = start + tl.arange(0, BR)
        inside = (row < b)[:, None] & mask[None, :]
        at = row[:, None] * d + channel[None, :]
        total += tl.load(residual + at, mask=inside, other=0.0) * scale
    for start in range(first, min(first + EACH, parts), BR):
        row = start + tl.arange(0, BR)
        inside = (row < parts)[:, None] & mask[None, :]
        at = row[:, None].to(tl.int64) * d + channel[None, :]
        total -= tl.load(through + at, mask=inside, other=0.0) * tied
    tl.store(partial + tl.program_id(0) * d + channel, tl.sum(total, 0), mask=mask)


@triton.jit
@no_type_check
def update_centre(centre, mean, square, partial, rate, n, d, BN: tl.constexpr, BC: tl.constexpr):
    """One Adam step on some channels of the decoder's bias."""
    channel = tl.program_id(0) * BC + tl.arange(0, BC)
    row = tl.arange(0, BN)
    mask = channel < d
    inside = (row < n)[:, None] & mask[None, :]
    part = tl.load(partial + row[:, None] * d + channel[None, :], mask=inside, other=0.0)
    value = tl.load(centre + channel, mask=mask, other=0.0)
    lr, step = tl.load(rate), tl.load(rate + 1)
    value -= _adam(channel, mask, tl.sum(part, 0), mean, square, lr, step)
    tl.store(centre + channel, value, mask=mask)
