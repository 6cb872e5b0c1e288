"""The cheapest chip that meets a requirement: excluded by its budget, trained by halves, proved on test chips."""
