"""Energy models: Boltzmann machines, restricted and not, belief networks, and how likely they say that rows are."""

from .bernoulli import BernoulliRBM as BernoulliRBM
from .boltzmann import BoltzmannMachine as BoltzmannMachine
from .dbn import DBN as DBN
from .likelihood import LogLikelihood as LogLikelihood
from .likelihood import LogPartition as LogPartition
from .rbm import RBM as RBM
