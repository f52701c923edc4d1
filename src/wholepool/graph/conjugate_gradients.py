"""Conjugate gradients for many right-hand sides at once on a graph (Hestenes and Stiefel 1952).

The system of label propagation, (I - alpha G) x = b, with the normalized adjacency G; with alpha 1
that of Poisson learning. All columns share each product with G, so G is read once per iteration,
not once per class.

Small systems are solved by SciPy in float64. Large ones are solved in float32, on a CPU or a GPU;
then the residual is computed in float64, and where it is above the tolerance, the rest is solved
for again (iterative refinement: Wilkinson 1963). If the columns would not fit the CPU's cache,
nodes are put in an order in which neighbors stand together (reverse Cuthill-McKee).
"""

import functools
import itertools
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import reverse_cuthill_mckee

from wholepool.job.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

#: an x of fewer numbers is solved for by SciPy. At 10,000 nodes and 10 columns it takes .10 s where
#: torch takes .04 s (one core of an AMD EPYC, 2026-11-30); importing torch takes .8 s
SMALL = 150_000
COLUMNS = 16  # products gather rows of this many numbers best: columns are filled up with zeros
CACHED = 2**20  # float32 numbers that the caches hold: beyond that, the order of the nodes pays
FALL = 1e-4  # that residuals are asked of in float32 at a time, where the matrix is singular
BLOCK = 2**19  # numbers in a block of rows: what one operation leaves is in the cache for the next


@dataclass(frozen=True)
class Solve:
    """Columns of x, float64 (n, m); relative residuals float64 (m,); iterations made.

    The residuals are the recurrence's where SciPy solves, the true ones where torch does.
    """

    x: np.ndarray
    residuals: np.ndarray
    iterations: int


Solver = Callable[[np.ndarray, float, int], Solve]
Block = tuple[int, int, Callable[["Tensor"], "Tensor"]]
Residual = Callable[["Tensor", "Tensor"], "Tensor"]


def solver(graph: sparse.csr_array, alpha: float, columns: int, device: str = "cpu") -> Solver:
    """A function (b, tolerance, max_iterations) that solves (I - alpha * graph) x = b.

    It serves many solves, of about `columns` right-hand sides each. `graph` is symmetric, float64
    (n, n), with eigenvalues in [-1, 1]; 0 <= alpha < 1, so the matrix is positive definite (if
    similarities are clipped: negative weights may break this). With alpha 1 it is only
    semidefinite, and b must be orthogonal to its null space, the eigenvectors of G to 1: then x is
    too, but for rounding (of float32 in a large graph). `b` is float64 (n, m). Each column runs its
    own recurrence, from zero, without preconditioner, and rests once ||b - Ax|| is at most
    `tolerance` * ||b||; all stop after `max_iterations`. Nodes in a component where b is zero stay
    exactly zero. Raises UserError if x is not finite.
    """
    if graph.shape[0] * columns < SMALL and device == "cpu":
        run: Solver = functools.partial(solve_small, graph, alpha)
    else:
        run = Large(graph, alpha, columns, device).solve

    def solve(b: np.ndarray, tolerance: float, max_iterations: int) -> Solve:
        found = run(b, tolerance, max_iterations)
        if not np.isfinite(found.residuals).all():
            system = f"with propagation.alpha {alpha} the system" if alpha < 1 else "the Laplacian"
            raise UserError(
                f"conjugate gradients broke down: {system} of this graph is not positive definite. "
                "Set propagation.clip: true" + (", or an alpha farther from 1" if alpha < 1 else "")
            )
        return found

    return solve


def solve_small(
    graph: sparse.csr_array, alpha: float, b: np.ndarray, tolerance: float, max_iterations: int
) -> Solve:
    """As `solver` says, in float64 throughout."""
    b = np.asarray(b, dtype=np.float64)
    norms = np.sqrt((b * b).sum(axis=0))
    x = np.zeros_like(b)
    residual, direction, squared = b.copy(), b.copy(), norms**2
    iterations = 0
    while iterations < max_iterations and (running := np.sqrt(squared) > tolerance * norms).any():
        product = direction - alpha * (graph @ direction)
        curvature = (direction * product).sum(axis=0)
        step = np.divide(squared, curvature, out=np.zeros_like(squared), where=running)
        x += step * direction
        residual -= step * product
        new = np.where(running, (residual * residual).sum(axis=0), squared)
        ratio = np.divide(new, squared, out=np.zeros_like(new), where=running)
        direction *= ratio
        direction += residual
        squared = new
        iterations += 1
    relative = np.divide(np.sqrt(squared), norms, out=np.zeros_like(norms), where=norms > 0)
    return Solve(x, relative, iterations)


class Large:
    """A large graph, made ready once for many solves.

    Nodes stand in the order `order`. `blocks` are (first, last, product) of rows, where product(x)
    is rows first to last of G x, float32. `residual(x, b)` is b - (I - alpha G) x in float64.
    """

    def __init__(self, graph: sparse.csr_array, alpha: float, columns: int, device: str) -> None:
        self.alpha, self.device = alpha, device
        self.order = np.arange(graph.shape[0])
        if device != "cpu":
            self.blocks, self.residual = device_products(graph, alpha, device)
            return
        if graph.shape[0] * columns > CACHED:
            order = reverse_cuthill_mckee(sparse.csr_matrix(graph), symmetric_mode=True)
            self.order = order.astype(np.int64)
            graph = graph[self.order][:, self.order].tocsr()
        self.blocks, self.residual = cpu_products(graph, alpha, columns)

    def solve(self, b: np.ndarray, tolerance: float, max_iterations: int) -> Solve:
        """As `solver` says."""
        import torch

        right = torch.as_tensor(np.asarray(b, dtype=np.float64)[self.order], device=self.device)
        norms = right.norm(dim=0)
        right /= torch.where(norms > 0, norms, 1)
        x = torch.zeros_like(right)
        residual, relative, iterations = right, (norms > 0).double(), 0
        # the null space's share of a residual never falls: soon it would be all that is left
        least = 0.0 if self.alpha < 1 else FALL
        while iterations < max_iterations and bool((relative > tolerance).any()):
            scale = torch.where(relative > tolerance, relative, 1)
            # a little beyond the tolerance: float32 leaves the true residual somewhat larger
            target = (0.7 * tolerance / scale).clamp(min=least)
            target = torch.where(relative > tolerance, target, torch.inf)
            start = (residual / scale).float()
            found, made = self.descend(start, target, max_iterations - iterations)
            iterations += made
            x.addcmul_(found.double(), scale)
            residual = self.residual(x, right)
            relative = residual.norm(dim=0)
        result = np.empty(x.shape)
        result[self.order] = x.mul_(norms).cpu().numpy()
        return Solve(result, relative.cpu().numpy(), iterations)

    def descend(self, b: "Tensor", target: "Tensor", limit: int) -> tuple["Tensor", int]:
        """Solve in float32 from zero for unit columns `b` (n, m), to residuals `target` (m,)."""
        import torch

        columns = b.shape[1]
        filled = -(-columns // COLUMNS) * COLUMNS - columns
        residual = torch.nn.functional.pad(b, (0, filled))
        target = torch.nn.functional.pad(target, (0, filled), value=torch.inf) ** 2
        direction, x, product = residual.clone(), torch.zeros_like(residual), residual.clone()
        scratch = residual[: self.blocks[0][1]].clone()

        def dot(u: "Tensor", v: "Tensor") -> "Tensor":
            return torch.mul(u, v, out=scratch[: len(u)]).sum(dim=0).double()

        squared = torch.zeros_like(target)
        for i, j, _ in self.blocks:
            squared += dot(residual[i:j], residual[i:j])
        iteration = 0
        while iteration < limit and (running := squared > target).any():
            curvature = torch.zeros_like(squared)
            for i, j, multiply in self.blocks:
                d, q = direction[i:j], product[i:j]
                torch.sub(d, multiply(direction), alpha=self.alpha, out=q)
                curvature += dot(d, q)
            step = torch.where(running, squared / curvature, 0).float()
            new = torch.zeros_like(squared)
            for i, j, _ in self.blocks:
                x[i:j].addcmul_(direction[i:j], step)
                r = residual[i:j].addcmul_(product[i:j], -step)
                new += dot(r, r)
            new = torch.where(running, new, squared)
            ratio = torch.where(running, new / squared, 0).float()
            for i, j, _ in self.blocks:
                direction[i:j].mul_(ratio).add_(residual[i:j])
            squared = new
            iteration += 1
        return x[:, :columns], iteration


def cpu_products(
    graph: sparse.csr_array, alpha: float, columns: int
) -> tuple[list[Block], Residual]:
    """`Large.blocks` and `Large.residual` on a CPU."""
    import torch

    n = graph.shape[0]
    width = np.int32 if max(n, graph.nnz) < 2**31 else np.int64
    rows = max(1, BLOCK // max(columns, COLUMNS))
    blocks: list[Block] = []
    for first in range(0, n, rows):
        last = min(first + rows, n)
        begin, end = graph.indptr[first], graph.indptr[last]
        # the fastest sum of weighted rows that torch has on a CPU is made for embeddings
        multiply = functools.partial(
            torch.nn.functional.embedding_bag,
            torch.as_tensor(graph.indices[begin:end].astype(width)),
            offsets=torch.as_tensor((graph.indptr[first : last + 1] - begin).astype(width)),
            per_sample_weights=torch.as_tensor(graph.data[begin:end].astype(np.float32)),
            mode="sum",
            include_last_offset=True,
        )
        blocks.append((first, last, multiply))

    threads = torch.get_num_threads()
    shares = np.searchsorted(graph.indptr, np.linspace(0, graph.nnz, threads + 1)).tolist()
    shares[0], shares[-1] = 0, n
    parts = [(a, b, rows_of(graph, a, b)) for a, b in itertools.pairwise(shares)]

    def residual(x: "Tensor", b: "Tensor") -> "Tensor":
        values, right = x.numpy(), b.numpy()

        def share(part: tuple[int, int, sparse.csr_array]) -> np.ndarray:
            first, last, rows_of_graph = part
            found = rows_of_graph @ values
            found *= alpha
            found -= values[first:last]
            found += right[first:last]
            return found

        with ThreadPoolExecutor(threads) as workers:  # SciPy works in one thread
            return torch.as_tensor(np.concatenate(list(workers.map(share, parts))))

    return blocks, residual


def rows_of(graph: sparse.csr_array, first: int, last: int) -> sparse.csr_array:
    """Rows of a graph without a copy, which slicing makes."""
    begin, end = graph.indptr[first], graph.indptr[last]
    starts = graph.indptr[first : last + 1] - begin
    arrays = (graph.data[begin:end], graph.indices[begin:end], starts)
    return sparse.csr_array(arrays, shape=(last - first, graph.shape[1]))


def device_products(
    graph: sparse.csr_array, alpha: float, device: str
) -> tuple[list[Block], Residual]:
    """`Large.blocks` and `Large.residual` on a GPU: the whole graph is one block."""
    import torch

    starts = torch.as_tensor(graph.indptr.astype(np.int64), device=device)
    ends = torch.as_tensor(graph.indices.astype(np.int64), device=device)
    weights = torch.as_tensor(graph.data, device=device)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        double, single = (
            torch.sparse_csr_tensor(starts, ends, data, graph.shape, check_invariants=False)
            for data in (weights, weights.float())
        )
    blocks: list[Block] = [(0, graph.shape[0], lambda x: single @ x)]
    return blocks, lambda x, b: b - x + alpha * (double @ x)
