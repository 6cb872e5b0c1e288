"""Feasibility studies: many runs of check, train and evaluate over the factors of a question, in one table."""
