"""`ff-recurrent`: forward-forward with the label above and the image below."""

from __future__ import annotations

from soensim.training.rules.local_forward_forward import LocalForwardForward


class FFRecurrent(LocalForwardForward):
    """Recurrent forward-forward on a static image, held for several damped steps.

    s <- 0.3 s + 0.7 relu(W_up h_below + W_down h_above + b) with h normalised (the netlist's leak and normalisation);
    goodness over the middle steps (the readout's window). Hinton 2022, arXiv:2212.13345, section 5.
    The label is seen by the top population, and by the lower ones from above: a population that it does not reach is an
    error. The gradient is `LocalForwardForward`'s: no backpropagation in time or between populations; a chip could
    compute it.
    """
