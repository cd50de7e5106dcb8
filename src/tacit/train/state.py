"""Trees of state: copies, random generators, seeds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


def copied(tree: Any) -> Any:
    """The tree with every tensor cloned.

    >>> a = torch.zeros(2)
    >>> b = copied({"w": [a], "n": 1})
    >>> a += 1
    >>> b
    {'w': [tensor([0., 0.])], 'n': 1}
    """
    if isinstance(tree, Tensor):
        return tree.detach().clone()
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        parts = [copied(value) for value in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return tree


def finite(tree: Any) -> bool:
    """Whether no tensor of the tree holds NaN or infinity.

    >>> finite({"w": [torch.zeros(2)], "n": 1}), finite((torch.tensor([1.0, float("nan")]),))
    (True, False)
    """
    if isinstance(tree, Tensor):
        return not tree.is_floating_point() or bool(tree.isfinite().all())
    if isinstance(tree, dict):
        return all(map(finite, tree.values()))
    return all(map(finite, tree)) if isinstance(tree, list | tuple) else True


def random_state() -> dict[str, Any]:
    """The state of torch's generators."""
    cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if cuda else []}


def set_random_state(state: dict[str, Any]) -> None:
    """Take up what ``random_state`` gave."""
    torch.set_rng_state(state["cpu"])
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """torch's generators seeded inside, and as they were outside."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
