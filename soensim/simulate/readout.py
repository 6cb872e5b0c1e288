"""Reading a network's states: linear scores and goodness. For numpy arrays and torch tensors."""

from __future__ import annotations

from soensim.dynamics import Array


def linear_scores(states: Array, weights: Array, mode: str) -> Array:
    """Compute W s of the final or the mean state.

    Parameters
    ----------
    states
        Shape (batch, steps, neurons), the start left out.
    weights
        Shape (classes, neurons).
    mode
        ``final`` or ``mean``.

    Returns
    -------
    Array
        Shape (batch, classes).
    """
    state = states[:, -1] if mode == "final" else states.mean(1)
    return state @ weights.T


def goodness(states: Array) -> Array:
    """Compute the mean over neurons of s^2 (Hinton 2022), shape (batch, steps), from (batch, steps, neurons)."""
    return (states * states).mean(-1)
