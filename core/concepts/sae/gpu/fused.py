"""TopK training steps on a GPU, with kernels of their own, replayed as one graph.

In plain steps writing down gradients, moments and gathered rows costs far more than the products.
Here each token's few dictionary rows are read once, and each latent's gradient goes straight into
its Adam step. Needs Triton, which comes with torch for CUDA.
"""

from __future__ import annotations

import torch
import triton
from jaxtyping import Float
from torch import Tensor

from core.concepts.sae.gpu import kernels, updates
from core.concepts.sae.loop import Step
from core.concepts.sae.weights import Weights

WIDEST, MOST = 8_192, 32_768
"""channels and latents that a program can hold"""
_TILE = 4_096
"""numbers of gathered rows that a program holds"""
_ROWS = 64
"""that a program adds up"""
_EACH = 2
"""latents a program updates"""


def fits(weights: Weights, top_k: int) -> bool:
    """Whether these kernels can train such an autoencoder."""
    width, n = weights.dictionary.shape[1], weights.n_latents
    return width <= WIDEST and top_k <= n <= MOST and not weights.extra


class Fused:
    """Moves `weights` by one batch a call; `optimiser`, an Adam over them, holds the moments."""

    def __init__(
        self, weights: Weights, optimiser: torch.optim.Optimizer, *, top_k: int, batch: int
    ) -> None:
        self.weights, self.top_k, self.batch = weights, top_k, batch
        f, d = weights.dictionary.shape
        new = weights.dictionary.new_empty
        self.x, self.residual = new(batch, d), new(batch, d)
        # the interpreter multiplies the bits of bfloat16 as if they were whole numbers
        half = torch.bfloat16 if weights.encoder.is_cuda else torch.float32
        self.stacked_x, self.stacked = new(batch, 3 * d, dtype=half), new(f, 3 * d, dtype=half)
        self.seen = -1
        self.pre, self.loss = new(batch, f), new(batch)
        self.values, self.pull = new(batch, top_k), new(batch, top_k)
        self.index = new(batch, top_k, dtype=torch.int32)
        self.uses = new(f, batch, dtype=torch.int32)
        self.used = torch.zeros_like(self.uses[:, : triton.cdiv(batch, 32)]).contiguous()
        self.fired = new(f, dtype=torch.int8)
        self.through = new(triton.cdiv(f, _EACH), d)
        self.partial = new(triton.cdiv(max(batch, len(self.through)), _ROWS), d)
        self.origin = torch.zeros_like(weights.decoder_bias)
        self.rate = new(2)
        self.moments = self._moments(optimiser)
        self.graph: torch.cuda.CUDAGraph | None = None
        self.full = 0

    def _moments(self, optimiser: torch.optim.Optimizer) -> dict[str, tuple[Tensor, Tensor]]:
        """Adam's own, so that they are kept and revived like any; all count the same steps."""
        done = self.rate[1]
        done.zero_()
        found = {}
        for name, parameter in self.weights.parameters().items():
            state = optimiser.state[parameter]
            if state:
                done.copy_(state["step"])
            else:
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
            state["step"] = done
            found[name] = (state["exp_avg"], state["exp_avg_sq"])
        return found

    def __call__(self, x: Float[Tensor, "b d"], _: float, lr: float) -> Step:
        b, w = len(x), self.weights
        f, d = w.dictionary.shape
        wide = triton.next_power_of_2(d)
        # what others write into the encoder, a revival say, is stacked anew
        written = w.encoder._version  # noqa: SLF001 - where torch counts writes
        if self.seen != written:
            self.seen = written
            kernels.stack[(f,)](w.encoder, self.stacked, d, BD=wide)
        centre = w.decoder_bias if w.tied else self.origin
        kernels.take[(b,)](
            x.contiguous(), w.unit, lr, self.x, centre, self.stacked_x, self.rate, d, BD=wide
        )
        if b == self.batch and self.x.is_cuda:
            self.full += 1
            if self.full == 2:  # the first one has compiled everything
                self.graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(self.graph):
                    self._run(b)
        if self.graph is not None and b == self.batch:
            self.graph.replay()
        else:
            self._run(b)
        return Step(
            loss=self.loss[:b],
            gradients={},
            fired=self.fired.view(torch.bool),
            residual=self.residual[:b],
            codes=self.values[:b],
        )

    def _run(self, b: int) -> None:
        w, k = self.weights, self.top_k
        f, d = w.dictionary.shape
        wide, words = triton.next_power_of_2(d), self.used.shape[1]
        several, width = triton.next_power_of_2(k), triton.next_power_of_2(words)
        held = max(1, _TILE // wide)
        scale = -2.0 / (b * d)
        centre = w.decoder_bias if w.tied else self.origin
        kernels.encode[(triton.cdiv(b, 128), triton.cdiv(f, 256))](
            self.stacked_x,
            self.stacked,
            w.encoder_bias,
            self.pre,
            b,
            f,
            3 * d,
            BM=128,
            BN=256,
            BK=64,
            num_warps=8,
            num_stages=3,
        )
        kernels.strongest[(b,)](
            self.pre,
            self.values,
            self.index,
            f,
            K=k,
            BK=several,
            BF=triton.next_power_of_2(f),
        )
        kernels.rebuild[(b,)](
            self.x,
            w.decoder_bias,
            w.dictionary,
            self.values,
            self.index,
            self.residual,
            self.pull,
            self.loss,
            self.used,
            d,
            scale,
            words,
            K=k,
            BK=min(several, held),
            BD=wide,
            num_warps=max(1, min(8, wide // 512)),
        )
        updates.list_uses[(b,)](
            self.values,
            self.index,
            self.used,
            self.uses,
            self.batch,
            words,
            K=k,
            BK=several,
            BW=width,
        )
        parts = len(self.through)
        updates.update_latents[(parts,)](
            self.x,
            centre,
            self.residual,
            self.values,
            self.pull,
            self.uses,
            self.used,
            self.fired,
            w.dictionary,
            *self.moments["dictionary"],
            w.encoder,
            *self.moments["encoder"],
            self.stacked,
            w.encoder_bias,
            *self.moments["encoder_bias"],
            self.through,
            self.rate,
            self.batch,
            d,
            f,
            scale,
            words,
            K=k,
            BJ=min(4, held),
            BD=wide,
            BW=width,
            EACH=_EACH,
            num_warps=max(1, min(4, wide // 128)),
        )
        n = len(self.partial)
        updates.add_up[(n, triton.cdiv(d, 32))](
            self.residual,
            self.through,
            self.partial,
            b,
            parts,
            d,
            scale,
            float(w.tied),
            EACH=_ROWS,
            BR=64,
            BC=32,
        )
        updates.update_centre[(triton.cdiv(d, 16),)](
            w.decoder_bias,
            *self.moments["decoder_bias"],
            self.partial,
            self.rate,
            n,
            d,
            BN=triton.next_power_of_2(n),
            BC=16,
        )
