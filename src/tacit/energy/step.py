"""One update of a machine: statistics of the rows less those of the model, as explicit products."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..kernels import units as kernels
from ..train import Batch
from ..typing import Array
from .draws import Draws, product
from .likelihood import masses, smaller
from .machine import Machine, gaussian_part


class Rule(NamedTuple):
    """How a machine learns."""

    method: str = "pcd"  # "cd", "pcd", "pt" or "exact"
    k: int = 1
    momentum: float = 0.0
    weight_decay: float = 0.0
    centering: float = 0.01  # rate of the running means that are subtracted, 0 for none
    sparsity_target: float | None = None
    sparsity_cost: float = 0.0
    learn_variance: bool = False
    temperatures: int = 10


class Rows(NamedTuple):
    """Rows of the data, b of them, and then s that stand for the model."""

    v: Tensor  # [b + s, d]
    h: Tensor  # E[h | v] [b + s, m]
    told: tuple[Tensor, ...]  # Wv of the data's [b, m], and of the model's where free energies tell something
    weight: Tensor | None = None  # of the model's [s], sums to 1; 1/s each if None
    square: Tensor | None = None  # E[v²] of the model's Gaussian units, where v is a mean


class ContrastiveStep:
    """W += η (⟨h vᵀ⟩_rows - ⟨h vᵀ⟩_model), and so for b, c and log λ: the gradient of log p(v) where the model's
    statistics are exact (Ackley, Hinton and Sejnowski 1985).

    They come from k Gibbs steps from the rows ("cd", Hinton 2002), from chains that go on ("pcd", Tieleman 2008), from
    chains of which copies at other temperatures exchange states ("pt", Desjardins et al. 2010), or from enumeration
    ("exact"). With centering, v - μ and h - ν take the place of v and h (Montavon and Müller 2012; Melchior et al.
    2016), written as a change of the gradient so that the parameters keep their meaning.
    """

    def __init__(
        self,
        machine: Machine,
        read: Callable[[Batch, Draws], Tensor],
        rule: Rule,
        rate: Callable[[int], float],
        start: Tensor,
        seed: int,
        chains: int,
    ) -> None:
        self.machine, self.read, self.rule, self.rate, self.start = machine, read, rule, rate, start
        self.draws = Draws(seed)
        self.updates, self.size = 0, machine.W.square().mean().sqrt()
        W, b, c = machine.W, machine.b, machine.c
        self.velocity = [torch.zeros_like(p) for p in (W, b, c)] if rule.momentum else []
        self.nu = machine.hidden.mean(c[None])[0]  # of h
        self.mu = machine.visible.mean(start[None])[0]  # of v
        self.active = self.nu.clone()
        self.betas = torch.ones(1, 1).to(W)
        if rule.method == "pt":
            self.betas = torch.linspace(1, 0, rule.temperatures).to(W).repeat_interleave(chains)[:, None]
        self.chains = torch.zeros(0, machine.hidden.n).to(W)
        if rule.method in ("pcd", "pt"):
            rest = torch.zeros(chains * (rule.temperatures if rule.method == "pt" else 1), machine.visible.n).to(W)
            v = machine.visible.sample(self.draws, rest, start)
            self.chains = machine.hidden.sample(self.draws, machine.up(v), c)

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        v = self.read(batch, self.draws)
        ways = {"cd": self._contrastive, "pcd": self._persistent, "pt": self._tempered, "exact": self._enumerated}
        rows, n = ways[self.rule.method](v), len(v)
        s = len(rows.v) - n
        data, model = v.new_full((n,), 1 / n), v.new_full((s,), 1 / s) if rows.weight is None else rows.weight
        if batch.weight is not None:
            data = (batch.weight / n).to(v)
            model = model * data.sum()
        found = {"free_energy_gap": self._gap(rows, n), "weights": self.size}
        self._descend(rows, torch.cat([data, -model]), n)
        self.updates += 1
        if self.updates % 50 == 1:
            self.size = self.machine.W.square().mean().sqrt()
        return found

    def _gap(self, rows: Rows, n: int) -> Tensor:
        """F(rows) - F(model's), as some thirty of either have it."""
        masses = []
        for v, told in zip((rows.v[:n], rows.v[n:]), rows.told):
            some = slice(None, None, len(v) // 32 or 1)
            masses.append(self.machine.log_mass(v[some], told[some]).mean())
        return masses[1] - masses[0] if len(masses) == 2 else -masses[0]

    # What the model does, beside rows v of the data.

    def _contrastive(self, v: Tensor) -> Rows:
        told = self.machine.up(v)
        mean, h = self.machine.hidden.both(self.draws, told, self.machine.c)
        w = self._walk(h)
        told_w = self.machine.up(w)
        return self._beside(v, told, mean, w, told_w)

    def _persistent(self, v: Tensor) -> Rows:
        machine, n = self.machine, len(v)
        both = torch.cat([v, self._walk(self.chains)])
        told = machine.up(both)
        mean, self.chains = machine.hidden.both(self.draws, told[n:], machine.c)
        return Rows(both, torch.cat([machine.hidden.mean(told[:n], machine.c), mean]), (told[:n], told[n:]))

    def _walk(self, h: Tensor) -> Tensor:
        """Visible states k Gibbs steps after hidden ones."""
        machine = self.machine
        v = machine.visible.sample(self.draws, machine.down(h), machine.b)
        return machine.chain(self.draws, v, self.rule.k - 1)

    def _beside(self, v: Tensor, told: Tensor, mean: Tensor, w: Tensor, told_w: Tensor) -> Rows:
        mean_w = self.machine.hidden.mean(told_w, self.machine.c)
        return Rows(torch.cat([v, w]), torch.cat([mean, mean_w]), (told, told_w))

    def _tempered(self, v: Tensor) -> Rows:
        """Chains at 1 = β_1 > ... > β_T = 0, (1 - β) start + βb in place of b; neighbours exchange their states with

        probability min(1, exp((β_i - β_j)(U_j - U_i))),  U = hᵀWv + (b - start)ᵀv + cᵀh.
        """
        machine, h, betas = self.machine, self.chains, self.betas
        tilt = machine.b - self.start
        for _ in range(self.rule.k):
            w = machine.visible.sample(self.draws, betas * (machine.down(h) + tilt) + self.start)
            told = machine.up(w)
            h = machine.hidden.sample(self.draws, betas * (told + machine.c))
            U = (h * (told + machine.c)).sum(1) + w @ tilt
            w, told, h = self._exchange(U, w, told, h)
        self.chains = h
        n, seen = len(h) // self.rule.temperatures, machine.up(v)
        return self._beside(v, seen, machine.hidden.mean(seen, machine.c), w[:n], told[:n])

    def _exchange(self, U: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Neighbouring temperatures exchange states: pairs (1, 2), (3, 4), ... and (2, 3), (4, 5), ... in turn."""
        T = self.rule.temperatures
        n, order = len(U) // T, torch.arange(len(U), device=U.device).view(T, -1)
        U, beta = U.view(T, n), self.betas.view(T, n)
        u = self.draws.uniform(U)
        for i in range(self.updates % 2, T - 1, 2):
            ratio = (beta[i] - beta[i + 1]) * (U[i + 1] - U[i])
            swap = torch.log(u[i].clamp(min=1e-30)) < ratio
            one, two = order[i].clone(), order[i + 1].clone()
            order[i], order[i + 1] = torch.where(swap, two, one), torch.where(swap, one, two)
        at = order.flatten()
        return tuple(state[at] for state in states)

    def _enumerated(self, v: Tensor) -> Rows:
        """All states of the smaller layer with their probabilities."""
        machine = self.machine
        told = machine.up(v)
        mean = machine.hidden.mean(told, machine.c)
        parts = list(masses(machine))
        states, mass = torch.cat([s for s, _ in parts]), torch.cat([m for _, m in parts])
        weight = torch.softmax(mass, 0).to(states)
        found = smaller(machine)
        assert found is not None
        if not found[1]:
            both = torch.cat([mean, machine.mean_hidden(states)])
            return Rows(torch.cat([v, states]), both, (told,), weight)
        w, square = machine.mean_visible(states), None
        if (gaussian := gaussian_part(machine.visible)) is not None:
            layer, at = gaussian
            square = weight @ (w[:, at].square() + 1 / layer.precision)
        return Rows(torch.cat([v, w]), torch.cat([mean, states]), (told,), weight, square)

    # The update.

    def _descend(self, rows: Rows, weight: Tensor, n: int) -> None:
        """With weights [b + s] that are below 0 for the model's rows and sum to 0."""
        machine, rule, v, h = self.machine, self.rule, rows.v, rows.h
        rate = self.rate(self.updates)
        h_data = product(weight[:n], h[:n])
        if rule.learn_variance and (gaussian := gaussian_part(machine.visible)) is not None:
            layer, at = gaussian
            squares = weight[:, None] * v[:, at].square()
            model = -squares[n:].sum(0) if rows.square is None else rows.square
            # ∂ log p / ∂ log λ = -λ (⟨v²⟩_rows - ⟨v²⟩_model) / 2
            slope = -0.5 * layer.precision * (squares[:n].sum(0) - model)
            layer.log_precision += rate * slope.clamp(-1, 1)
        if rule.centering:
            self.mu.lerp_(product(weight[:n], v[:n]), rule.centering)
            self.nu.lerp_(h_data, rule.centering)
            v, h = v - self.mu, h - self.nu
        db, dc = product(weight, v), product(weight, h)
        h *= weight[:, None]
        gradient = product(v.T, h).T  # G = Σ_r w_r (h_r - ν)(v_r - μ)ᵀ [m, d]
        if rule.centering:
            # Δb - νᵀG and Δc - Gμ, by the shorter way
            db = db - product(product(h, self.nu), v)
            dc = dc - product(product(v, self.mu), h)
        if rule.sparsity_target is not None:
            self.active += 0.1 * (h_data - self.active)
            dc = dc - rule.sparsity_cost * (self.active - rule.sparsity_target)
        velocity: list[Tensor | None] = [*self.velocity] or [None] * 3
        for p, vel, g, decay in zip(machine[2:], velocity, (gradient, db, dc), (rule.weight_decay, 0.0, 0.0)):
            momentum_step(p, vel, g, rule.momentum, rate, decay)

    # The loop's contract.

    def state(self) -> Any:
        """Parameters, velocities, means, chains, counters."""
        gaussian = gaussian_part(self.machine.visible)
        return {
            "parameters": list(self.machine[2:]) + ([] if gaussian is None else [gaussian[0].log_precision]),
            "velocity": self.velocity,
            "means": [self.mu, self.nu, self.active],
            "chains": self.chains,
            "counters": [self.updates, self.draws.call],
        }

    def restore(self, tree: Any) -> None:
        """Take up what ``state`` gave."""
        own = self.state()
        for name in ("parameters", "velocity", "means"):
            for to, value in zip(own[name], tree[name], strict=True):
                to.copy_(value)
        self.chains = tree["chains"].to(self.chains)
        self.updates, self.draws.call = tree["counters"]


def momentum_step(p: Tensor, velocity: Tensor | None, g: Tensor, momentum: float, rate: float, decay: float) -> None:
    """V <- momentum V + rate (g - decay p), p <- p + V."""
    if p.device.type == "cpu" and p.ndim == 2:

        def flat(x: Tensor) -> Array:
            out: Array = x.numpy().ravel("C" if p.is_contiguous() else "F")
            return out

        kernels.momentum_step(flat(p), None if velocity is None else flat(velocity), flat(g), momentum, rate, decay)
        return
    change = rate * (g - decay * p)
    if velocity is not None:
        change = velocity.mul_(momentum).add_(change)
    p += change


def falling(rate: float, schedule: object, steps: int) -> Callable[[int], float]:
    """The learning rate at each update: "cosine" falls to 0 over all of them, None stays."""
    if schedule is None:
        return lambda _: rate
    return lambda t: rate * 0.5 * (1 + math.cos(math.pi * min(t / max(steps, 1), 1.0)))


def passes(asked: int | str, n: int, size: int) -> int:
    """ "auto": about 10,000 updates, 10 passes or more.

    >>> passes("auto", 1797, 64), passes("auto", 60000, 256)
    (345, 43)
    """
    return max(10, round(10_000 / math.ceil(n / size))) if isinstance(asked, str) else int(asked)
