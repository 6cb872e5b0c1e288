"""What a population sends: its states, or its states divided by a measure of the whole population's activity."""

from __future__ import annotations

from typing import Literal, NamedTuple

from soensim.dynamics.source_functions import Array

NormalisationKind = Literal["l2", "rms", "standardise"]

LEAST_FLOOR = 1e-6  # activity (rms) far below any that matters: a silent population sends zeros, with a finite slope


class Normalisation(NamedTuple):
    """How a population normalises what it sends, and the activity below which it does so no more.

    Attributes
    ----------
    kind
        See `normalise`.
    floor
        Root mean square (I_c) that is added in quadrature to that of the states: the gain is at most one over it. An
        ideal normaliser would amplify the flux offsets of a silent population to full activity.
    """

    kind: NormalisationKind
    floor: float = LEAST_FLOOR


def normalise(activity: Array, how: Normalisation | NormalisationKind | None) -> Array:
    """Normalise activities over the last axis, sample by sample.

    `l2` divides by the Euclidean norm (Hinton 2022, arXiv:2212.13345, section 2), `rms` by the root mean square,
    `standardise` subtracts the mean and divides by the standard deviation; None returns the activities as they are.
    No circuit is known that does this on a chip: it is virtual, as tanh is.

    Parameters
    ----------
    activity
        Shape (..., neurons or channels).
    how
        A kind alone has the least floor.
    """
    if how is None:
        return activity
    kind, floor = (how, LEAST_FLOOR) if isinstance(how, str) else how
    if kind == "standardise":
        activity = activity - activity.mean(-1)[..., None]
    power = (activity * activity).mean(-1)[..., None]
    sent = activity / (power + floor**2) ** 0.5
    return sent / activity.shape[-1] ** 0.5 if kind == "l2" else sent
