"""Moves for `emcee.EnsembleSampler`: the sampler stays, one line changes.

Everything that needs emcee lives in this room and nowhere else.
"""

__all__ = ["FlowMove"]

from flowmc.moves.flow_move import FlowMove
