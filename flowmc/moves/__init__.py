"""Moves for `emcee.EnsembleSampler`: the sampler stays, one line changes.

Everything that needs emcee lives in this room and nowhere else.
"""

__all__ = ["FlowMove", "VAEMove"]

from flowmc.moves.flow_move import FlowMove
from flowmc.moves.vae_move import VAEMove
