"""Poisson learning: labels as sources and sinks of a graph's Laplacian (Calder et al. 2020).

L u = sum_j (y_j - mean y) delta_j, with L = D - W and one-hot labels y_j; the class of a node is
the arg-max of its row of u.

The reciprocal graph has many components, and the system has no solution unless its right-hand side
sums to 0 in each. So each component is a problem of its own: the mean is that of its own labels,
and u has the degree-weighted mean 0 in it. A class without a label in a component gets nothing
there. So where all labels are of one class, u is 0 and all nodes are of that class with probability
1, as after label propagation: no label speaks against it.

u has no scale of its own. It is divided by its mean margin, of the best class to the second, and
probabilities are the softmax of that: at that margin the odds are e to 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from wholepool.graph.conjugate_gradients import solver
from wholepool.graph.propagation import Propagation, answered, label_matrix

#: the relative residual at which conjugate gradients stop (the authors: 1e-3 too, but absolute)
TOLERANCE = 1e-3


def poisson(
    graph: sparse.csr_array,
    labeled: np.ndarray,
    labels: np.ndarray,
    classes: int,
    settings: Mapping[str, Any],
    device: str,
    degree: np.ndarray,
) -> Propagation:
    """As `propagate`, but by Poisson learning; alpha and tolerance are of no account to it.

    `degree` float64 (n,) is that of the nodes before `graph`, the adjacency, was normalized. With
    the setting `labels` class_mean, a class's column of u is divided by its number of labels, which
    is the authors' way to a uniform prior. A node of several labeled images is one source.
    """
    count, component = components(graph)
    y = label_matrix(len(component), classes, labeled, labels)
    of_class = np.maximum(y.sum(axis=0), 1)
    known = np.flatnonzero(y.any(axis=1))
    place = component[known]
    sums = indicator(place, count) @ y[known]
    y[known] -= (sums / np.maximum(np.bincount(place, minlength=count), 1)[:, None])[place]
    if settings["labels"] == "class_mean":
        y /= of_class
    scale = np.zeros((len(component), 1))
    np.power(degree[:, None], -0.5, out=scale, where=degree[:, None] > 0)
    solve = solver(graph, 1, classes, device)
    solution = solve(scale * y, TOLERANCE, settings["max_iterations"])
    u = scale * solution.x
    shares = indicator(component, count, np.maximum(degree, 0))
    total = np.asarray(shares.sum(axis=1)).reshape(-1, 1)
    u -= ((shares @ u) / np.where(total > 0, total, 1))[component]
    masses = masses_of(u, component, sums > 0)
    return answered(replace(solution, x=u), masses, labels, settings)


def components(graph: sparse.csr_array) -> tuple[int, np.ndarray]:
    """How many connected components, and each node's, int32 (n,). An edge of weight 0 is none."""
    if not graph.data.all():
        graph = graph.copy()
        graph.eliminate_zeros()
    count, component = connected_components(graph, directed=False)
    return count, component


def indicator(
    component: np.ndarray, count: int, weights: np.ndarray | None = None
) -> sparse.csr_array:
    """The matrix (count, n) that sums the rows of a component, each times its weight, or 1."""
    data = np.ones(len(component)) if weights is None else weights
    where = component, np.arange(len(component))
    return sparse.csr_array((data, where), shape=(count, len(component)))


def masses_of(
    u: np.ndarray, component: np.ndarray, seen: np.ndarray
) -> Callable[[slice], np.ndarray]:
    """exp(u / s), s the mean margin, up to a factor that makes each row's largest 1.

    0 for the classes that are not `seen` bool (components, c), where `u` (n, c) becomes -inf. The
    mean is over the nodes whose component has two classes or more.
    """
    u[~seen[component]] = -np.inf
    several = seen.sum(axis=1)[component] > 1
    mean = 0.0
    if several.any():
        best = np.partition(u[several], -2, axis=1)[:, -2:]
        mean = float((best[:, 1] - best[:, 0]).mean())

    def masses(rows: slice) -> np.ndarray:
        top = u[rows].max(axis=1, keepdims=True)
        gap = u[rows] - np.where(np.isfinite(top), top, 0)
        found: np.ndarray = np.exp(gap / (mean or 1.0))
        return found

    return masses
