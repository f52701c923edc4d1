import pytest
from evidence_of_tests import PAPER

from wholepool.paper import comparison


@pytest.fixture(scope="module")
def paper():
    return comparison.read_paper(PAPER)
