import numpy as np
import pytest
import twins
from graphs import csr, random_graph

from wholepool.graph import conjugate_gradients
from wholepool.job.errors import UserError

pytestmark = pytest.mark.usefixtures("solver")


def solve(graph, b, alpha=0.99, tolerance=1e-6, max_iterations=100):
    return conjugate_gradients.solver(graph, alpha, b.shape[1])(b, tolerance, max_iterations)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("seed", range(3))
def test_solve_against_the_dense_inverse(seed, alpha):
    graph = random_graph(seed)
    b = np.random.default_rng(seed).normal(size=(len(graph), 4))
    found = solve(csr(graph), b, alpha, 1e-13, 2000)
    expected = twins.h(graph, b, alpha) / (1 - alpha)
    # 1e-13 amplified by the condition number, at most 199
    np.testing.assert_allclose(found.x, expected, rtol=0, atol=1e-9)
    assert found.x.dtype == np.float64


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6, 1e-10])
def test_the_stated_residual_is_the_true_one_and_within_tolerance(tolerance):
    graph = random_graph(3, sizes=(60,), isolated=4)
    b = np.random.default_rng(0).normal(size=(len(graph), 5))
    b[:, 2] *= 1e6  # the residual is relative: a column's scale is of no account
    b[:, 3] = 0
    found = solve(csr(graph), b, 0.99, tolerance, 2000)
    left = np.linalg.norm(b - (found.x - 0.99 * graph @ found.x), axis=0)
    true = np.divide(left, np.linalg.norm(b, axis=0), out=np.zeros(5), where=left > 0)
    # the recurrence drifts from the true residual by rounding only: well below 1e-12 here
    np.testing.assert_allclose(found.residuals, true, rtol=0, atol=1e-12)
    assert (found.residuals <= tolerance).all()
    assert 0 < found.iterations < 2000


def test_no_more_iterations_than_needed(solver):
    graph = random_graph(3, sizes=(40,), isolated=0)
    b = np.random.default_rng(0).normal(size=(40, 3))
    found = solve(csr(graph), b, 0.99, 1e-6, 2000)
    spare = 1 if solver == "small" else 3  # float32 aims a little beyond the tolerance
    short = solve(csr(graph), b, 0.99, 1e-6, found.iterations - spare)
    assert short.iterations == found.iterations - spare
    assert short.residuals.max() > 1e-6


def test_columns_are_independent(solver):
    graph = random_graph(1, sizes=(30, 8), isolated=2)
    rng = np.random.default_rng(2)
    b = rng.normal(size=(len(graph), 5)) * 10.0 ** np.arange(-4, 6, 2)
    b[:, 1] = 0
    b[:, 3] = np.eye(len(graph))[:, 0]  # converges at another time than the others
    together = solve(csr(graph), b, 0.99, 1e-6, 500)
    iterations = []
    for column in range(5):
        alone = solve(csr(graph), b[:, [column]], 0.99, 1e-6, 500)
        # the same recurrence; sums over one column may be taken in another order
        scale = np.abs(alone.x).max() or 1
        np.testing.assert_allclose(together.x[:, [column]] / scale, alone.x / scale, atol=1e-10)
        np.testing.assert_allclose(together.residuals[column], alone.residuals[0], rtol=1e-6)
        iterations.append(alone.iterations)
    if solver == "small":  # in the others, columns wait for each other at each refinement
        assert together.iterations == max(iterations)
    assert together.iterations >= max(iterations)
    assert len(set(iterations)) > 1


def test_zero_right_hand_side_costs_nothing():
    found = solve(csr(random_graph(0)), np.zeros((30, 2)))
    assert found.iterations == 0
    np.testing.assert_array_equal(found.x, 0)
    np.testing.assert_array_equal(found.residuals, 0)


def test_other_components_stay_exactly_zero():
    graph = random_graph(4)
    source = int(np.flatnonzero(graph.sum(axis=1))[0])
    b = np.zeros((len(graph), 1))
    b[source] = 1
    x = solve(csr(graph), b, 0.99, 1e-10, 500).x[:, 0]
    outside = sorted(set(range(len(graph))) - twins.reachable(graph, [source]))
    assert outside
    np.testing.assert_array_equal(x[outside], 0)


def test_solve_leaves_its_arguments_alone():
    graph = csr(random_graph(0))
    b = np.random.default_rng(0).normal(size=(30, 2))
    before = graph.toarray(), b.copy()
    solve(graph, b)
    np.testing.assert_array_equal(graph.toarray(), before[0])
    np.testing.assert_array_equal(b, before[1])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_breakdown_is_refused():
    """On an edge of weight 2 and at alpha 1/2 the first curvature is exactly 0."""
    graph = csr(np.array([[0.0, 2.0], [2.0, 0.0]]))
    with pytest.raises(UserError, match=r"propagation.alpha 0.5"):
        solve(graph, np.ones((2, 1)), alpha=0.5)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-11])
@pytest.mark.parametrize("seed", range(3))
def test_the_singular_system_has_the_solution_of_least_norm(seed, tolerance):
    """With alpha 1 and b orthogonal to the null space, as the pseudo-inverse has it."""
    graph = random_graph(seed)
    system = np.eye(len(graph)) - graph
    b = system @ np.random.default_rng(seed).normal(size=(len(graph), 3))
    found = solve(csr(graph), b, 1, tolerance, 300)
    assert found.residuals.max() <= tolerance
    inverse = np.linalg.pinv(system)
    exact, apart = inverse @ b, inverse @ system @ found.x
    assert np.abs(apart - exact).max() <= 100 * tolerance * np.abs(exact).max()
    assert np.abs(apart - found.x).max() <= 1e-6 * np.abs(exact).max()  # float32 in large graphs
