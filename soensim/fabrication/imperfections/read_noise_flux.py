"""Flux noise that is fresh for every neuron and sample."""

from __future__ import annotations

from dataclasses import dataclass

from soensim.fabrication.imperfections.base import register
from soensim.fabrication.imperfections.run_noise import RunNoise


@register
@dataclass(frozen=True)
class ReadNoiseFlux(RunNoise):
    """phi -> phi + size n, with a normal n for each neuron and input sample, held over the sample."""

    name = "read_noise_flux"
    varies = "read noise"
    unit = "Phi_0"
    description = "Gaussian flux noise, one sigma (Phi_0), fresh for every neuron and input sample"
    source = "any size: noise of bias lines and readout; that of the SQUIDs at 4 K is in their source function"
    has_flag = True
    touches = "neurons"
    field = "read_noise_flux"
