"""The variational autoencoder: a density over rows, p(x) = ∫ p(x | z) N(z; 0, I) dz, and an encoder that inverts it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..base import check_choice, check_n_samples, check_number
from ..data.block import Block
from ..data.memory import MemorySource
from ..data.source import Source
from ..errors import ArgumentError
from ..rng import generator
from ..train import Batch
from ..typing import Array
from .architecture import mirrored
from .classifier import Classifiable
from .coder import Coder, dtype_of, weighted_mean
from .estimator import CELLS, CoderEstimator
from .inputs import Cells, Inputs, Judge, NumberLoss, losses, over
from .noise import RowNoise
from .rows import Given

LOG_2PI = math.log(2 * math.pi)
LEAST_LOG_SD = -3.0  # of a number given z, in its standard deviations: no density may run away to infinity


class Posterior(NamedTuple):
    """q(z | x) = N(mean, diag(exp(2 log_sd)))."""

    mean: Tensor  # [b, k]
    log_sd: Tensor  # [b, k]


class GaussianCoder(Coder):
    """A coder whose encoder writes mean and log standard deviation; each number has a deviation of its own given z."""

    def __init__(self, inputs: Inputs, encoder: nn.Module, decoder: nn.Module, d: int) -> None:
        super().__init__(inputs, encoder, decoder)
        self.raw_log_sd = nn.Parameter(torch.zeros(d))

    @property
    def log_sd(self) -> Tensor:
        """log σ_j of each number given z, bounded below."""
        return self.raw_log_sd.clamp(min=LEAST_LOG_SD)

    def posterior(self, cells: Cells) -> Posterior:
        """q(z | x)."""
        mean, log_sd = super().encode(cells).chunk(2, dim=1)
        return Posterior(mean, log_sd.clamp(-10, 10))

    def encode(self, cells: Cells) -> Tensor:
        """The means of q(z | x) [b, k]."""
        return self.posterior(cells).mean


def kl(q: Posterior) -> Tensor:
    """KL(q(z | x) ‖ N(0, I)) = ½ Σ_k (μ_k² + σ_k² - 1 - log σ_k²) [b] (Kingma and Welling 2014, appendix B)."""
    each = 0.5 * (q.mean.square() + (2 * q.log_sd).exp() - 1) - q.log_sd
    return each.sum(1)


def log_ratio(q: Posterior, z: Tensor, noise: Tensor) -> Tensor:
    """log N(z; 0, I) - log q(z | x) [..., b] for z = μ + σ noise."""
    return (0.5 * (noise.square() - z.square()) + q.log_sd).sum(-1)


def gaussian(coder: Callable[[], Tensor]) -> NumberLoss:
    """-Σ_j log N(x_j; o_j, σ_j²) over the cells that are there; ``coder()`` gives log σ [d]."""

    def loss(output: Tensor, x: Tensor, seen: Tensor | None) -> Tensor:
        log_sd = coder()
        return over(0.5 * ((x - output) * (-log_sd).exp()).square() + log_sd + 0.5 * LOG_2PI, seen)

    return loss


class Evidence(nn.Module):
    """Minus the bound on log p(x), averaged over a batch.

    With one sample E_q[log p(x | z)] - β KL(q ‖ p) (Kingma and Welling 2014, equation 10; Higgins et al. 2017), with k
    samples log 1/k Σ_i p(x, z_i) / q(z_i | x) (Burda et al. 2016, equation 8).
    """

    def __init__(self, coder: GaussianCoder, judge: Judge, gaps: bool, beta: float, k: int, resample: bool) -> None:
        super().__init__()
        self.coder = coder
        self.judge = judge
        self.gaps, self.beta, self.k, self.resample = gaps, beta, k, resample
        self.dtype = dtype_of(coder)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        cells = self.coder.inputs.cells(batch, self.dtype, self.gaps)
        if self.resample:
            cells = cells._replace(x=(torch.rand_like(cells.x) < cells.x).to(cells.x))
        q = self.coder.posterior(cells)
        if self.k == 1:
            z = q.mean + q.log_sd.exp() * torch.randn_like(q.mean)
            lost, apart = self.judge(self.coder.decode(z), cells), kl(q)
            return {
                "loss": weighted_mean(lost + self.beta * apart, batch.weight),
                "reconstruction": lost.mean(),
                "kl": apart.mean(),
            }
        noise = torch.randn(self.k, *q.mean.shape, dtype=q.mean.dtype, device=q.mean.device)
        bound = torch.logsumexp(log_weights(self.coder, self.judge, cells, q, noise), dim=0) - math.log(self.k)
        return {"loss": weighted_mean(-bound, batch.weight)}


def log_weights(coder: GaussianCoder, judge: Judge, cells: Cells, q: Posterior, noise: Tensor) -> Tensor:
    """log p(x | z) + log p(z) - log q(z | x) [s, b] for s draws noise: [s, b, k]."""
    z = q.mean + q.log_sd.exp() * noise  # [s, b, k]
    output = coder.decode(z.flatten(0, 1)).unflatten(0, z.shape[:2])
    return log_ratio(q, z, noise) - judge(output, cells)


@dataclass(eq=False, repr=False, kw_only=True)
class VAE(Classifiable, CoderEstimator):
    """p(x) = ∫ p(x | z) N(z; 0, I) dz with a network for p(x | z), and q(z | x) = N(μ(x), diag σ²(x)) by another.

    Trained to make the bound E_q[log p(x | z)] - β KL(q(z | x) ‖ N(0, I)) ≤ log p(x) large (Kingma and Welling 2014;
    Rezende et al. 2014), or with ``n_importance`` > 1 the tighter log 1/k Σ_i p(x, z_i) / q(z_i | x) (Burda et al.
    2016). Categories of a table have a softmax given z; gaps are left out of p(x | z).

    Parameters
    ----------
    hidden_sizes : tuple of int or "auto"
        Widths, that of z last.
    likelihood : {"auto", "bernoulli", "gaussian"}
        Of a number given z. "bernoulli" is for values in [0, 1]; "gaussian" has a standard deviation for each column,
        learned. "auto" takes "bernoulli" for pictures and columns that share one range, "gaussian" for others.
    beta : float
        Weight of the divergence.
    n_importance : int
        Samples of z for each row in the objective; more than one needs ``beta=1``.
    resample : bool
        Draw each value anew from Bernoulli(x) in every step: dynamic binarisation of grey pictures.

    The rest is as in ``Autoencoder``. ``transform`` gives the means μ(x), ``score_samples`` an importance-weighted
    estimate of log p(x) in the units of the columns, ``sample`` new rows.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 1)) * [3.0, -3.0] + rng.normal(size=(500, 2))
    >>> model = VAE((16, 1), epochs=40, learning_rate=0.01, random_state=0).fit(X)
    >>> drawn = model.sample(1000)
    >>> drawn.shape, bool(np.corrcoef(drawn.T)[0, 1] < -0.7)
    ((1000, 2), True)
    """

    likelihood: str = "auto"
    beta: float = 1.0
    n_importance: int = 1
    resample: bool = False
    _free = "likelihood='gaussian'"

    def score_samples(self, X: object, n_samples: int = 100) -> Any:
        """log 1/S Σ_s p(x, z_s) / q(z_s | x) [n], z_s ~ q(z | x): a bound on log p(x), tight for many samples S.

        A density in the units of the columns, over the cells that are there; for "bernoulli" a probability of values 0
        and 1. A row's draws follow from the seed of ``fit`` and from its content: asked again, it scores the same.
        """
        if n_samples < 1:
            raise ArgumentError(f"n_samples must be an int >= 1. Got {n_samples!r} instead.")
        noise = RowNoise(n_samples, self.code_size_, self.seed_)
        at_once = min(n_samples, 64)
        units = torch.as_tensor(np.log(self.scale_) if self.likelihood_ == "gaussian" else np.zeros(len(self.scale_)))

        def bound(coder: GaussianCoder, cells: Cells, block: Block) -> Tensor:
            q, judge = coder.posterior(cells), self._judge_of(coder)
            total = torch.full_like(q.mean[:, 0], -math.inf)
            for lo in range(0, n_samples, at_once):
                draws = noise(block, lo, min(lo + at_once, n_samples), q.mean)
                total = torch.logaddexp(total, torch.logsumexp(log_weights(coder, judge, cells, q, draws), dim=0))
            jacobian = units.to(cells.x)
            return total - math.log(n_samples) + (jacobian.sum() if cells.seen is None else cells.seen @ jacobian)

        return self._answers(X, bound, rows=max(1, self._rows_at_once() // at_once))

    def sample(self, n_samples: int = 1, mean: bool | None = None) -> Any:
        """New rows: z ~ N(0, I), x ~ p(x | z), in the form of ``fit``.

        ``mean=True`` gives E[x | z] in place of a draw. None draws, but for "bernoulli" fitted to grey values gives the
        mean: a draw of black and white would not be like the rows.
        """
        check_is_fitted(self)
        check_n_samples(n_samples)
        mean = self.grey_ if mean is None else mean
        rng, d = generator(self.random_state), self.layout_.d
        z = torch.from_numpy(rng.standard_normal((n_samples, self.code_size_), dtype=np.float32))
        parts = []
        with torch.no_grad():
            for some in z.split(self._rows_at_once()):
                out = self._mean(self.coder_.decode(some.to(self._device()))).cpu()
                x, logits = out[:, :d], out[:, d:]
                if not mean:
                    x = self._drawn(x, rng)
                    # argmax(logit + Gumbel noise) ~ softmax(logit)
                    logits = logits + torch.from_numpy(rng.gumbel(size=tuple(logits.shape))).to(logits)
                parts.append(torch.cat([x, logits], dim=1).to(self._device()))
        empty = Block(0, np.empty((0, d)))
        return self._form(torch.cat(parts), Given(MemorySource(empty), np.dtype(self.dtype_)))

    def _drawn(self, x: Tensor, rng: np.random.Generator) -> Tensor:
        """x ~ p(x | z), given its mean."""
        if self.likelihood_ == "bernoulli":
            return (torch.from_numpy(rng.random(tuple(x.shape))) < x).to(x)
        coder: Any = self.coder_
        sd: Tensor = coder.log_sd.detach().exp().cpu()
        return x + sd * torch.from_numpy(rng.standard_normal(tuple(x.shape))).to(x)

    # What is the VAE's own.

    def _check(self) -> None:
        super()._check()
        check_choice(self, "likelihood", ["auto", "bernoulli", "gaussian"])
        check_number(self, "beta", low=0)
        check_number(self, "n_importance", integer=True, low=1)
        check_choice(self, "resample", [True, False])
        if self.n_importance > 1 and self.beta != 1:
            raise ArgumentError("n_importance > 1 is a bound with beta = 1 only")

    def _learn_scale(self, source: Source) -> None:
        self.likelihood_ = self.likelihood
        if self.likelihood == "auto":
            self.likelihood_ = "gaussian"
            super()._learn_scale(source)
            fits = (self.alike_ or self.resample) and self.low_.min() >= 0 and self.high_.max() <= 1
            self.likelihood_ = "bernoulli" if fits and not self.schema_ else "gaussian"
        super()._learn_scale(source)
        if self.resample and self.likelihood_ != "bernoulli":
            raise ArgumentError("resample=True draws values from Bernoulli(x): it needs likelihood='bernoulli'")
        first = next(source.blocks(1))
        self.dtype_ = first.dtype.str
        self.grey_ = self.likelihood_ == "bernoulli" and not self.resample and self._is_grey(source)

    def _is_grey(self, source: Source) -> bool:
        """Whether values lie between the least and the greatest."""
        low, high = self.shift_, self.shift_ + 1 / self.scale_

        def between(block: Block) -> bool:
            x: Array = np.asarray(block.x)
            return bool(np.logical_and(x > low, x < high).any())

        return source.reduce(between, lambda a, b: a or b, rows=max(1, CELLS // max(self.layout_.d, 1)))

    def _link(self) -> str:
        return "sigmoid" if self.likelihood_ == "bernoulli" else "identity"

    def _build(self) -> GaussianCoder:
        if self.encoder is not None and self.decoder is not None:
            nets = copy.deepcopy(self.encoder), copy.deepcopy(self.decoder)
        else:
            sizes = self._widths()
            nets = mirrored(self.layout_, sizes, 2 * sizes[-1], self.activation, convolves=self._convolves())
        return GaussianCoder(self._inputs(), *nets, self.layout_.d)

    def _judge(self) -> Judge:
        return self._judge_of(self.coder_)

    def _judge_of(self, coder: Any) -> Judge:
        if self.likelihood_ == "bernoulli":
            return Judge(self.layout_, losses("cross_entropy", "sigmoid"))
        return Judge(self.layout_, gaussian(lambda: coder.log_sd))

    def _objective(self) -> nn.Module:
        coder: Any = self.coder_
        return Evidence(coder, self._judge(), self.gaps_, float(self.beta), int(self.n_importance), bool(self.resample))
