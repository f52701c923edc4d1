"""Deep active learning that trains on the whole pool, labeled and unlabeled.

After Siméoni, Budnik, Avrithis and Gravier, "Rethinking deep active learning: Using unlabeled
data at model training" (ICPR 2020, arXiv 1911.08177). Section and equation numbers in this
package's docstrings are that paper's.
"""

__version__ = "0.1.0"
