"""Netlists as YAML text: reading, writing, and errors in plain words with line and column."""
