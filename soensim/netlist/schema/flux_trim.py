"""Flux trims: a programmable static flux of a dendrite."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from soensim.netlist.base import Part, legal


class FluxTrim(Part):
    """A programmable flux per neuron, on top of `flux_offset`."""

    bits: Annotated[int, Field(ge=2, le=16)]
    """Number of bits; b bits give 2^b - 1 levels, symmetric about an exact zero."""
    range: Annotated[float, legal(1e-9, 100, "Phi_0", "g has the period 1")]
    """Largest trim (Phi_0)."""
