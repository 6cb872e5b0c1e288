"""Data of the user's own: names, labelled samples, and data sets made of them."""
