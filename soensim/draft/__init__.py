"""A first netlist from a few wishes: every other number is chosen by a rule of the physics, and said in a comment."""

from soensim.draft.chip import Draft, draft_chip
from soensim.draft.topology import TOPOLOGIES
from soensim.draft.wish import Wish

__all__ = ["TOPOLOGIES", "Draft", "Wish", "draft_chip"]
