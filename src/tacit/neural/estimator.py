"""What all autoencoders share: the door, the scale, the coder that is built, the loop, the verbs."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor, nn

from ..base import check_choice
from ..data.block import Block, precision
from ..data.memory import MemorySource
from ..data.schema import Schema
from ..data.source import Source
from ..data.table import Table
from ..errors import ArgumentError, InputError
from ..train import Batches, Run
from ..train.device import find_device
from ..train.state import seeded
from .architecture import check_coder, check_widths, start_at, widths
from .coder import Coder, dtype_of, parameter_bytes
from .fitting import Plan, make_plan, run_stage
from .inputs import Cells, Inputs, Judge, Layout, one_hot
from .nets import Activation, check_activation
from .network import Network
from .rows import Given, as_batch, check_form, free_bytes, is_table, training_rows, unrolled
from .scale import holds_bytes, one_range, scaling, summarise

CELLS = 4_000_000  # numbers that are answered about at once


@dataclass(eq=False, repr=False, kw_only=True)
class CoderEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Network):  # type: ignore[misc]
    """An abstract estimator over ``coder_``; a final class says what the decoder writes and what is minimised."""

    hidden_sizes: tuple[int, ...] | str = field(default="auto", kw_only=False)
    activation: Activation = "relu"
    convolutional: bool | str = "auto"
    encoder: nn.Module | None = None
    decoder: nn.Module | None = None
    scale: str | None = "auto"
    _modules = ("coder_",)

    # The verbs.

    def fit(self, X: object, y: object = None, sample_weight: object = None, *, checkpoint: Any = None) -> Self:
        """Learn from rows X [n, d], pictures [n, c, h, w] or a table; ``y`` is ignored.

        A row of weight 2 counts as two rows. With ``checkpoint``, a folder, the state is written there as training goes
        on, and the same call later goes on from it with the same bits.

        Raises ``InputError`` for data that cannot be used, ``ArgumentError`` for a parameter out of range,
        ``TrainingError`` where the loss stops being a number; the estimator then holds the last good state.
        """
        given = self._begin(X, sample_weight)
        device = find_device(self.device)
        plan = make_plan(self, checkpoint, device, layout=str(self.layout_), widths=str(self._widths()))
        self.seed_ = plan.seed
        with seeded(plan.seed, device):
            self._make(device)
            rows, held = training_rows(given.source, device, plan.training, plan.seed)
            run = self._train(rows, held, plan)
        self.history_, self.n_iter_, self.stopped_ = run.history, run.epochs, run.stopped
        return self

    def _begin(self, X: object, weight: object) -> Given:
        """The rows through the door, and their scale."""
        self._check()
        given = self._open(X, reset=True, weight=weight)
        if self.convolutional is True and self.shape_ is None:
            raise ArgumentError("convolutional=True is for pictures [n, c, h, w]; X holds rows")
        self._learn_scale(given.source)
        return given

    def transform(self, X: object) -> Any:
        """The codes of the rows [n, k]."""
        return self._answers(X, lambda coder, cells, _: coder.encode(cells))

    def inverse_transform(self, X: object) -> Any:
        """The rows that codes X [n, k] stand for, in the units and form of ``fit``."""
        check_is_fitted(self)
        where = X.device if isinstance(X, Tensor) else None
        Z = check_array(
            X.detach().cpu() if isinstance(X, Tensor) else X, dtype=[np.float64, np.float32], input_name="X"
        )
        if Z.shape[1] != self.code_size_:
            raise ArgumentError(f"X has {Z.shape[1]} columns, but the codes have {self.code_size_}")
        coder, device = self._coder(Z.dtype), self._device()
        with torch.no_grad():
            parts = [
                self._mean(coder.decode(z.to(device=device, dtype=dtype_of(coder))))
                for z in torch.from_numpy(Z).split(self._rows_at_once())
            ]
        return self._form(torch.cat(parts), Given(MemorySource(Block(0, Z)), Z.dtype, where))

    def reconstruct(self, X: object) -> Any:
        """What comes back of the rows: ``inverse_transform(transform(X))``."""
        return self._answers(X, lambda coder, cells, _: self._mean(coder.decode(coder.encode(cells))), form=True)

    def impute(self, X: object, n_iter: int = 10) -> Any:
        """X with its gaps filled: each by what comes back of the row, ``n_iter`` times over; other cells stay.

        A table comes back with all its columns.
        """
        if n_iter < 1:
            raise ArgumentError(f"n_iter must be an int >= 1. Got {n_iter!r} instead.")
        given = self._open(X, reset=False)
        filled = self._answers(X, lambda coder, cells, _: self._filled(coder, cells, n_iter), form=True)
        if self.schema_ is None or not isinstance(given.source, Table):
            return filled
        frame = given.source.frame
        for name in filled.column_names:
            frame = frame.set_column(frame.column_names.index(name), name, filled[name])
        return frame

    def score_samples(self, X: object) -> Any:
        """Minus the reconstruction error of each row [n], over the cells that are there: higher is more typical."""
        judge = self._judge()
        return self._answers(X, lambda coder, cells, _: -judge(coder.decode(coder.encode(cells)), cells))

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

    # What a final class says.

    @abstractmethod
    def _build(self) -> Coder:
        """The untrained coder for ``layout_``."""

    @abstractmethod
    def _judge(self) -> Judge:
        """The loss of a row."""

    @abstractmethod
    def _link(self) -> str:
        """What makes the mean of a number of what the decoder writes: "identity" or "sigmoid"."""

    _free: ClassVar[str]  # what takes values of any range, in words

    @abstractmethod
    def _objective(self) -> nn.Module:
        """What is made small."""

    def _train(self, rows: Batches, held: Batches | None, plan: Plan) -> Run:
        return run_stage("train", self._objective(), rows, held, self.epochs, plan)

    def _check(self) -> None:
        super()._check()
        check_activation(self, "activation")
        check_widths(self)
        check_choice(self, "convolutional", ["auto", True, False])
        check_choice(self, "scale", ["auto", "columns", "range", None])
        if (self.encoder is None) != (self.decoder is None):
            raise ArgumentError("encoder and decoder are given together, or neither")

    # The door.

    def _open(self, X: Any, *, reset: bool, weight: object = None) -> Given:
        if not reset:
            check_is_fitted(self)
        where = X.device if isinstance(X, Tensor) else None
        X, shape = unrolled(X)
        if reset:
            self.schema_: Schema | None = None
            self.shape_ = shape
        else:
            check_form(self, shape, self.shape_)
        if (reset and shape is None and is_table(X)) or self.schema_ is not None:
            return Given(self._open_table(X, weight), np.dtype(np.float64))
        source = self._rows(X, reset=reset, weight=weight, gaps=True, sparse=shape is None)
        return Given(source, next(source.blocks(1)).dtype, where)

    def _open_table(self, X: Any, weight: object) -> Table:
        if self.schema_ is not None:
            return Table.conform(X, self.schema_)
        table = Table.read(X, weight=weight)
        self.schema_ = table.schema
        self.n_features_in_ = len(table.schema.names)
        self.feature_names_in_ = np.array(table.schema.names, dtype=object)
        return table

    def _learn_scale(self, source: Source) -> None:
        found = summarise(source)
        levels = () if self.schema_ is None else tuple(len(c.levels) for c in self.schema_.categorical)
        told = self.shape_ is None and self.encoder is None  # of gaps
        self.layout_ = Layout(
            source.shape[1], levels, self.shape_, tuple(np.flatnonzero(found.gaps).tolist()) if told else ()
        )
        self.gaps_ = bool(found.gaps.any())
        self.alike_ = self.shape_ is not None or one_range(found)
        pixels = self.shape_ is not None and holds_bytes(source)
        self.shift_, self.scale_ = scaling(found, self.scale, self.shape_ is not None, pixels)
        self.mean_, self.low_, self.high_ = (
            (v - self.shift_) * self.scale_ for v in (found.mean, found.low, found.high)
        )
        if self._link() == "sigmoid" and len(self.low_) and (self.low_.min() < 0 or self.high_.max() > 1):
            j = int(np.argmax((self.low_ < 0) | (self.high_ > 1)))
            name = self.schema_.numeric[j].name if self.schema_ else getattr(self, "feature_names_in_", range(j + 1))[j]
            raise InputError(
                f"cross-entropy and sigmoid outputs need values in [0, 1]; column {name!r} goes from "
                f"{found.low[j]:g} to {found.high[j]:g}: give scale='range', or {self._free}"
            )

    # Building.

    def _widths(self) -> tuple[int, ...]:
        return widths(self.hidden_sizes, self.layout_, self._convolves())

    def _convolves(self) -> bool:
        return self.layout_.shape is not None and bool(self.convolutional)

    def _inputs(self) -> Inputs:
        return Inputs(self.layout_, self.shift_, self.scale_)

    def _make(self, device: torch.device) -> None:
        """The untrained coder, whose decoder says the mean of each number."""
        self._check_memory(device)
        self.coder_ = self._build().to(device)
        if self.encoder is None:
            mean = torch.as_tensor(self.mean_)
            start_at(
                self.coder_.decoder,
                self.layout_,
                torch.logit(mean.clamp(0.01, 0.99)) if self._link() == "sigmoid" else mean,
            )
        self.code_size_ = check_coder(self.coder_, self.layout_)

    def _untrained(self) -> tuple[nn.Module, ...]:
        return (self._build(),)

    def _check_memory(self, device: torch.device) -> None:
        if self.encoder is not None:
            return
        need, free = parameter_bytes(self._build), free_bytes(device)
        if need > free:
            raise ArgumentError(
                f"hidden_sizes = {self.hidden_sizes!r} needs {need / 2**30:.3g} GiB for weights, gradients and the "
                f"optimiser, and {free / 2**30:.3g} GiB are free on {device}: make the layers narrower"
            )

    # Answers.

    def _answers(
        self, X: object, f: Callable[[Any, Cells, Block], Tensor], form: bool = False, rows: int | None = None
    ) -> Any:
        """f of the coder, the cells of each row and their block, in blocks."""
        given = self._open(X, reset=False)
        coder, device = self._coder(given.dtype), self._device()
        dtype = dtype_of(coder)
        parts: list[Tensor] = []
        with torch.no_grad():
            for block in given.source.blocks(rows or self._rows_at_once()):
                batch = as_batch(block, device)
                gaps = batch.x.is_floating_point() and bool(torch.isnan(batch.x.sum()))
                parts.append(f(coder, coder.inputs.cells(batch, dtype, gaps), block))
        out = torch.cat(parts)
        return self._form(out, given) if form else self._as_given(out, given)

    def _filled(self, coder: Coder, cells: Cells, n_iter: int) -> Tensor:
        """The cells with their gaps filled, as what a decoder would write."""
        d, levels = self.layout_.d, self.layout_.levels
        holes = None if cells.seen is None else cells.seen == 0
        now = cells
        for _ in range(n_iter):
            out = self._mean(coder.decode(coder.encode(now)))
            x = cells.x if holes is None else torch.where(holes, out[:, :d], cells.x)
            codes = cells.codes
            if codes is not None:
                best = torch.stack([part.argmax(1) for part in out[:, d:].split(levels, dim=1)], dim=1)
                codes = torch.where(codes < 0, best, codes)
            now = Cells(x, cells.seen, codes)
            if holes is None and cells.codes is None:
                break
        parts = [now.x]
        if now.codes is not None:
            parts.append(one_hot(now.codes, levels).to(now.x))
        return torch.cat(parts, dim=1)

    def _mean(self, output: Tensor) -> Tensor:
        """The row that the decoder's output stands for, on the network's scale; categories stay logits."""
        if self._link() == "identity":
            return output
        d = self.layout_.d
        return torch.cat([torch.sigmoid(output[:, :d]), output[:, d:]], dim=1)

    def _as_given(self, out: Tensor, given: Given) -> Any:
        if given.device is not None:
            return out.to(given.device, torch.float32 if given.dtype == np.float32 else torch.float64)
        return out.cpu().numpy().astype(given.dtype, copy=False)

    def _form(self, out: Tensor, given: Given) -> Any:
        """Rows [n, written] on the network's scale as the user's: array, pictures, tensor or table."""
        d, layout = self.layout_.d, self.layout_
        x = self.coder_.inputs.back(out[:, :d])
        if self.schema_ is not None:
            codes = [part.argmax(1) for part in out[:, d:].split(layout.levels, dim=1)] if layout.levels else []
            z = torch.stack(codes, dim=1).cpu().numpy() if codes else np.empty((len(x), 0), np.int32)
            return self.schema_.decode(x.double().cpu().numpy(), z)
        return self._as_given(x if layout.shape is None else x.unflatten(1, layout.shape), given)

    def _rows_at_once(self) -> int:
        return max(1, CELLS // max(self.layout_.written, 1024))

    def _device(self) -> torch.device:
        return self.coder_.inputs.shift.device

    def _coder(self, dtype: np.dtype[Any]) -> Any:
        """The coder in the precision of the rows."""
        coder = self.coder_.eval()
        return copy.deepcopy(coder).double() if precision(dtype) == np.float64 else coder
