"""The picture of gan.md: digits drawn by four generators, as ``reproductions.adversarial.digits`` left them.

python docs/images/digits.py [build/reproductions]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

HERE = Path(__file__).parent
NAMES = {"gan": "GAN", "rbm": "RBM", "vae": "VAE", "gmm": "Gaussian mixture"}
ROWS, ACROSS, SIDE, EDGE = 6, 10, 28, 12


def main(folder: str = "build/reproductions") -> None:
    """Write ``digits.png``."""
    wide, high = ACROSS * SIDE, ROWS * SIDE
    board = Image.new("L", (4 * wide + 5 * EDGE, high + EDGE + 26), 255)
    font = ImageFont.load_default(14)
    for i, (name, title) in enumerate(NAMES.items()):
        drawn = np.load(Path(folder) / f"digits-{name}.npy")[: ROWS * ACROSS].astype(np.float32).clip(0, 1)
        sheet = drawn.reshape(ROWS, ACROSS, SIDE, SIDE).swapaxes(1, 2).reshape(high, wide)
        left = EDGE + i * (wide + EDGE)
        board.paste(Image.fromarray((255 * (1 - sheet)).astype(np.uint8)), (left, 26))
        ImageDraw.Draw(board).text((left, 5), title, fill=68, font=font)
    board.save(HERE / "digits.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
