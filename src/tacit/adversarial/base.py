"""What all adversarial estimators share: the door, the scale, the game that is played, the verbs."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from ..base import check_choice, check_n_samples, check_number
from ..data.source import Source
from ..errors import ArgumentError, InputError
from ..neural.architecture import check_widths
from ..neural.fitting import Plan, make_plan
from ..neural.inputs import Inputs, Layout
from ..neural.labels import check_length
from ..neural.network import Network
from ..neural.rows import Given, as_batch, check_form, is_table, training_rows, unrolled
from ..neural.scale import holds_bytes, one_range, summarise
from ..rng import generator as random_generator
from ..train import Batch, Batches, Run, Training
from ..train.device import find_device
from ..train.state import seeded
from ..typing import Array
from .codes import great_circle, nearest, noise
from .door import check_continuous, numbers
from .game import Game
from .networks import check_players, widths
from .packs import log_ratio
from .stage import play
from .step import Rows

LEAST = 10  # rows from which anything can be learned
CELLS = 4_000_000  # numbers that are answered about at once


@dataclass(eq=False, repr=False, kw_only=True)
class Adversarial(Network):
    """An abstract estimator over ``generator_`` and ``discriminator_``; a final class says what they are made of."""

    latent_dim: int | str = field(default="auto", kw_only=False)
    hidden_sizes: tuple[int, ...] | str = "auto"
    convolutional: bool | str = "auto"
    game: Game | None = None
    learning_rate: float = 3e-3
    _modules = ("generator_", "discriminator_")

    # The verbs.

    def sample(self, n_samples: int = 1, y: object = None, *, truncation: float | None = None) -> Any:
        """New rows G(z), z ~ N(0, I), in the form of ``fit``.

        With ``truncation`` ψ each z_j is drawn between -ψ and ψ: more typical rows, and less different ones. ``y`` is
        the label of a conditional model, or one for each row; labels as frequent as in ``fit`` if None.
        """
        check_is_fitted(self)
        check_n_samples(n_samples)
        if truncation is not None and not truncation > 0:
            raise ArgumentError(
                f"truncation must be a float in the range (0, inf) or None. Got {truncation!r} instead."
            )
        rng = random_generator(self.random_state)
        z = noise(rng, (n_samples, self.latent_dim_), truncation)
        return self._generate(z, *(self._told(y, n_samples) if y is not None else self._draw_labels(n_samples, rng)))

    def generate(self, Z: object, y: object = None) -> Any:
        """The rows that codes Z [n, k] stand for, in the form of ``fit``; of labels y in a conditional model."""
        z = self._codes(Z)
        return self._generate(z, *self._told(y, len(z)))

    def discriminate(self, X: object, y: object = None) -> Any:
        """p(real | x) [n], where real and generated rows are equally many: D(x), which is p / (p + q) at its best.

        A D that saw several rows at once is asked about each among generated ones: at its best its logit is the sum
        over rows of log p / q, of which the others' share is taken off.

        Raises ``ArgumentError`` where the loss makes D something else than a probability.
        """
        check_is_fitted(self)
        if not self._game().probabilities:
            raise ArgumentError(
                f"with loss={self._game().loss!r} D is no probability: take 'non_saturating' or 'minimax'"
            )
        return self._answers(X, y, lambda x, *label: torch.sigmoid(self._log_ratio(x, *label)))

    def interpolate(self, start: object = None, end: object = None, n_steps: int = 8, y: object = None) -> Any:
        """Rows on the way from codes ``start`` to ``end`` [m, k]: [m, n_steps, ...], both ends among them.

        On a great circle, where codes drawn from N(0, I) lie. A code that is not given is drawn. ``invert`` finds the
        codes of rows.
        """
        check_is_fitted(self)
        if n_steps < 2:
            raise ArgumentError(f"n_steps must be an int >= 2. Got {n_steps!r} instead.")
        a, b = (None if z is None else self._codes(z) for z in (start, end))
        m = next((len(z) for z in (a, b) if z is not None), 1)
        rng = random_generator(self.random_state)
        a, b = (noise(rng, (m, self.latent_dim_)) if z is None else z for z in (a, b))
        if len(a) != len(b):
            raise ArgumentError(f"start has {len(a)} codes, end has {len(b)}")
        ways = torch.stack([great_circle(a, b, t) for t in np.linspace(0, 1, n_steps)], dim=1)  # [m, steps, k]
        rows = self._generate(ways.flatten(0, 1), *(c.repeat_interleave(n_steps) for c in self._told(y, m)))
        return rows.reshape(m, n_steps, *rows.shape[1:])

    def invert(self, X: object, y: object = None, *, n_iter: int = 200) -> Any:
        """Codes Z [n, k] with G(z) near the rows: argmin ‖G(z) - x‖², from the best of many draws by gradient steps.

        Distances are those of the networks' scale. A row that G cannot make gets the nearest that it finds.
        """
        if n_iter < 0:
            raise ArgumentError(f"n_iter must be an int >= 0. Got {n_iter!r} instead.")
        return self._answers(X, y, lambda x, *label: nearest(self.generator_, x, self._draw(), n_iter, *label))

    # What a final class says.

    @abstractmethod
    def _untrained(self) -> tuple[nn.Module, nn.Module]:
        """The untrained generator and discriminator."""

    def _train(self, rows: Batches, plan: Plan) -> Run:
        """One stage; a final class may have several."""
        return self._stage("train", rows, plan, self._reader(), self._epochs(rows.n, self._batch_size(rows.n)))

    # Learning.

    def _fit(self, X: object, sample_weight: object, labels: Array | None, checkpoint: Any) -> Self:
        self._check()
        given = self._open(X, reset=True, weight=sample_weight, labels=labels)
        self._learn_scale(given.source, given.shape)
        self.dtype_ = given.dtype.str
        training = Training() if self.training is None else self.training
        device = find_device(self.device)
        plan = make_plan(self, checkpoint, device, layout=str(self.layout_), rules=str(self._game()))
        self.seed_ = plan.seed
        with seeded(plan.seed, device):
            self.generator_, self.discriminator_ = (m.to(device) for m in self._untrained())
            m = 2 * self._game().pack
            label = (c.to(device) for c in self._draw_labels(m, np.random.default_rng(0)))
            z = torch.zeros(m, self.latent_dim_, device=device)
            check_players(self.generator_, self.discriminator_, self.layout_, z, *label)
            rows, _ = training_rows(given.source, device, training, plan.seed, labels)
            try:
                run = self._train(rows, plan)
            except torch.OutOfMemoryError as error:
                raise ArgumentError(f"not enough memory for a batch: make batch_size smaller ({error})") from None
            finally:
                self.generator_.eval()
                self.discriminator_.eval()
        self.history_, self.n_iter_, self.stopped_ = run.history, run.epochs, run.stopped
        return self

    def _stage(
        self,
        name: str,
        rows: Batches,
        plan: Plan,
        read: Callable[[Batch], Rows],
        count: int,
        before: Callable[..., None] | None = None,
        settled: float = 0.0,
    ) -> Run:
        """``count`` epochs of the game."""
        return play(
            name,
            (self.generator_, self.discriminator_),
            self._game(),
            self.latent_dim_,
            rows,
            plan,
            read=read,
            epochs=count,
            batch_size=self._batch_size(rows.n),
            before=before,
            settled=settled,
        )

    def _game(self) -> Game:
        return Game() if self.game is None else self.game

    def _batch_size(self, n: int) -> int:
        """ "auto": 128 rows or 64 pictures, or a tenth of few rows."""
        if isinstance(self.batch_size, str):
            return min(n, max(16, min(128 if self.layout_.shape is None else 64, n // 10)))
        if self.batch_size > n:
            raise ArgumentError(f"batch_size = {self.batch_size} is more than the {n} rows there are: make it smaller")
        return int(self.batch_size)

    def _epochs(self, n: int, size: int) -> int:
        """ "auto": about 10,000 steps, 5 to 2,000 epochs."""
        if isinstance(self.epochs, str):
            return min(2000, max(5, round(10_000 / math.ceil(n / size))))
        return int(self.epochs)

    def _check(self) -> None:
        super()._check()
        check_number(self, "latent_dim", integer=True, low=1, choices=["auto"])
        check_choice(self, "convolutional", ["auto", True, False])
        check_widths(self, "from the rows on, such as (256, 128)")
        if self.game is not None and not isinstance(self.game, Game):
            raise ArgumentError(f"game must be a tacit.Game. Got {self.game!r} instead.")
        if self.training is not None and self.training.early_stopping:
            raise ArgumentError(
                "early stopping has no meaning here: the losses of a game do not say how good samples are. "
                "history_ has coverage, and the weights of the best are kept"
            )

    # The door.

    def _open(self, X: Any, *, reset: bool, weight: object = None, labels: Array | None = None) -> Given:
        if not reset:
            check_is_fitted(self)
        where = X.device if isinstance(X, Tensor) else None
        X, shape = unrolled(X)
        if not reset:
            check_form(self, shape, self.layout_.shape)
        if is_table(X):
            X = numbers(X, type(self).__name__)
        source = self._rows(X, reset=reset, weight=weight)
        if reset:
            least = max(LEAST, 2 * self._game().pack)
            if source.shape[0] < least:
                raise InputError(
                    f"Found array with {source.shape[0]} sample(s) (shape={source.shape}) while a minimum of {least} "
                    f"is required by {type(self).__name__}: so few rows say nothing of a distribution."
                )
            if labels is not None:
                check_length(labels, source.shape[0])
        return Given(source, next(source.blocks(1)).dtype, where, shape)

    def _learn_scale(self, source: Source, shape: tuple[int, int, int] | None) -> None:
        """Columns of one range, as pixels, go onto [-1, 1] and come out of a tanh; others get mean 0 and variance 1."""
        found = summarise(source)
        self.layout_ = Layout(source.shape[1], shape=shape)
        self.bounded_ = shape is not None or one_range(found)
        if self.bounded_:
            pixels = shape is not None and holds_bytes(source)
            low, high = (0.0, 255.0) if pixels else (float(found.low.min()), float(found.high.max()))
            half = (high - low) / 2 or 1.0
            self.shift_, self.scale_ = np.full(source.shape[1], low + half), np.full(source.shape[1], 1 / half)
        else:
            check_continuous(source, getattr(self, "feature_names_in_", None), type(self).__name__)
            self.shift_, self.scale_ = found.mean, 1 / found.sd
        d = self.layout_.d
        self.latent_dim_ = int(min(64, max(2, d))) if isinstance(self.latent_dim, str) else int(self.latent_dim)

    def _convolves(self) -> bool:
        if self.convolutional is True and self.layout_.shape is None:
            raise ArgumentError("convolutional=True is for pictures [n, c, h, w]; X holds rows")
        return self.layout_.shape is not None and bool(self.convolutional)

    def _widths(self) -> tuple[int, ...]:
        return widths(self.hidden_sizes, self.layout_, self._convolves())

    def _scaled(self) -> Callable[[Batch], Tensor]:
        """From a batch to rows on the networks' scale [b, d] or [b, c, h, w]."""
        inputs, shape = Inputs(self.layout_, self.shift_, self.scale_).to(self._device()), self.layout_.shape

        def scaled(batch: Batch) -> Tensor:
            x = inputs.cells(batch, torch.float32, gaps=False).x
            return x if shape is None else x.unflatten(1, shape)

        return scaled

    def _reader(self) -> Callable[[Batch], Rows]:
        """From a batch to rows on the networks' scale, drawn by their weights if they have any, and their labels."""
        scaled = self._scaled()

        def read(batch: Batch) -> Rows:
            x, label = scaled(batch), batch.y
            if batch.weight is not None:
                at = torch.multinomial(batch.weight, len(x), replacement=True)
                x, label = x[at], None if label is None else label[at]
            return x, () if label is None else (label,)

        return read

    # Answers.

    def _answers(self, X: object, y: object, f: Callable[..., Tensor]) -> Any:
        """f of rows on the networks' scale and their labels, in blocks."""
        given = self._open(X, reset=False)
        device, scaled, parts, done = self._device(), self._scaled(), [], 0
        label = self._told(y, given.source.shape[0])
        for block in given.source.blocks(self._rows_at_once()):
            x = scaled(as_batch(block, device))
            parts.append(f(x, *(c[done : done + len(x)].to(device) for c in label)).detach())
            done += len(x)
        out = torch.cat(parts)
        return out if given.device is not None else out.double().cpu().numpy().astype(given.dtype, copy=False)

    def _draw(self) -> Callable[[int], Tensor]:
        """z ~ N(0, I) [m, k], the same for every call of a verb."""
        rng = torch.Generator().manual_seed(self.seed_)
        return lambda m: torch.randn(m, self.latent_dim_, generator=rng)

    def _log_ratio(self, x: Tensor, *label: Tensor) -> Tensor:
        """log p(real | x) - log p(generated | x) [b]."""
        size = self._game().pack
        with torch.no_grad():
            if size > 1:
                return log_ratio(self.generator_, self.discriminator_, x, self._draw(), size)
            logits: Tensor = self.discriminator_(x, *label)
            return logits

    def _codes(self, Z: object) -> Tensor:
        check_is_fitted(self)
        z = Z.detach().float().cpu() if isinstance(Z, Tensor) else torch.from_numpy(np.array(Z, dtype=np.float32))
        if z.ndim != 2 or z.shape[1] != self.latent_dim_:
            raise ArgumentError(f"codes must have the shape [n, {self.latent_dim_}]. Got {tuple(z.shape)}")
        return z

    def _generate(self, z: Tensor, *label: Tensor) -> Array:
        """Codes as rows in the units and form of ``fit``."""
        device, rows = self._device(), self._rows_at_once()
        with torch.no_grad():
            parts = [self.generator_(*(v.to(device) for v in some)).cpu() for some in _split(rows, z, *label)]
        wide = torch.cat(parts).flatten(1).double().numpy() / self.scale_ + self.shift_
        x: Array = wide.astype(self.dtype_ if np.dtype(self.dtype_).kind == "f" else np.float64, copy=False)
        return x if self.layout_.shape is None else x.reshape(-1, *self.layout_.shape)

    def _told(self, y: object, n: int) -> tuple[Tensor, ...]:
        """Labels y of n rows as class numbers; () where the model knows none, and ``y`` is ignored."""
        return ()

    def _draw_labels(self, n: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """As ``_told``, of labels as frequent as in ``fit``."""
        return ()

    def _rows_at_once(self) -> int:
        return max(1, CELLS // max(self.layout_.d, 1024))

    def _device(self) -> torch.device:
        return next(self.generator_.parameters()).device


def _split(rows: int, *parts: Tensor) -> Any:
    return zip(*(part.split(rows) for part in parts))
