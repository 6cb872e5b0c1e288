"""Plain results -> the table on standard output, figures, one self-contained HTML page.

Import what is needed from `text`, `figures` or `html`; the text does not load matplotlib.
"""
