"""What a population sends: its states, or its states divided by a measure of the whole population's activity."""

from __future__ import annotations

from typing import Literal

from soensim.dynamics.source_functions import Array

Normalisation = Literal["l2", "rms", "standardise"]

_SMALL = 1e-6  # activity (rms) far below any that matters: a silent population sends zeros, with a finite slope


def normalise(activity: Array, how: Normalisation | None) -> Array:
    """Normalise activities over the last axis, sample by sample.

    `l2` divides by the Euclidean norm (Hinton 2022, arXiv:2212.13345, section 2), `rms` by the root mean square,
    `standardise` subtracts the mean and divides by the standard deviation; None returns the activities as they are.
    No circuit is known that does this on a chip: it is virtual, as tanh is.

    Parameters
    ----------
    activity
        Shape (..., neurons or channels).
    """
    if how is None:
        return activity
    if how == "standardise":
        activity = activity - activity.mean(-1)[..., None]
    power = (activity * activity).mean(-1)[..., None]
    sent = activity / (power + _SMALL**2) ** 0.5
    return sent / activity.shape[-1] ** 0.5 if how == "l2" else sent
