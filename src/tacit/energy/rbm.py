"""Restricted Boltzmann machines over binary, Gaussian, count and categorical columns."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..base import Estimator, check_choice, check_number
from ..data.block import Block
from ..data.source import Source
from ..data.table import Table
from ..errors import ArgumentError, DataNotice, InputError
from ..neural.fitting import batch_size
from ..neural.rows import Given, as_batch, is_table, training_rows, unrolled
from ..neural.scale import summarise
from ..rng import generator
from ..train import Batch, Training, train
from ..train.device import find_device
from ..train.state import seeded
from ..typing import Array, Seed
from .chains import fantasies, fill
from .columns import States, choose, gaps
from .draws import Draws, calm
from .likelihood import LogLikelihood, LogPartition, base_rates, log_partition
from .machine import Machine
from .step import ContrastiveStep, Rule, falling, passes
from .units import Binary, Layer, Rectified, unit_gaussian
from .watch import Watch, every, watched

CELLS = 4_000_000  # numbers that are answered about at once
TEMPERED = 2**16  # weights of a machine whose chains may have many temperatures
WIDE = 5.0  # nats between the ends of a bracket that are worth a warning


class RBM(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """A restricted Boltzmann machine: p(v, h) = e^{-E(v, h)} / Z with E(v, h) = -hᵀWv - bᵀv - cᵀh.

    That is for binary units; a column may also be Gaussian (+ λv²/2, told with mean 0 and variance 1), a count
    (+ log v!) or a category (one-hot), side by side. Hidden units are binary, rectified (h ≥ 0, + h²/2) or
    Gaussian (+ h²/2).

    Parameters
    ----------
    n_components : int
        Hidden units.
    visible : "auto", "binary", "gaussian", "count", a list of these or a dict from column name to one
        Kinds of the columns of numbers. "auto": columns within [0, 1] or of one common range (pixels) are binary, the
        range mapped onto [0, 1]; others are Gaussian. Categories of a table are categorical units. Values between 0
        and 1 of a binary column are taken for probabilities.
    hidden : {"binary", "rectified", "gaussian"}
    method : {"auto", "pcd", "cd", "pt", "exact"}
        Where the model's half of the gradient comes from: persistent chains (Tieleman 2008), ``k`` Gibbs steps from the
        rows (Hinton 2002), chains at ``n_temperatures`` (Desjardins et al. 2010), or enumeration of the smaller layer.
        "auto": "pt" for up to 65,536 weights between binary units, where it costs little, else "pcd": chains of one
        temperature stay behind where a few rows are far apart.
    k : int
        Gibbs steps an update.
    learning_rate : float or "auto"
        Falls to 0 as a cosine unless ``training`` says otherwise. "auto": 0.1, a tenth of it where columns or hidden
        units have no bound.
    momentum, weight_decay : float
    sparsity_target, sparsity_cost : float or None, float
        The share of rows for which a hidden unit should be on, and how hard it is pulled there.
    centering : bool
        Learn with the running means of v and h subtracted (Melchior et al. 2016).
    learn_variance : bool
        Learn the precision λ of Gaussian columns; else 1 on the scale of the machine.
    resample : bool
        Draw binary values anew from their probabilities in every update.
    n_chains : int or None
        Persistent chains; as many as there are rows in a batch if None.
    batch_size, n_iter : int or "auto"
        Rows in an update, and passes over the rows; "auto" makes about 10,000 updates.
    track : int or None
        Every so many passes, estimate the log-likelihood of (1000 of) the rows: ``history_`` has it with its bracket.
    training : Training or None
        Schedule, time limit, log, callbacks, early stopping on the likelihood of held-out rows, ...
    device : str
        "auto" takes a GPU if there is one.
    random_state : int, Generator, RandomState or None

    Attributes
    ----------
    components_ : array [m, d]
        W.
    intercept_hidden_, intercept_visible_ : array [m], [d]
        c and b.
    log_precision_ : array [number of Gaussian columns]
        log λ.
    columns_ : Columns
        The kind, shift and scale of each column; d counts a category once for each level.
    history_, n_iter_, stopped_ : list of dict, int, str
        For each pass the free-energy gap F(rows) - F(model's) and the root mean square weight.
    log_partition_ : LogPartition
        log Z with its bracket, once it was asked for.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.repeat([[0, 0, 1, 1], [1, 1, 0, 0]], 50, axis=0)
    >>> model = RBM(4, n_iter=300, random_state=0).fit(X)
    >>> bool(model.log_likelihood(X).mean > 2 * np.log(0.5))
    True
    >>> model.condition([[np.nan, 0, 1, np.nan]], mean=False)
    array([[0., 0., 1., 1.]])
    """

    # Set by a DBN while it learns a layer above others.
    _under: tuple[Array, Array, Array] | None = None  # W [m, d], b [d], c [m] of the layer below
    _drawn: Any = None  # in place of the rows: batches of what the layers below tell, drawn anew in every pass

    def __init__(
        self,
        n_components: int = 256,
        *,
        visible: str | Sequence[str] | Mapping[str, str] = "auto",
        hidden: str = "binary",
        method: str = "auto",
        k: int = 1,
        learning_rate: float | str = "auto",
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        sparsity_target: float | None = None,
        sparsity_cost: float = 0.1,
        centering: bool = True,
        learn_variance: bool = False,
        resample: bool = False,
        n_chains: int | None = None,
        n_temperatures: int = 10,
        batch_size: int | str = "auto",
        n_iter: int | str = "auto",
        track: int | None = None,
        training: Training | None = None,
        device: str = "auto",
        random_state: Seed = None,
    ) -> None:
        self.n_components = n_components
        self.visible = visible
        self.hidden = hidden
        self.method = method
        self.k = k
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.sparsity_target = sparsity_target
        self.sparsity_cost = sparsity_cost
        self.centering = centering
        self.learn_variance = learn_variance
        self.resample = resample
        self.n_chains = n_chains
        self.n_temperatures = n_temperatures
        self.batch_size = batch_size
        self.n_iter = n_iter
        self.track = track
        self.training = training
        self.device = device
        self.random_state = random_state

    # Learning.

    def fit(self, X: object, y: object = None, sample_weight: object = None, *, checkpoint: Any = None) -> Self:
        """Learn from rows X [n, d], pictures [n, c, h, w] or a table; ``y`` is ignored.

        A row of weight 2 counts as two rows; a gap is filled anew by the machine in each update. With ``checkpoint``, a
        folder, the same call later goes on from the state that is there.

        Raises ``InputError`` for data that cannot be used, ``ArgumentError`` for a parameter out of range,
        ``TrainingError`` where learning diverges; the estimator then holds the last good state.
        """
        self._check()
        given = self._open(X, reset=True, weight=sample_weight)
        self._learn_columns(given.source)
        training = Training() if self.training is None else self.training
        device = find_device(self.device)
        self.seed_ = int(generator(self.random_state).integers(2**31))
        self.__dict__.pop("log_partition_", None)
        with seeded(self.seed_, device), self._calm(self.batch_size):
            learned, others = training_rows(given.source, device, training, self.seed_)
            held = None if others is None else States(others, self.columns_)
            rows = States(learned, self.columns_) if held is not None or self._drawn is None else self._drawn
            size = batch_size(self.batch_size, rows.n)
            count = passes(self.n_iter, rows.n, size)
            self._start()
            rate = falling(self._rate(), training.schedule, count * math.ceil(rows.n / size))
            step = self._step(device, rate, size, rows.whole)
            watch = Watch(step, self.columns_)
            track = None
            if held is not None or self.track is not None:
                judged = held if held is not None else rows
                track = every(self.track or 1, lambda: self._tracked(step, judged))
            try:
                run = train(
                    lambda _: step,
                    rows,
                    epochs=count,
                    batch_size=size,
                    seed=self.seed_,
                    training=watched(training, watch),
                    evaluate=track,
                    checkpoint=None if checkpoint is None else Path(checkpoint),
                    about={"model": type(self).__name__, "columns": str(self.columns_), "rule": str(self._rule())},
                )
            finally:
                self._take(step)
        self.history_, self.n_iter_, self.stopped_ = run.history, run.epochs, run.stopped
        return self

    def _rule(self) -> Rule:
        return Rule(
            self._method(), self.k, self.momentum, self.weight_decay, 0.01 if self.centering else 0.0,
            self.sparsity_target, self.sparsity_cost, self.learn_variance, temperatures=self.n_temperatures,
        )  # fmt: skip

    def _method(self) -> str:
        if self.method != "auto":
            return self.method
        binary = self.hidden == "binary" and self.columns_.sizes[0] == len(self.base_rate_)
        return "pt" if binary and self.n_components * len(self.base_rate_) <= TEMPERED else "pcd"

    def _rate(self) -> float:
        if not isinstance(self.learning_rate, str):
            return float(self.learning_rate)
        bounded = self.hidden == "binary" and not (self.columns_.sizes[1] or self.columns_.sizes[2])
        return 0.1 if bounded else 0.01

    def _start(self) -> None:
        """Small weights, and visible biases at the means; over another machine (``_under``) that machine turned over.

        Units without a bound couple the columns by WᵀW, which grows with their number.
        """
        d, rng = len(self.base_rate_), np.random.default_rng(self.seed_)
        size = 0.5 / math.sqrt(d if self.hidden == "binary" else d * self.n_components)
        self.components_ = rng.normal(0, size, (self.n_components, d)).astype(np.float32)
        self.intercept_visible_ = self.base_rate_.copy()
        self.intercept_hidden_ = np.zeros(self.n_components, np.float32)
        self.log_precision_ = np.zeros(self.columns_.sizes[1], np.float32)
        if self._under is not None:
            W, b, c = self._under
            self.components_ *= 0.1  # of the others, nearly silent
            self.components_[: len(b)] = W.T
            self.intercept_visible_, self.intercept_hidden_[: len(b)] = c.copy(), b

    def _step(self, device: torch.device, rate: Any, size: int, whole: bool) -> ContrastiveStep:
        machine = self._machine(device, learn=True)
        start = torch.from_numpy(self.base_rate_).to(device)
        return ContrastiveStep(
            machine, self._reader(machine, whole), self._rule(), rate, start, self.seed_, self.n_chains or size
        )

    def _reader(self, machine: Machine, whole: bool) -> Callable[[Batch, Draws], Tensor]:
        """States of a batch: binary values drawn anew if so asked, gaps filled by the machine (``whole``: none)."""
        binary, resample = self.columns_.sizes[0], self.resample

        def read(batch: Batch, draws: Draws) -> Tensor:
            v, holes = (batch.x, None) if whole else gaps(batch.x)
            if resample and binary:
                drawn = draws.bernoulli(v[:, :binary])
                v = drawn if binary == v.shape[1] else torch.cat([drawn, v[:, binary:]], dim=1)
            return v if holes is None else fill(machine, draws, v, holes, 2)

        return read

    def _take(self, step: ContrastiveStep) -> None:
        """What the step has learned."""
        W, b, c = (p.cpu().numpy().copy() for p in step.machine[2:])
        self.components_, self.intercept_visible_, self.intercept_hidden_ = W, b, c
        if self.columns_.sizes[1]:
            from .machine import gaussian_part

            part = gaussian_part(step.machine.visible)
            assert part is not None
            self.log_precision_ = part[0].log_precision.cpu().numpy().copy()

    def _tracked(self, step: ContrastiveStep, rows: Any) -> dict[str, float]:
        """Minus the log-likelihood of some rows, in nats a row, with its bracket."""
        batch = next(iter(rows.batches(min(1000, rows.n), 0, 0)))
        v = step.read(batch, Draws(self.seed_))
        z = log_partition(step.machine, step.start, betas=1000, chains=50, seed=self.seed_, rows=v[:50])
        mass = float(step.machine.log_mass(v).mean()) + self._jacobian()
        return {"nll": z.value - mass, "nll_low": z.low - mass, "nll_high": z.high - mass}

    # The verbs.

    def transform(self, X: object) -> Any:
        """E[h | v] [n, m]: for binary units the probability of being on."""
        return self._answers(X, lambda machine, v, _: machine.mean_hidden(v))

    def reconstruct(self, X: object) -> Any:
        """E[v | h = E[h | v]] of the rows, in the units and form of ``fit``."""
        return self._answers(X, lambda machine, v, _: machine.mean_visible(machine.mean_hidden(v)), form=True)

    def inverse_transform(self, X: object) -> Any:
        """E[v | h] for hidden states X [n, m], in the form of ``fit``."""
        check_is_fitted(self)
        machine = self._machine(find_device(self.device))
        h = torch.as_tensor(np.asarray(X, dtype=np.float32)).to(machine.W)
        if h.ndim != 2 or h.shape[1] != self.n_components:
            raise ArgumentError(f"X has shape {tuple(h.shape)}, but there are {self.n_components} hidden units")
        return self._form(machine.mean_visible(h), np.dtype(np.float64))

    def gibbs(self, X: object, k: int = 1) -> Any:
        """Where chains from the rows are after ``k`` steps, in the form of ``fit``."""
        draws = Draws(self._fresh_seed())
        return self._answers(X, lambda machine, v, _: machine.chain(draws, v, k), form=True)

    def sample(self, n_samples: int = 1, *, n_steps: int = 2000, mean: bool = False) -> Any:
        """New rows in the form of ``fit``; with ``mean``, E[v | h] of the last step in place of a draw.

        Independent and exact where a layer has at most 2^16 states; else each row comes up a ladder of temperatures of
        ``n_steps`` rungs from independent units (Neal 2001) and makes a tenth as many steps at the top.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ArgumentError(
                f"Invalid value for 'n_samples': {n_samples}. The sampling requires at least one sample."
            )
        machine, draws = self._machine(find_device(self.device)), Draws(self._fresh_seed())
        with self._calm(n_samples):
            v = fantasies(machine, self._base(machine), n_samples, n_steps, draws)
        return self._form(machine.mean_visible(machine.mean_hidden(v)) if mean else v, np.dtype(np.float64))

    def condition(self, X: object, *, n_steps: int = 200, n_chains: int = 10, mean: bool = True) -> Any:
        """Rows with their gaps filled given the other cells, which stay: Gibbs chains clamped to what is known.

        With ``mean``, E[gap | known], over the later half of ``n_chains`` chains (of a category the most probable
        level); without, one draw.
        """
        if n_steps < 1 or n_chains < 1:
            raise ArgumentError("n_steps and n_chains must be ints >= 1")
        draws, given = Draws(self._fresh_seed()), self._open(X, reset=False)

        def filled(machine: Machine, v: Tensor, holes: Tensor | None) -> Tensor:
            if holes is None:
                return v
            some = torch.where(holes, machine.visible.mean(self._base(machine)[None]), v)
            if not mean:
                return fill(machine, draws, some, holes, n_steps)
            many, known = some.repeat(n_chains, 1), holes.repeat(n_chains, 1)
            total = torch.zeros_like(many)
            for i in range(n_steps):
                h = machine.hidden.sample(draws, machine.up(many), machine.c)
                told = machine.down(h)
                if i >= n_steps // 2:
                    total += machine.visible.mean(told, machine.b)
                many = torch.where(known, machine.visible.sample(draws, told, machine.b), many)
            means = (total / (n_steps - n_steps // 2)).view(n_chains, *v.shape).mean(0)
            return torch.where(holes, means, v)

        out = self._answers(X, filled, form=True, rows=max(1, self._rows_at_once() // n_chains))
        if self.schema_ is None or not isinstance(given.source, Table):
            return out
        frame = given.source.frame
        for name in out.column_names:
            frame = frame.set_column(frame.column_names.index(name), name, out[name])
        return frame

    def impute(self, X: object) -> Any:
        """``condition`` with its defaults: every gap by its mean given the cells that are there."""
        return self.condition(X)

    def free_energy(self, X: object) -> Any:
        """F(v) = -log Σ_h e^{-E(v, h)} [n]."""
        return self._answers(X, lambda machine, v, _: -machine.log_mass(v))

    def score_samples(self, X: object) -> Any:
        """log p(v) [n] in the units of the columns: -F(v) - log Z, log Z once estimated (``log_partition_``).

        Gaps are filled by the machine first.
        """
        check_is_fitted(self)
        shift = self._jacobian() - self._log_partition().value
        return self._answers(X, lambda machine, v, _: machine.log_mass(v) + shift)

    def score(self, X: object, y: object = None) -> float:
        """The mean of ``score_samples``."""
        return float(np.mean(self.score_samples(X)))

    def log_likelihood(
        self,
        X: object,
        method: str = "auto",
        *,
        n_chains: int = 100,
        ladder: int | Sequence[float] = 5000,
        n_rows: int = 100,
        known: LogPartition | None = None,
    ) -> LogLikelihood:
        """Nats a row of rows X: (mean, low, high), the best estimate and its bracket.

        "exact" goes through all states of the smaller layer; "ais" anneals ``n_chains`` up a ladder of so many rungs
        for the estimate and the upper end, and down again for the lower one: from exact samples of a small machine,
        else from ``n_rows`` of the rows (RAISE: Burda et al. 2015). "auto" is exact up to 2^16 states. ``known`` gives
        log Z where it was found before.

        Warns where the bracket is wider than 5 nats.
        """
        check_is_fitted(self)
        if method not in ("auto", "exact", "ais"):
            raise ArgumentError(f"method must be 'auto', 'exact' or 'ais'. Got {method!r} instead.")
        mass = np.asarray(-self.free_energy(X), dtype=np.float64)
        machine = self._machine(find_device(self.device))
        rows = self._states(X, n_rows)
        with self._calm(n_chains):
            z = known or log_partition(
                machine,
                self._base(machine),
                method=method,
                chains=n_chains,
                betas=ladder if isinstance(ladder, int) else np.asarray(ladder),
                seed=self.seed_,
                rows=rows,
            )
        mean = float(mass.mean()) + self._jacobian()
        found = LogLikelihood(mean - z.value, mean - z.high, mean - z.low)
        if found.high - found.low > WIDE:
            warnings.warn(
                f"log Z lies between {z.low:.1f} and {z.high:.1f}: a longer ladder narrows it", DataNotice, stacklevel=2
            )
        return found

    @property
    def _n_features_out(self) -> int:
        return int(self.n_components)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    # The door.

    def _check(self) -> None:
        check_number(self, "n_components", integer=True, low=1)
        check_choice(self, "hidden", ["binary", "rectified", "gaussian"])
        check_choice(self, "method", ["auto", "pcd", "cd", "pt", "exact"])
        check_number(self, "k", integer=True, low=1)
        check_number(self, "learning_rate", low=0, open_low=True, choices=["auto"])
        check_number(self, "momentum", low=0, high=1)
        check_number(self, "weight_decay", low=0)
        if self.sparsity_target is not None:
            check_number(self, "sparsity_target", low=0, high=1)
        check_number(self, "sparsity_cost", low=0)
        check_number(self, "n_temperatures", integer=True, low=2)
        check_number(self, "batch_size", integer=True, low=1, choices=["auto"])
        check_number(self, "n_iter", integer=True, low=1, choices=["auto"])
        check_number(self, "n_chains", integer=True, low=1, choices=[None])
        check_number(self, "track", integer=True, low=1, choices=[None])
        if self.training is not None and not isinstance(self.training, Training):
            raise ArgumentError(f"training must be a tacit.Training. Got {self.training!r} instead.")
        if self.training is not None and self.training.schedule not in ("cosine", None):
            raise ArgumentError('the schedule of an energy model is "cosine" or None')

    def _open(self, X: Any, *, reset: bool, weight: object = None) -> Given:
        if not reset:
            check_is_fitted(self)
        X, shape = unrolled(X)
        if reset:
            self.schema_, self.shape_ = None, shape
        elif shape != self.shape_ and shape is not None:
            raise InputError(f"X holds pictures of shape {shape}; {type(self).__name__} was fitted to {self.shape_}")
        if (reset and shape is None and is_table(X)) or self.schema_ is not None:
            if not reset:
                return Given(Table.conform(X, self.schema_), np.dtype(np.float64))
            table = Table.read(X, weight=weight)
            self.schema_ = table.schema
            self.n_features_in_ = len(table.schema.names)
            self.feature_names_in_ = np.array(table.schema.names, dtype=object)
            return Given(table, np.dtype(np.float64))
        source = self._rows(X, reset=reset, weight=weight, gaps=True, sparse=shape is None)
        return Given(source, next(source.blocks(1)).dtype)

    def _learn_columns(self, source: Source) -> None:
        found = summarise(source)
        names = [str(c) for c in getattr(self, "feature_names_in_", range(source.shape[1]))]
        levels: tuple[int, ...] = ()
        if self.schema_ is not None:
            names = [c.name for c in (*self.schema_.numeric, *self.schema_.categorical)]
            levels = tuple(len(c.levels) for c in self.schema_.categorical)
        first = next(source.blocks(1)).numbers
        pixels = self.shape_ is not None and isinstance(first, np.ndarray) and first.dtype == np.uint8
        self.columns_ = choose(found, self.visible, tuple(names), levels, pixels)
        if self.hidden != "binary" and self.columns_.sizes[2]:
            raise ArgumentError(f"{self.hidden} hidden units on counts have no finite Z: take hidden='binary'")
        self.base_rate_ = base_rates(
            self._means(source), self.columns_.layer(torch.zeros(self.columns_.sizes[1]))
        ).numpy()

    def _means(self, source: Source) -> Array:
        """The mean state of each unit over the cells that are there."""

        def sums(block: Block) -> Array:
            v, holes = gaps(self.columns_.states(as_batch(block, torch.device("cpu"))))
            w = torch.from_numpy(block.w)[:, None]
            seen = w.expand(v.shape) if holes is None else w * ~holes
            out: Array = torch.stack([(seen * v).sum(0), seen.sum(0)]).numpy()
            return out

        total, weight = source.reduce(sums, rows=max(1, CELLS // max(source.shape[1], 1)))
        mean: Array = total / np.maximum(weight, 1e-300)
        return mean

    # Answers.

    def _machine(self, device: torch.device, learn: bool = False) -> Machine:
        """To be looked at; or to ``learn``: copies, W by columns, as two products of three in an update like it."""
        how: Any = {"order": "F", "copy": True} if learn else {"order": "C", "copy": None}
        W, b, c, p = (
            torch.from_numpy(np.array(a, dtype=np.float32, **how)).to(device)
            for a in (self.components_, self.intercept_visible_, self.intercept_hidden_, self.log_precision_)
        )
        hidden: Layer = {"binary": Binary, "rectified": Rectified}.get(self.hidden, unit_gaussian)(len(c))
        return Machine(self.columns_.layer(p), hidden, W, b, c)

    def _base(self, machine: Machine) -> Tensor:
        return torch.from_numpy(self.base_rate_).to(machine.W)

    def _answers(self, X: object, f: Any, form: bool = False, rows: int | None = None) -> Any:
        """f(machine, states, gaps) of the rows, in blocks."""
        given = self._open(X, reset=False)
        device = find_device(self.device)
        machine = self._machine(device)
        draws, parts = Draws(self.seed_), []
        clamped = f.__name__ == "filled"
        for block in given.source.blocks(rows or self._rows_at_once()):
            v, holes = gaps(self.columns_.states(as_batch(block, device)))
            if holes is not None and not clamped:
                v = fill(
                    machine, draws, torch.where(holes, machine.visible.mean(self._base(machine)[None]), v), holes, 20
                )
            parts.append(f(machine, v, holes).cpu())
        out = torch.cat(parts)
        return self._form(out, given.dtype) if form else out.numpy().astype(given.dtype, copy=False)

    def _states(self, X: object, most: int) -> Tensor:
        """The states of some rows, spread over all of them."""
        given = self._open(X, reset=False)
        n = given.source.shape[0]
        device = find_device(self.device)
        some = np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))
        v, holes = gaps(self.columns_.states(as_batch(given.source.take(some), device)))
        return v if holes is None else fill(self._machine(device), Draws(self.seed_), v, holes, 20)

    def _form(self, v: Tensor, dtype: Any) -> Any:
        """States as rows in the user's form."""
        x, z = self.columns_.decode(v)
        if self.schema_ is not None:
            return self.schema_.decode(x, z)
        x = x.astype(dtype, copy=False)
        return x if self.shape_ is None else x.reshape(-1, *self.shape_)

    def _rows_at_once(self) -> int:
        return max(1, CELLS // max(len(self.base_rate_), self.n_components))

    def _log_partition(self) -> LogPartition:
        if not hasattr(self, "log_partition_"):
            machine = self._machine(find_device(self.device))
            with self._calm(100):
                self.log_partition_ = log_partition(machine, self._base(machine), seed=self.seed_)
        return self.log_partition_

    def _jacobian(self) -> float:
        return float(self.columns_.widths.sum())

    def _calm(self, rows: int | str) -> Any:
        return calm(float(self.n_components) * len(self.base_rate_) * (64 if isinstance(rows, str) else rows))

    def _fresh_seed(self) -> int:
        return int(generator(self.random_state).integers(2**31))
