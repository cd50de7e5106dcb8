"""The loop over epochs and chunks of text, or of walks, that words and nodes share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from ..checkpoint import Checkpoint
from ..errors import TrainingError
from ..kernels import native
from ..kernels import words as kernel
from ..typing import Array
from .vocabulary import units


class Schedule(NamedTuple):
    """How vectors are trained."""

    window: int
    negative: int
    cbow: bool
    epochs: int
    rate: float  # of the first word
    last_rate: float  # of the last
    seed: int
    one_thread: bool


class Tables(NamedTuple):
    """Input vectors [R, D], of which a word's is one or a mean of several, and output vectors [V, D]."""

    inputs: Array
    outputs: Array
    rows: kernel.Rows | None

    @classmethod
    def start(cls, rows: int, words: int, d: int, rng: np.random.Generator, parts: kernel.Rows | None = None) -> Tables:
        """Inputs uniform in ±1/(2d), outputs 0, as Mikolov's program begins."""
        inputs = kernel.table(rows, d)
        for lo in range(0, rows, 65536):
            block = inputs[lo : lo + 65536]
            block[:, :d] = (rng.random((len(block), d), dtype=np.float32) - np.float32(0.5)) / np.float32(d)
        return cls(inputs, kernel.table(words, d), parts)


def train(
    tables: Tables,
    chunks: Callable[[int], Iterator[Array]],
    size: int,
    noise: kernel.Noise,
    keep: Array | None,
    schedule: Schedule,
    checkpoint: Checkpoint | None = None,
    every: float = 30.0,
) -> list[float]:
    """Train the tables in place; gives the mean loss of a pair in each epoch, taken at every sixteenth position.

    ``chunks`` gives those of an epoch, ``size`` numbers in all. The rate falls linearly over all epochs. The state is
    written every so many seconds and at the end; from the same state, one thread goes on with the same bits.

    Raises ``TrainingError`` where the steps are so long that nothing finite is left.
    """
    s, history, total = schedule, list[float](), max(1, size * schedule.epochs)
    threads = 1 if s.one_thread else native.threads()
    first_epoch = first_chunk = done = 0
    told = np.zeros(2)
    if checkpoint is not None and (held := checkpoint.read()) is not None:
        tables.inputs[:], tables.outputs[:] = held["inputs"], held["outputs"]
        history, told = list(held["history"]), np.array(held["told"])
        first_epoch, first_chunk, done = held["epoch"], held["chunk"], held["done"]
    written = time.monotonic()

    def state(epoch: int, chunk: int) -> dict[str, Any]:
        return {"inputs": tables.inputs, "outputs": tables.outputs, "history": list(history), "told": told.tolist(),
                "epoch": epoch, "chunk": chunk, "done": done}  # fmt: skip

    def rate() -> float:
        return s.rate + (s.last_rate - s.rate) * min(1.0, done / total)

    for epoch in range(first_epoch, s.epochs):
        for chunk, ids in enumerate(islice(chunks(epoch), first_chunk, None), first_chunk):
            before, done = rate(), done + len(ids)
            seed = int(np.random.SeedSequence((s.seed, epoch, chunk)).generate_state(1, np.uint64)[0])
            told += kernel.embed(
                ids, units(ids), tables.inputs, tables.outputs, noise, rows=tables.rows, keep=keep, window=s.window,
                negative=s.negative, cbow=s.cbow, rates=(before, rate()), seed=seed, threads=threads,
            )  # fmt: skip
            if checkpoint is not None and time.monotonic() - written >= every:
                checkpoint.write(state(epoch, chunk + 1))
                written = time.monotonic()
        if not np.isfinite(told[0]):
            raise TrainingError(f"the vectors left the range of float32 in epoch {epoch + 1}: lower learning_rate")
        history.append(float(told[0] / told[1]) if told[1] else float("nan"))
        told, first_chunk = np.zeros(2), 0
    if checkpoint is not None:
        checkpoint.write(state(s.epochs, 0))
    return history
