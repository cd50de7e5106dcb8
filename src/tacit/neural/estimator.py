"""What all estimators over a coder share: the door, the scale, the loop, the verbs."""

from __future__ import annotations

import copy
import math
from abc import abstractmethod
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..base import Estimator, check_choice, check_number
from ..data.block import Block, precision
from ..data.memory import MemorySource
from ..data.source import Source
from ..data.table import Table
from ..errors import ArgumentError, InputError
from ..rng import generator
from ..train import Batch, Batches, Blocks, GradientStep, Run, Tensors, Training, train
from ..train.device import find_device, processes
from ..train.rows import tensor
from ..train.state import seeded
from ..typing import Array
from .coder import Coder, Reconstruction, dtype_of, parameter_bytes
from .inputs import Inputs, Judge, Layout
from .scale import scaling, summarise

CELLS = 4_000_000  # numbers that are answered about at once


class Given(NamedTuple):
    """Rows that came through the door."""

    source: Source
    dtype: np.dtype[Any]  # of answers
    device: torch.device | None = None  # where answers go: a tensor's own, else arrays


class CoderEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """An abstract estimator: a final class says how its coder is built and what is minimised."""

    hidden_sizes: Any
    activation: Any
    scale: Any
    convolutional: Any
    encoder: Any
    decoder: Any
    epochs: Any
    batch_size: Any
    learning_rate: Any
    training: Any
    device: Any
    random_state: Any

    schema_: Any
    shape_: Any
    layout_: Layout
    coder_: Coder
    history_: list[dict[str, float]]

    @abstractmethod
    def _build(self) -> Coder:
        """The untrained coder for ``layout_``."""

    @abstractmethod
    def _judge(self) -> Judge:
        """The loss of a row."""

    def _objective(self, coder: Coder) -> nn.Module:
        """The module whose ``loss`` is minimised."""
        return Reconstruction(coder, self._judge(), self.gaps_)

    # The verbs.

    def fit(self, X: object, y: object = None, sample_weight: object = None, *, checkpoint: Any = None) -> Self:
        """Learn from rows X [n, d], pictures [n, c, h, w] or a table; ``y`` is ignored.

        A row of weight 2 counts as two rows. With ``checkpoint``, a folder, the state is written there as training goes
        on, and the same call later goes on from it with the same bits.
        """
        self._check()
        given = self._open(X, reset=True, weight=sample_weight)
        device = find_device(self.device)
        fabric = processes(device)
        seed = int(generator(self.random_state).integers(2**31))
        self._learn_scale(given.source)
        self._check_memory(device)
        with seeded(seed, device):
            self.coder_ = self._build().to(device)
            self._check_shapes()
            rows, held = self._rows_for_training(given.source, device, seed)
            try:
                self._train(rows, held, seed, checkpoint, fabric)
            except torch.OutOfMemoryError as error:
                raise ArgumentError(
                    f"not enough memory for batches of {self._batch_size(rows.n)} rows: {error}"
                ) from None
        return self

    def transform(self, X: object) -> Any:
        """The codes of the rows [n, k]."""
        return self._answers(X, lambda coder, cells: coder.encode(cells))

    def inverse_transform(self, X: object) -> Any:
        """The rows that codes X [n, k] stand for, in the units and form of ``fit``."""
        from sklearn.utils.validation import check_array

        check_is_fitted(self)
        where = X.device if isinstance(X, Tensor) else None
        Z = check_array(
            X.detach().cpu() if isinstance(X, Tensor) else X, dtype=[np.float64, np.float32], input_name="X"
        )
        if Z.shape[1] != self._n_features_out:
            raise ArgumentError(f"X has {Z.shape[1]} columns, but the codes have {self._n_features_out}")
        coder = self._coder(Z.dtype)
        parts = []
        with torch.no_grad():
            for z in torch.from_numpy(Z).split(self._rows_at_once()):
                parts.append(self._mean(coder, coder.decode(z.to(self._device())).to(dtype_of(coder))))
        return self._form(torch.cat(parts), Given(MemorySource(Block(0, Z)), Z.dtype, where))

    def reconstruct(self, X: object) -> Any:
        """What comes back of the rows: ``inverse_transform(transform(X))``."""
        return self._answers(X, lambda coder, cells: self._mean(coder, coder.decode(coder.encode(cells))), form=True)

    def score_samples(self, X: object) -> Any:
        """Minus the reconstruction error of each row [n]: higher is more typical."""
        judge = self._judge()
        return self._answers(X, lambda coder, cells: -judge(coder.decode(coder.encode(cells)), cells))

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(self.score_samples(X).mean())

    @property
    def _n_features_out(self) -> int:
        return int(self.code_size_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    # The door.

    def _check(self) -> None:
        check_choice(self, "scale", ["auto", "columns", "range", None])
        check_number(self, "epochs", integer=True, low=1, choices=["auto"])
        check_number(self, "batch_size", integer=True, low=1, choices=["auto"])
        check_number(self, "learning_rate", low=0, open_low=True)
        if self.training is not None and not isinstance(self.training, Training):
            raise ArgumentError(f"training must be a tacit.Training. Got {self.training!r} instead.")
        if (self.encoder is None) != (self.decoder is None):
            raise ArgumentError("encoder and decoder are given together, or neither")

    def _open(self, X: Any, *, reset: bool, weight: object = None) -> Given:
        if not reset:
            check_is_fitted(self)
        shape = None
        where = X.device if isinstance(X, Tensor) else None
        if getattr(X, "ndim", 2) == 4:
            shape = tuple(int(v) for v in X.shape[1:])
            X = X.reshape(len(X), -1)
        table = shape is None and _is_table(X)
        if reset:
            self.schema_ = None
            self.shape_ = shape
        elif shape != self.shape_ and not (shape is None and self.shape_ is not None):
            raise InputError(
                f"X holds pictures of shape {shape}, but {type(self).__name__} was fitted to {self.shape_}"
            )
        if table or (not reset and self.schema_ is not None):
            return self._open_table(X, reset, weight)
        source = self._rows(X, reset=reset, weight=weight, gaps=True, sparse=shape is None)
        first = next(source.blocks(1))
        return Given(source, first.dtype, where)

    def _open_table(self, X: Any, reset: bool, weight: object) -> Given:
        if reset:
            table = Table.read(X, weight=weight)
            self.schema_ = table.schema
            self.n_features_in_ = len(table.schema.names)
            self.feature_names_in_ = np.array(table.schema.names, dtype=object)
        else:
            table = Table.conform(X, self.schema_)
        return Given(table, np.dtype(np.float64))

    def _learn_scale(self, source: Source) -> None:
        found = summarise(source)
        levels = () if self.schema_ is None else tuple(len(c.levels) for c in self.schema_.categorical)
        gaps = () if self.shape_ is not None or self.encoder is not None else tuple(np.flatnonzero(found.gaps).tolist())
        self.layout_ = Layout(source.shape[1], levels, self.shape_, gaps)
        self.gaps_ = bool(found.gaps.any())
        first = next(source.blocks(1)).numbers
        pixels = self.shape_ is not None and isinstance(first, np.ndarray) and first.dtype == np.uint8
        self.shift_, self.scale_ = scaling(found, self.scale, self.shape_ is not None, pixels)
        self.low_, self.high_ = ((v - self.shift_) * self.scale_ for v in (found.low, found.high))
        self._check_range()

    def _check_range(self) -> None:
        """Losses that need values in [0, 1] say where they are not."""

    def _rows_for_training(self, source: Source, device: torch.device, seed: int) -> tuple[Batches, Tensors | None]:
        """The rows that are learned from, and those held out for early stopping."""
        early = self._training().early_stopping
        if not isinstance(source, MemorySource) or source.block.csr is not None:
            if early:
                raise ArgumentError("early stopping holds rows out of memory: these rows are sparse or on disk")
            return Blocks(source, lambda block: self._tensors(block, device)), None
        rows = self._tensors(source.block, device)
        order, w = source.order, source.block.weight
        if w is not None:
            order = order[w[order] > 0]
            if np.array_equal(w, np.rint(w)) and w.sum() <= 20 * len(w):  # a row of weight 2 stands there twice
                order = np.repeat(order, w[order].astype(np.int64))
            else:
                rows = rows._replace(weight=tensor((w / w[order].mean()).astype(np.float32), device))
        if not early:
            return Tensors(rows, order), None
        share = self._training().validation_fraction
        mixed = order[np.random.default_rng((seed, 1)).permutation(len(order))]
        m = math.ceil(share * len(mixed))
        if not 0 < m < len(mixed):
            raise ArgumentError(
                f"{len(mixed)} rows leave none to learn from or to hold out at validation_fraction {share}"
            )
        return Tensors(rows, np.sort(mixed[m:])), Tensors(rows, np.sort(mixed[:m]))

    def _tensors(self, block: Block, device: torch.device) -> Batch:
        x = block.numbers if isinstance(block.numbers, np.ndarray) and block.csr is None else block.x
        codes = None if block.codes is None else tensor_of_codes(block.codes, device)
        w = None if block.weight is None else tensor(block.weight.astype(np.float32), device)
        return Batch(tensor(x, device), codes, w)

    # The loop.

    def _train(self, rows: Batches, held: Tensors | None, seed: int, checkpoint: Any, fabric: Any) -> None:
        run = self._stage("train", self._objective(self.coder_), rows, held, seed, checkpoint, fabric)
        self._learned_from(run)

    def _learned_from(self, run: Run) -> None:
        self.history_, self.n_iter_, self.stopped_ = run.history, run.epochs, run.stopped
        self.coder_.eval()

    def _stage(
        self,
        name: str,
        objective: nn.Module,
        rows: Batches,
        held: Tensors | None,
        seed: int,
        checkpoint: Any,
        fabric: Any,
        epochs: int | str | None = None,
    ) -> Run:
        size = self._batch_size(rows.n)
        count = self._epochs(rows.n, size, self.epochs if epochs is None else epochs)
        training = self._training()
        objective.train()

        def step(fabric: Any) -> GradientStep:
            steps = count * math.ceil(rows.n / size)
            return GradientStep(
                objective, learning_rate=float(self.learning_rate), steps=steps, training=training, fabric=fabric
            )

        def evaluate() -> dict[str, float]:
            assert held is not None
            total = 0.0
            objective.eval()
            with torch.no_grad():
                for batch in held.batches(max(size, 1024), seed, 0):
                    total += float(objective(batch)["loss"]) * len(batch.x)
            objective.train()
            return {"validation_loss": total / held.n}

        return train(
            step,
            rows,
            epochs=count,
            batch_size=size,
            seed=seed,
            stage=name,
            training=training,
            evaluate=None if held is None else evaluate,
            checkpoint=None if checkpoint is None else Path(checkpoint),
            about={"model": type(self).__name__, "layout": str(self.layout_)},
            fabric=fabric,
        )

    def _training(self) -> Training:
        return Training() if self.training is None else self.training

    def _batch_size(self, n: int) -> int:
        """ "auto": about a tenth of the rows, 32 to 256, as a power of two."""
        if self.batch_size == "auto":
            return min(n, int(2 ** max(5, min(8, round(math.log2(max(n, 10) / 10))))))
        if self.batch_size > n:
            raise ArgumentError(f"batch_size = {self.batch_size} is more than the {n} rows there are")
        return int(self.batch_size)

    def _epochs(self, n: int, size: int, epochs: int | str) -> int:
        """ "auto": about 5,000 steps, 20 to 500 epochs."""
        if not isinstance(epochs, str):
            return int(epochs)
        return min(500, max(20, round(5000 / math.ceil(n / size))))

    # Building.

    def _widths(self) -> tuple[int, ...]:
        """The widths of the hidden layers, the code last."""
        if isinstance(self.hidden_sizes, str):
            return self._auto_widths()
        return tuple(int(w) for w in self.hidden_sizes)

    def _auto_widths(self) -> tuple[int, ...]:
        if self.layout_.shape is not None and self._convolves():
            return 32, 64, 32
        d = self.layout_.read
        if d >= 64:
            return 512, 256, 32
        return max(16, 8 * d), max(8, 4 * d), max(1, math.ceil(d / 4))

    def _convolves(self) -> bool:
        return self.layout_.shape is not None if self.convolutional == "auto" else bool(self.convolutional)

    def _check_widths(self) -> None:
        sizes = self.hidden_sizes
        if isinstance(sizes, str) and sizes == "auto":
            return
        whole = (
            isinstance(sizes, list | tuple)
            and len(sizes) > 0
            and all(isinstance(w, int | np.integer) and not isinstance(w, bool) and w >= 1 for w in sizes)
        )
        if not whole:
            raise ArgumentError(
                f"hidden_sizes of {type(self).__name__} must be 'auto' or widths >= 1, the code last, such as (512, "
                f"256, 32). Got {sizes!r} instead."
            )

    def _inputs(self) -> Inputs:
        return Inputs(self.layout_, self.shift_, self.scale_)

    def _check_memory(self, device: torch.device) -> None:
        if self.encoder is not None:
            return
        need, free = parameter_bytes(self._build), free_bytes(device)
        if need > free:
            raise ArgumentError(
                f"hidden_sizes = {self.hidden_sizes!r} needs {need / 2**30:.3g} GiB for weights, gradients and the "
                f"optimiser, and {free / 2**30:.3g} GiB are free on {device}: make the layers narrower"
            )

    def _check_shapes(self) -> None:
        """One forward pass of nothing: the widths of the user's modules, and of the code."""
        layout, device = self.layout_, next(self.coder_.parameters()).device
        codes = torch.zeros(2, len(layout.levels), dtype=torch.long, device=device) if layout.levels else None
        empty = torch.zeros(2, layout.d, device=device)
        try:
            with torch.no_grad():
                self.coder_.eval()
                z = self.coder_.encode(self.coder_.inputs.cells(Batch(empty, codes), torch.float32, False))
                out = self.coder_.decode(z)
        except (RuntimeError, ValueError) as error:
            raise ArgumentError(f"encoder and decoder do not fit rows of {layout.read} numbers: {error}") from None
        if z.ndim != 2 or out.shape != (2, layout.written):
            raise ArgumentError(
                f"encoder must give codes [b, k] and decoder {layout.written} numbers a row; for 2 rows they give "
                f"{tuple(z.shape)} and {tuple(out.shape)}"
            )
        self.code_size_ = int(z.shape[1])

    # Answers.

    def _answers(self, X: object, f: Callable[[Coder, Any], Tensor], form: bool = False) -> Any:
        """f of the coder and the cells of each row, in blocks."""
        given = self._open(X, reset=False)
        coder, device = self._coder(given.dtype), self._device()
        dtype = dtype_of(coder)
        parts: list[Tensor] = []
        with torch.no_grad():
            for block in given.source.blocks(self._rows_at_once()):
                batch = self._tensors(block, device)
                gaps = batch.x.is_floating_point() and bool(torch.isnan(batch.x.sum()))
                parts.append(f(coder, coder.inputs.cells(batch, dtype, gaps)))
        out = torch.cat(parts)
        return self._form(out, given) if form else self._array(out, given)

    def _array(self, out: Tensor, given: Given) -> Any:
        if given.device is not None:
            return out.to(given.device)
        return out.cpu().numpy().astype(given.dtype, copy=False)

    def _mean(self, coder: Coder, output: Tensor) -> Tensor:
        """The row that the decoder's output stands for, on the network's scale."""
        return output

    def _form(self, out: Tensor, given: Given) -> Any:
        """Rows [n, written] on the network's scale as the user's: array, pictures, tensor or table."""
        d, layout = self.layout_.d, self.layout_
        x = self.coder_.inputs.back(out[:, :d])
        if self.schema_ is not None:
            codes = [part.argmax(1) for part in out[:, d:].split(layout.levels, dim=1)] if layout.levels else []
            z = torch.stack(codes, dim=1).cpu().numpy() if codes else np.empty((len(x), 0), np.int32)
            return self.schema_.decode(x.double().cpu().numpy(), z)
        if layout.shape is not None:
            x = x.unflatten(1, layout.shape)
        return self._array(x, given)

    def _rows_at_once(self) -> int:
        return max(1, CELLS // max(self.layout_.written, 1024))

    def _device(self) -> torch.device:
        return self.coder_.inputs.shift.device

    def _coder(self, dtype: np.dtype[Any]) -> Coder:
        """The coder in the precision of the rows."""
        coder = self.coder_.eval()
        return copy.deepcopy(coder).double() if precision(dtype) == np.float64 else coder

    # Saving.

    def _learned(self) -> dict[str, Any]:
        learned = super()._learned()
        return learned | {"coder_": self.coder_.state_dict()} if "coder_" in learned else learned

    def _restore(self, learned: dict[str, Any]) -> None:
        weights = learned.pop("coder_", None)
        super()._restore(learned)
        if weights is not None:
            self.coder_ = self._build()
            self.coder_.load_state_dict(weights)
            self.coder_.to(find_device(self.device)).eval()


def _is_table(X: Any) -> bool:
    """Whether X has columns of its own kinds: a Table, a path, a dict, a frame that holds more than numbers."""
    if isinstance(X, Table | dict):
        return True
    if isinstance(X, str | PathLike):
        return not str(X).lower().endswith((".npy", ".npz"))
    if not (hasattr(X, "columns") or hasattr(X, "column_names")):
        return False
    import pyarrow as pa

    from ..data.frames import to_frame

    frame = to_frame(X)
    if frame is None:
        return False
    is_ = pa.types
    return not all(is_.is_integer(t) or is_.is_floating(t) or is_.is_boolean(t) for t in frame.schema.types)


def tensor_of_codes(codes: Array, device: torch.device) -> Tensor:
    """Category codes [b, c]."""
    return torch.from_numpy(np.ascontiguousarray(codes, dtype=np.int64)).to(device)


def free_bytes(device: torch.device) -> int:
    """Memory that is free on the device; on the CPU what Linux calls available."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    info = Path("/proc/meminfo")
    if not info.exists():
        return 2**62
    line = next(line for line in info.read_text().splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) * 1024
