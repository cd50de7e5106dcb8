"""Autoencoders: a code for each row from which the row can be had back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .coder import Reconstruction
from .corruption import check_corruption, corruption
from .reconstructing import Reconstructing


@dataclass(eq=False, repr=False, kw_only=True)
class Autoencoder(Reconstructing):
    """x̃ = decoder(encoder(x)), both trained so that the mean loss L(x̃, x) over the rows is small.

    The smallest case, ``hidden_sizes=(k,)``, is z = σ(W₁x + b₁), x̃ = W₂z + b₂; with more widths there are more layers
    on both sides of a linear code z (Hinton and Salakhutdinov 2006). The loss is Σ_j (x̃_j - x_j)² over the numbers that
    are there, or their cross-entropy, plus -log softmax of each category of a table.

    Parameters
    ----------
    hidden_sizes : tuple of int or "auto"
        Widths of the layers, the code last; the decoder mirrors them. For convolutions, the numbers of channels, then
        the code. "auto" goes by the width of a row.
    activation : str or callable
        Between layers: a function of ``torch.nn.functional`` by name, or a callable.
    code_activation : str, callable or None
        Of the code; None is ``activation`` for a single layer, else linear.
    output : {"auto", "identity", "sigmoid"}
        Of the decoder; "auto" is "sigmoid" for cross-entropy, else "identity".
    loss : {"squared_error", "cross_entropy"} or callable
        Cross-entropy is for values in [0, 1]. A callable takes x̃ and x [b, d] on the network's scale and gives [b].
    tied : bool
        Let the decoder use the encoder's weights, transposed.
    convolutional : {"auto", True, False}
        "auto" and True: convolutions for pictures [n, c, h, w]; False: dense layers for them too.
    encoder, decoder : nn.Module or None
        Your own pair in place of the above: [b, d] (pictures [b, c, h, w]) to codes [b, k], and back. A copy is
        trained.
    scale : {"auto", "columns", "range", None}
        "columns" gives each column mean 0 and variance 1, "range" maps the range of all onto [0, 1], None leaves them.
        "auto" leaves values in [0, 1], maps pictures and columns of one common range, and standardises others.
    epochs, batch_size : int or "auto"
        Passes over the rows, and rows in a step; "auto" makes about 3,000 steps, 5 to 50 epochs.
    learning_rate : float
    training : Training or None
        How the loop runs beyond that: schedule, clipping, precision, early stopping, time limit, log, ...
    device : str
        "auto" takes a GPU if there is one.
    random_state : int, Generator, RandomState or None

    Attributes
    ----------
    coder_ : nn.Module
        With ``encoder`` and ``decoder``.
    code_size_ : int
        k.
    history_, n_iter_, stopped_ : list of dict, int, str
        The mean loss of each epoch, the epochs, and why it ended.
    layout_, shift_, scale_ :
        What a row holds, and x -> (x - shift) · scale.
    schema_, shape_ :
        Of a table or of pictures, else None.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.linspace(0, 3, 200)
    >>> spiral = np.column_stack([t * np.cos(t), t * np.sin(t)])
    >>> model = Autoencoder((16, 1), activation="tanh", epochs=60, learning_rate=0.02, random_state=0).fit(spiral)
    >>> model.transform(spiral).shape, bool(((model.reconstruct(spiral) - spiral) ** 2).mean() < 0.1)
    ((200, 1), True)
    """


@dataclass(eq=False, repr=False, kw_only=True)
class DenoisingAutoencoder(Reconstructing):
    """x̃ = decoder(encoder(c(x))), trained so that x̃ is near the clean x (Vincent et al. 2008).

    ``corruption`` is drawn anew for every batch: "gaussian" adds N(0, ``level``²) to each number, "masking" takes away
    a share ``level`` of the cells, "salt_and_pepper" sets such a share to the column's least or greatest value, each
    on the network's scale (pictures: [0, 1]); a callable takes and gives x [b, d]. Other parameters and attributes are
    those of ``Autoencoder``. ``denoise(X)`` mends rows that are corrupted already.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> clean = rng.normal(size=(500, 1)) @ np.ones((1, 8))
    >>> noisy = clean + rng.normal(size=clean.shape)
    >>> model = DenoisingAutoencoder((16, 4), level=1.0, scale=None, epochs=40, random_state=0).fit(clean)
    >>> bool(((model.denoise(noisy) - clean) ** 2).mean() < 0.5 * ((noisy - clean) ** 2).mean())
    True
    """

    corruption: str | Callable[[Tensor], Tensor] = "gaussian"
    level: float = 0.3

    def denoise(self, X: object) -> Any:
        """The clean rows that rows X, as they come, are likely to stem from."""
        return self.reconstruct(X)

    def _check(self) -> None:
        super()._check()
        check_corruption(self, self.corruption, self.level)

    def _objective(self) -> nn.Module:
        corrupt = corruption(self.corruption, float(self.level), self.low_, self.high_)
        return Reconstruction(self.coder_, self._judge(), self.gaps_, corrupt)
