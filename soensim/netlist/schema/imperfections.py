"""How fabricated chips differ from the drawing.

Every key is an imperfection of the same name in `soensim.fabrication.imperfections`, which has its formula; comment
and range here repeat what is said there (tests/test_fabrication.py compares them).
"""

from __future__ import annotations

from typing import Annotated

from soensim.netlist.base import BelowOne, Part, as_quantity, legal


class Imperfections(Part):
    """Spreads (one sigma) between fabricated chips, and read noise; absent ones come from the technology."""

    efficacy_spread: Annotated[float, as_quantity("efficacy_spread")] | None = None
    """Spread of efficacies, one sigma (relative)."""
    gamma_minus_spread: Annotated[float, as_quantity("gamma_minus_spread")] | None = None
    """Spread of leaks, one sigma (relative)."""
    bias_current_spread: Annotated[float, as_quantity("bias_current_spread")] | None = None
    """Spread of bias currents, one sigma (relative)."""
    flux_offset_spread: Annotated[float, as_quantity("flux_offset_spread")] | None = None
    """Spread of static flux, one sigma (Phi_0)."""
    read_noise_flux: Annotated[
        float, legal(0, 1, "Phi_0", "one sigma; beyond a period of g all is chance", zero=True)
    ] = 0.0
    """Gaussian flux noise, one sigma (Phi_0), fresh for every neuron and input sample."""
    drop_synapses: BelowOne = 0.0
    """Fraction of the synapses that are dead in the mean, their efficacy zero."""
    delay_spread: Annotated[float, legal(0, 1, "relative", "one sigma of all delays together", zero=True)] = 0.0
    """Spread of the factor that all delays of a chip share, one sigma (relative)."""
