"""The E-step where z is one of K: from log p(x, z = k) to q(z), log p(x) and the entropy of q."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import entr, logsumexp

from ..data.block import Block
from ..typing import Doubles, Floats


class Discrete(NamedTuple):
    """What a block says of a discrete z."""

    resp: Doubles  # [b, K], w_i q_i(k)
    objective: float  # Σ_i w_i log p(x_i)
    entropy: float  # Σ_i w_i H(q_i)
    weight: float  # Σ_i w_i


def posterior(log_joint: Floats, block: Block) -> Discrete:
    """q_i(k) = p(z_i = k | x_i), times the weight of the row, from log p(x_i, z_i = k) [b, K]; and the sums.

    Where the block has a ``known`` component, q is that one alone and the row counts with log p(x, z). So an ``expect``
    is ``r, *evidence = posterior(log_joint, block)`` and sums of r.

    >>> r, objective, entropy, weight = posterior(np.log([[0.1, 0.3]]), Block(0, np.zeros((1, 1))))
    >>> r.round(2).tolist(), round(float(np.exp(objective)), 2), weight
    ([[0.25, 0.75]], 0.4, 1.0)
    """
    w = block.w
    log_prob = np.asarray(logsumexp(log_joint, axis=1))
    with np.errstate(invalid="ignore"):  # an impossible row: its log p(x) says it
        r = np.nan_to_num(np.exp(log_joint - log_prob[:, None]))
    if block.known is not None:
        seen = np.flatnonzero(block.known >= 0)
        r[seen] = np.eye(log_joint.shape[1])[block.known[seen]]
        log_prob[seen] = log_joint[seen, block.known[seen]]
    entropy = float(w @ entr(r).sum(axis=1))
    return Discrete(r * w[:, None], float(w @ log_prob), entropy, float(w.sum()))
