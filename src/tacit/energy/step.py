"""One update of a machine: statistics of the rows less those of the model, as explicit products."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..kernels import units as kernels
from ..train import Batch
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
    chains: int = 0  # as many as there are rows in a batch if 0
    temperatures: int = 10


class Statistics(NamedTuple):
    """What the model is believed to do: rows of v and of E[h | v] that stand for it, and their weights."""

    v: Tensor  # [s, d]
    h: Tensor  # [s, m]
    weight: Tensor  # [s], sums to 1
    told: Tensor | None  # Wv [s, m], where free energies are watched
    square: Tensor | None = None  # E[v²] of the Gaussian units, where v is a mean


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
        machine, rule = self.machine, self.rule
        v = self.read(batch, self.draws)
        told = machine.up(v)
        if rule.method == "cd":
            mean, h = machine.hidden.both(self.draws, told, machine.c)
            model = self._walk(h)[0]
        else:
            mean = machine.hidden.mean(told, machine.c)
            model = {"pcd": self._persistent, "pt": self._tempered, "exact": self._enumerated}[rule.method]()
        weight = torch.full((len(v),), 1 / len(v)).to(v) if batch.weight is None else (batch.weight / len(v)).to(v)
        self._descend(Statistics(v, mean, weight, told), model)
        self.updates += 1
        mass = machine.log_mass(v, told).mean()
        if self.updates % 50 == 1:
            self.size = machine.W.square().mean().sqrt()
        found = {"free_energy_gap": -mass, "weights": self.size}
        if model.told is not None:
            found["free_energy_gap"] = machine.log_mass(model.v, model.told).mean() - mass
        return found

    # What the model does.

    def _walk(self, h: Tensor) -> tuple[Statistics, Tensor]:
        """k Gibbs steps from hidden states; the statistics at the end, and the states there."""
        machine, n = self.machine, len(h)
        for i in range(self.rule.k):
            v = machine.visible.sample(self.draws, machine.down(h), machine.b)
            told = machine.up(v)
            if i < self.rule.k - 1:
                h = machine.hidden.sample(self.draws, told, machine.c)
        if self.rule.method == "cd":
            mean = machine.hidden.mean(told, machine.c)
        else:
            mean, h = machine.hidden.both(self.draws, told, machine.c)
        return Statistics(v, mean, torch.full((n,), 1 / n).to(v), told), h

    def _persistent(self) -> Statistics:
        found, self.chains = self._walk(self.chains)
        return found

    def _tempered(self) -> Statistics:
        """Chains at 1 = β_1 > ... > β_T = 0, (1 - β) start + βb in place of b; neighbours exchange their states with

        probability min(1, exp((β_i - β_j)(U_j - U_i))),  U = hᵀWv + (b - start)ᵀv + cᵀh.
        """
        machine, h, betas = self.machine, self.chains, self.betas
        tilt = machine.b - self.start
        for _ in range(self.rule.k):
            v = machine.visible.sample(self.draws, betas * (machine.down(h) + tilt) + self.start)
            told = machine.up(v)
            mean, h = machine.hidden.both(self.draws, betas * (told + machine.c))
            U = (h * (told + machine.c)).sum(1) + v @ tilt
            v, told, mean, h = self._exchange(U, v, told, mean, h)
        self.chains = h
        n = len(h) // self.rule.temperatures
        coldest = machine.hidden.mean(told[:n], machine.c)
        return Statistics(v[:n], coldest, torch.full((n,), 1 / n).to(v), told[:n])

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

    def _enumerated(self) -> Statistics:
        """All states of the smaller layer with their probabilities."""
        machine = self.machine
        parts = [(s, m) for s, m in masses(machine)]
        states, mass = torch.cat([s for s, _ in parts]), torch.cat([m for _, m in parts])
        weight = torch.softmax(mass, 0).to(states)
        found = smaller(machine)
        assert found is not None
        if found[1]:
            v, square = machine.mean_visible(states), None
            if (gaussian := gaussian_part(machine.visible)) is not None:
                layer, at = gaussian
                square = weight @ (v[:, at].square() + 1 / layer.precision)
            return Statistics(v, states, weight, None, square)
        return Statistics(states, machine.mean_hidden(states), weight, None)

    # The update.

    def _descend(self, data: Statistics, model: Statistics) -> None:
        machine, rule = self.machine, self.rule
        rate = self.rate(self.updates)
        v_data, h_data = data.weight @ data.v, data.weight @ data.h
        dv, dh = v_data - model.weight @ model.v, h_data - model.weight @ model.h
        hs = [data.h * data.weight[:, None], model.h * -model.weight[:, None]]
        vs = [data.v, model.v]
        if rule.centering:
            # ⟨(h - ν)(v - μ)ᵀ⟩ - ... = ⟨hvᵀ⟩ - ... - ν Δvᵀ - Δh μᵀ: two more rows of the same product
            self.mu += rule.centering * (v_data - self.mu)
            self.nu += rule.centering * (h_data - self.nu)
            hs += [-self.nu[None], -dh[None]]
            vs += [dv[None], self.mu[None]]
        gradient = product(torch.cat(hs).T, torch.cat(vs))  # [m, d]
        db, dc = dv, dh
        if rule.centering:
            db, dc = dv - self.nu @ gradient, dh - gradient @ self.mu
        if rule.sparsity_target is not None:
            self.active += 0.1 * (h_data - self.active)
            dc = dc - rule.sparsity_cost * (self.active - rule.sparsity_target)
        if rule.learn_variance and (gaussian := gaussian_part(machine.visible)) is not None:
            layer, at = gaussian
            square = model.weight @ model.v[:, at].square() if model.square is None else model.square
            # ∂ log p / ∂ log λ = -λ (⟨v²⟩_rows - ⟨v²⟩_model) / 2
            slope = -0.5 * layer.precision * (data.weight @ data.v[:, at].square() - square)
            layer.log_precision += rate * slope.clamp(-1, 1)
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
    if p.device.type == "cpu":
        flat = None if velocity is None else velocity.view(-1).numpy()
        kernels.momentum_step(p.view(-1).numpy(), flat, g.reshape(-1).numpy(), momentum, rate, decay)
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
