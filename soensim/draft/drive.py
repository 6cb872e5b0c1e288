"""How strong the inputs are, and how large efficacies can be: the flux must stay within half a period of g.

year1-28 is the measure: eight lines of 0.5 I_c and 28 neurons, all with efficacies of up to 0.3 Phi_0/I_c (chosen there
on validation splits; studies/bits-and-range: twice the range costs points). The flux of n synapses of either sign grows
as sqrt(n), so more of them are made weaker by that, and fewer are left as they are.
"""

from __future__ import annotations

import math

BIAS_CURRENT, FLUX_OFFSET = 1.9, 0.15
RANGE = 0.3  # Phi_0 per I_c
LINES, DRIVE = 8, 0.5
FAN_IN = 28


def drive_high(lines: int) -> float:
    """Return the signal of a line for a data value of 1 (I_c), three digits."""
    return _short(DRIVE * math.sqrt(min(1.0, LINES / lines)))


def recurrent_range(fan_in: float) -> float:
    """Return the largest recurrent efficacy (Phi_0 per I_c), three digits, for a mean fan-in."""
    return _short(RANGE * math.sqrt(min(1.0, FAN_IN / fan_in)))


def _short(value: float) -> float:
    return float(f"{value:.3g}")
