"""An oracle that knows every other image so far: as a person who is half through."""

import numpy as np

KNOWS = "some"


def answer(queries, hidden, settings):
    """The class of the images of even index; -1 for the others."""
    return np.where(queries % 2 == 0, queries % settings["classes"], -1)
