"""The hot loops: pure functions of one block and parameters, giving statistics or rows.

This file is the list of operations and their contract; ``native`` is the engine behind it. Every operation reads any
dtype and stride through the panel packer, works in the block's precision, adds block results in float64, and gives the
same bits for any number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import native

if TYPE_CHECKING:
    from ..data.block import Block
    from ..typing import Array


def hash_rows(block: Block) -> Array:
    """A 64-bit hash of each row's content [b]: numbers, then codes; weights and position do not enter."""
    h = np.full(block.n, 0x243F6A8885A308D3, dtype=np.uint64)
    native.module.hash_rows(block.x if block.csr is not None else block.numbers, h, native.threads())
    if block.codes is not None:
        native.module.hash_rows(block.codes, h, native.threads())
    return h
