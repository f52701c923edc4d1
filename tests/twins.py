"""Slow literal twins of the paper's equations, for tests: loops, dense inverses, brute force.

Nothing here is shared with the package that the twins check.
"""

import math
from itertools import product

import numpy as np


def unit(vector):
    length = math.sqrt(sum(float(x) ** 2 for x in vector))
    return [float(x) / length for x in vector]


def dot(u, v):
    return sum(a * b for a, b in zip(u, v, strict=True))


def neighbors(embeddings, k):
    """Each row's k most similar other rows: lists of (similarity, index), best first."""
    rows = [unit(row) for row in embeddings]
    found = []
    for i, row in enumerate(rows):
        others = [(dot(row, other), j) for j, other in enumerate(rows) if j != i]
        others.sort(key=lambda pair: (-pair[0], pair[1]))
        found.append(others[:k])
    return found


def affinity(near, gamma=3, reciprocal=True, clip=True):
    """Dense W from `neighbors`: mutual edges only, or A + A'."""
    n = len(near)
    chosen = [{j: s for s, j in row} for row in near]
    w = np.zeros((n, n))
    for i, j in product(range(n), range(n)):
        if i == j:
            continue
        forward, backward = j in chosen[i], i in chosen[j]
        if reciprocal and not (forward and backward):
            continue
        ends = [chosen[i].get(j)] * forward + [chosen[j].get(i)] * backward
        powers = [max(s, 0) ** gamma if clip else s**gamma for s in ends]
        w[i, j] = sum(powers) / 2 if reciprocal else sum(powers)
    return w


def normalize(w):
    """D^-1/2 W D^-1/2, with zero rows for nodes without edges."""
    n = len(w)
    degree = [sum(w[i]) for i in range(n)]
    result = np.zeros((n, n))
    for i, j in product(range(n), range(n)):
        if degree[i] > 0 and degree[j] > 0:
            result[i, j] = w[i, j] / math.sqrt(degree[i] * degree[j])
    return result


def one_hot(n, classes, labeled, labels):
    """Y of (8)."""
    y = np.zeros((n, classes))
    for i, label in zip(labeled, labels, strict=True):
        y[i, label] = 1
    return y


def h(graph, y, alpha):
    """(9), by the inverse."""
    return (1 - alpha) * np.linalg.inv(np.eye(len(graph)) - alpha * graph) @ y


def reachable(graph, sources):
    """The nodes joined to any source by edges, sources included."""
    seen = set(map(int, sources))
    stack = list(seen)
    while stack:
        i = stack.pop()
        for j in range(len(graph)):
            if graph[i, j] != 0 and j not in seen:
                seen.add(j)
                stack.append(j)
    return seen


def entropy(p):
    """(5)."""
    return -sum(float(q) * math.log(q) for q in p if q > 0)


def beta(p):
    """(10)."""
    return 1 - entropy(p) / math.log(len(p))


def propagate(graph, labeled, labels, classes, alpha):
    """P = eta[h(Y)], pseudo-labels, weights; uniform and 0 where no label reaches."""
    scores = h(graph, one_hot(len(graph), classes, labeled, labels), alpha)
    reached = reachable(graph, labeled)
    p = np.full(scores.shape, 1 / classes)
    weights = np.zeros(len(graph))
    for i in reached:
        p[i] = scores[i] / sum(scores[i])
        weights[i] = beta(p[i])
    best = [max(range(classes), key=lambda k, row=row: (row[k], -k)) for row in p]
    return p, best, weights


def k_center(embeddings, labeled, budget):
    """Greedy (4): picks and their distances; ties to the lower index."""
    n = len(embeddings)
    centers = [int(i) for i in labeled]
    picks, distances = [], []
    for _ in range(budget):
        best, farthest = None, -1.0
        for i in range(n):
            if i in centers:
                continue
            nearest = min((math.dist(embeddings[i], embeddings[k]) for k in centers), default=1e99)
            if nearest > farthest:
                best, farthest = i, nearest
        picks.append(best)
        distances.append(farthest)
        centers.append(best)
    return picks, distances


def joint_label_propagation(graph, labeled, budget, alpha):
    """Greedy (12), h(delta(L)) recomputed by the inverse at each pick.

    Nodes that nothing reaches have similarity 0; equal similarities go to the largest row sum of
    the graph, then to the lower index.
    """
    n = len(graph)
    sources = [int(i) for i in labeled]
    picks, scores = [], []
    for _ in range(budget):
        delta = np.array([1.0 if i in sources else 0.0 for i in range(n)])
        similarity = h(graph, delta, alpha)
        reached = reachable(graph, sources)
        keys = [
            (similarity[i] if i in reached else 0.0, -sum(graph[i]), i)
            for i in range(n)
            if i not in sources
        ]
        value, _, pick = min(keys)
        picks.append(pick)
        scores.append(value)
        sources.append(pick)
    return picks, scores


def most_uncertain(probabilities, labeled, budget):
    """The top b of (6); ties to the lower index."""
    taken = set(map(int, labeled))
    rest = [i for i in range(len(probabilities)) if i not in taken]
    rest.sort(key=lambda i: (-entropy(probabilities[i]), i))
    return rest[:budget]


def certain(probabilities, excluded, threshold):
    """(7) with entropy as a share of log c: {index: class of maximum probability}."""
    found = {}
    for i, p in enumerate(probabilities):
        if i not in excluded and entropy(p) / math.log(len(p)) < threshold:
            found[i] = max(range(len(p)), key=lambda k, p=p: (p[k], -k))
    return found


def nearest_centroid(points, centroids):
    """Index of the nearest centroid (ties to the lower) and the squared distance to it."""
    result = []
    for point in points:
        squares = [
            sum((float(a) - float(b)) ** 2 for a, b in zip(point, centroid, strict=True))
            for centroid in centroids
        ]
        best = min(range(len(squares)), key=lambda j, squares=squares: (squares[j], j))
        result.append((best, squares[best]))
    return result


def accuracy(probabilities, labels):
    hits = [max(range(len(p)), key=lambda k, p=p: (p[k], -k)) for p in probabilities]
    return 100 * sum(a == b for a, b in zip(hits, labels, strict=True)) / len(labels)


def negative_log_likelihood(probabilities, labels):
    return sum(-math.log(p[y]) for p, y in zip(probabilities, labels, strict=True)) / len(labels)


def calibration_error(probabilities, labels, bins):
    """ECE in percent with bins ((m - 1) / bins, m / bins]."""
    total = 0.0
    for m in range(1, bins + 1):
        confidences, hits = [], []
        for p, y in zip(probabilities, labels, strict=True):
            confidence = float(max(p))
            if (m - 1) / bins < confidence <= m / bins:
                confidences.append(confidence)
                hits.append(float(list(p).index(max(p)) == y))
        if confidences:
            size = len(confidences)
            total += size * abs(sum(hits) / size - sum(confidences) / size)
    return 100 * total / len(labels)
