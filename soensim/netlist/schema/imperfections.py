"""How fabricated chips differ from the drawing.

Every key is an imperfection of the same name in `soensim.fabrication.imperfections`, which has its formula; comment
and range here repeat what is said there (tests/test_fabrication.py compares them).
"""

from __future__ import annotations

from soensim.netlist.base import BelowOne, NotNegative, Part


class Imperfections(Part):
    """Spreads (one sigma) between fabricated chips, and read noise; absent ones come from the technology."""

    efficacy_spread: NotNegative | None = None
    """Spread of efficacies, one sigma (relative)."""
    gamma_minus_spread: NotNegative | None = None
    """Spread of leaks, one sigma (relative)."""
    bias_current_spread: NotNegative | None = None
    """Spread of bias currents, one sigma (relative)."""
    flux_offset_spread: NotNegative | None = None
    """Spread of static flux, one sigma (Phi_0)."""
    read_noise_flux: NotNegative = 0.0
    """Gaussian flux noise, one sigma (Phi_0), fresh for every neuron and input sample."""
    drop_synapses: BelowOne = 0.0
    """Fraction of the synapses that are dead in the mean, their efficacy zero."""
    delay_spread: NotNegative = 0.0
    """Spread of the factor that all delays of a chip share, one sigma (relative)."""
