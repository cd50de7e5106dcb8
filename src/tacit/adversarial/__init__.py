"""Generators that learn by a game against a discriminator."""

from .game import Game as Game
from .gan import GAN as GAN
from .gan import ConditionalGAN as ConditionalGAN
from .growing import ProgressiveGAN as ProgressiveGAN
