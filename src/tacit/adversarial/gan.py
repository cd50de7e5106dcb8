"""Generative adversarial networks."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ArgumentError
from ..neural.labels import read_labels
from .base import Adversarial
from .networks import Flat, discriminator, generator
from .packs import Packed


@dataclass(eq=False, repr=False, kw_only=True)
class GAN(Adversarial):
    """A generator G that turns noise into rows and a discriminator D that tells them from real ones, playing

    min_G max_D J(G, D) = E_p[log D(x)] + E_z[log(1 - D(G(z)))] (Goodfellow et al. 2014).

    For fixed G the best D is p / (p + q), q the density of G(z), and J there is -log 4 + 2 JS(p, q): the equilibrium is
    q = p, D = 1/2, J = -log 4. A penalty on D's slopes makes the game converge there (Mescheder et al. 2018); the
    other rules are in ``Game``. There is no density: q is implicit, and ``tacit.evaluate`` judges samples.

    Parameters
    ----------
    latent_dim : int or "auto"
        Length of z; "auto" is the number of columns, 2 to 64.
    hidden_sizes : tuple of int or "auto"
        Widths of D from the rows on, of G towards them; channels of pictures.
    convolutional : bool or "auto"
        "auto" is for all pictures [n, c, h, w].
    game : Game or None
        Loss, penalty, packing, several steps of D, spectral normalisation, the average of G.
    generator, discriminator : nn.Module or None
        Your own: codes [b, k] -> rows on the networks' scale (mean 0 and variance 1; pixels in [-1, 1]), rows ->
        logits. With ``Game(pack=m)`` D is given m rows side by side, or the channels of m pictures. Copies are trained.
    epochs, batch_size : int or "auto"
        "auto" makes about 10,000 steps of 128 rows or 64 pictures.
    learning_rate, training, device, random_state
        As in ``Autoencoder``; both players have an Adam without momentum, falling to 0 as a cosine.

    Attributes
    ----------
    generator_, discriminator_ : nn.Module
        The average of G, and D.
    history_ : list of dict
        For each epoch J, mean D on real and on generated rows, the divergence that J says (for the logistic losses the
        Jensen-Shannon divergence in nats, from below), and the coverage of some rows at the last look.
    n_iter_, stopped_ : int, str
        ``stopped_`` is "collapse" or "divergence" where training ended early for that reason.
    latent_dim_, layout_, shift_, scale_, bounded_

    Raises ``InputError`` for fewer than 10 rows, gaps, and columns that hold but a few values, which D would know
    generated rows by. Warns ``CollapseWarning`` where D is never wrong for long or coverage falls; the best G is kept.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(500, 2)) * [1.0, 0.1] + [5.0, 0.0]
    >>> model = GAN(2, hidden_sizes=(32,), epochs=40, random_state=0).fit(X)
    >>> drawn = model.sample(1000)
    >>> drawn.shape, bool(abs(drawn.mean(axis=0) - [5, 0]).max() < 0.5)
    ((1000, 2), True)
    >>> model.discriminate(X[:3]).shape, model.invert(X[:3]).shape
    ((3,), (3, 2))
    """

    generator: nn.Module | None = None
    discriminator: nn.Module | None = None

    def fit(self, X: object, y: object = None, sample_weight: object = None, *, checkpoint: Any = None) -> Self:
        """Learn from rows X [n, d] or pictures [n, c, h, w]; ``y`` is ignored.

        A row of weight 2 counts as two rows. With ``checkpoint``, a folder, the state is written there as training goes
        on, and the same call later goes on from it with the same bits.
        """
        return self._fit(X, sample_weight, None, checkpoint)

    def _check(self) -> None:
        super()._check()
        for name in ("generator", "discriminator"):
            if not (getattr(self, name) is None or isinstance(getattr(self, name), nn.Module)):
                raise ArgumentError(f"{name} must be a torch nn.Module or None. Got {getattr(self, name)!r} instead.")

    def _untrained(self) -> tuple[nn.Module, nn.Module]:
        convolves, sizes, game = self._convolves(), self._widths(), self._game()
        if self.generator is not None:
            g: nn.Module = copy.deepcopy(self.generator)
        else:
            g = generator(self.layout_, self.latent_dim_, sizes, convolves, self.bounded_, 0)
        if self.discriminator is None:
            return g, discriminator(self.layout_, sizes, convolves, 0, game.pack, game.spectral_norm)
        d: nn.Module = Flat(copy.deepcopy(self.discriminator))
        return g, d if game.pack == 1 else Packed(d, game.pack)


@dataclass(eq=False, repr=False, kw_only=True)
class ConditionalGAN(Adversarial):
    """A GAN that is told labels: G(z, y) against D(x, y), with logits (w + v_y)ᵀφ(x) + c (Miyato and Koyama 2018).

    ``fit(X, y)`` needs labels y [n]; ``sample(n, y)`` draws rows of the label y, or of one label each, or of labels as
    frequent as in ``fit``. ``truncation`` trades variety for typical rows (Brock et al. 2019). The parameters are
    those of ``GAN``; ``Game(pack=...)`` is not for labels.

    Attributes
    ----------
    classes_ : array [C]
    class_frequency_ : array [C]
    The others are those of ``GAN``.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.repeat(["left", "right"], 200)
    >>> X = np.random.default_rng(0).normal(size=(400, 1)) * 0.3 + np.where(y == "left", -2, 2)[:, None]
    >>> model = ConditionalGAN(2, hidden_sizes=(32,), epochs=30, random_state=0).fit(X, y)
    >>> bool(model.sample(100, "left").mean() < 0 < model.sample(100, "right").mean())
    True
    """

    def fit(self, X: object, y: object, sample_weight: object = None, *, checkpoint: Any = None) -> Self:
        """Learn from rows X [n, d] or pictures [n, c, h, w] and their labels y [n]; else as ``GAN.fit``."""
        if self._game().pack > 1:
            raise ArgumentError("Game(pack=...) shows D rows of one distribution side by side: not with labels")
        labels = read_labels(self, y)
        self.classes_, at, counts = np.unique(labels, return_inverse=True, return_counts=True)
        self.class_frequency_ = counts / counts.sum()
        return self._fit(X, sample_weight, at, checkpoint)

    def _untrained(self) -> tuple[nn.Module, nn.Module]:
        convolves, sizes, game, classes = self._convolves(), self._widths(), self._game(), len(self.classes_)
        return (
            generator(self.layout_, self.latent_dim_, sizes, convolves, self.bounded_, classes),
            discriminator(self.layout_, sizes, convolves, classes, 1, game.spectral_norm),
        )

    def _told(self, y: object, n: int) -> tuple[Tensor, ...]:
        if y is None:
            raise ArgumentError(f"{type(self).__name__} needs a label y, or one for each row")
        labels = np.broadcast_to(np.asarray(y), (n,))
        at = np.searchsorted(self.classes_, labels).clip(max=len(self.classes_) - 1)
        strange = labels[self.classes_[at] != labels]
        if len(strange):
            known = self.classes_[:10].tolist()
            raise ArgumentError(f"there was no label {str(strange[0])!r} in fit; there are {known}")
        return (torch.from_numpy(at),)

    def _draw_labels(self, n: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        return (torch.from_numpy(rng.choice(len(self.classes_), n, p=self.class_frequency_)),)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
