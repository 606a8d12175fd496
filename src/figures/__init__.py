"""Everything matplotlib. Nothing outside this folder decides how its figures are drawn."""

import os

# Before matplotlib is imported anywhere: a notebook's backend may not be installed here, and a
# matplotlibrc in someone's home may ask for LaTeX.
os.environ["MPLBACKEND"] = "agg"
os.environ["MATPLOTLIBRC"] = os.devnull
