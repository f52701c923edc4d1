"""Slow literal twins of k-means and of the strategies that stand on it: loops over lists.

Nothing here is shared with the package. Draws are made in the same order, one uniform number each.
"""

import math


def square(u, v):
    return sum((float(a) - float(b)) ** 2 for a, b in zip(u, v, strict=True))


def drawn(weights, rng):
    """An index with probability proportional to its weight."""
    aim, total = rng.random() * math.fsum(weights), 0.0
    for i, weight in enumerate(weights):
        total += weight
        if aim < total:
            return i
    raise AssertionError("rounding")


def nearest(point, centers):
    """The nearest center and the squared distance to it; ties to the lower; (-1, inf) if none."""
    found = [(square(point, center), j) for j, center in enumerate(centers)]
    least, best = min(found, default=(math.inf, -1))
    return best, least


def mean(points):
    return [math.fsum(float(p[k]) for p in points) / len(points) for k in range(len(points[0]))]


def kmeans(points, k, rng, fixed=(), iterations=20):
    """Assignment (-1: to one of `fixed`) and centers."""
    centers = []
    while len(centers) < k:
        weights = [nearest(p, [*fixed, *centers])[1] for p in points]
        weights = [0.0 if w < 1e-10 else w for w in weights]
        if sum(weights) == 0:
            break
        if math.inf in weights:
            found = [int(rng.integers(len(points)))]
        else:
            found = [drawn(weights, rng) for _ in range(3)]
        sums = [
            sum(min(w, square(p, points[i])) for p, w in zip(points, weights, strict=True))
            for i in found
        ]
        best = found[sums.index(min(sums))]
        centers.append([float(x) for x in points[best]])

    def assigned():
        found = []
        for p in points:
            best, least = nearest(p, centers)
            found.append(-1 if len(fixed) and nearest(p, fixed)[1] <= least else best)
        return found

    assignment = assigned()
    for _ in range(iterations):
        for j in range(len(centers)):
            own = [p for p, a in zip(points, assignment, strict=True) if a == j]
            if own:
                centers[j] = mean(own)
        before, assignment = assignment, assigned()
        if before == assignment:
            break
    return assignment, centers


def typicality(i, others, points, neighbors):
    """1 / (mean distance to the nearest `neighbors` of `others` + 1e-5)."""
    if not others:
        return 0.0
    apart = sorted(math.sqrt(square(points[i], points[j])) for j in others)[:neighbors]
    return 1 / (sum(apart) / len(apart) + 1e-5)


def typiclust(points, labeled, budget, rng, most=500, neighbors=20):
    labeled = [int(i) for i in labeled]
    assignment, _ = kmeans(points, min(len(labeled) + budget, most), rng)
    clusters = []
    for j in set(assignment):
        own = [i for i, a in enumerate(assignment) if a == j]
        known = [i for i in own if i in labeled]
        clusters.append((len(own) <= 5, len(known), -len(own), own[0], own))
    clusters.sort()
    picks, scores = [], []
    for small in (False, True):
        mine = [c[4] for c in clusters if c[0] == small]
        left = [[i for i in own if i not in labeled] for own in mine]
        while any(left) and len(picks) < budget:
            for own in left:
                if not own or len(picks) == budget:
                    continue
                near = max(1, min(neighbors, len(own) // 2))
                found = [(-typicality(i, [j for j in own if j != i], points, near), i) for i in own]
                value, pick = min(found)
                picks.append(pick)
                scores.append(-value)
                own.remove(pick)
    return picks, scores


def representatives(points, candidates, centers, sizes, budget):
    """The nearest candidate of each center, largest cluster first; then the lowest indices."""
    left, picks, scores = list(candidates), [], []
    for size, j in sorted((-size, j) for j, size in enumerate(sizes))[:budget]:
        apart = {i: round(square(points[i], centers[j]), 9) for i in left}
        pick = min(left, key=lambda i, apart=apart: (apart[i], i))
        left.remove(pick)
        picks.append(pick)
        scores.append(-size)
    rest = budget - len(picks)
    return picks + left[:rest], scores + [0] * rest


def kmedoids(points, labeled, budget, rng):
    labeled = [int(i) for i in labeled]
    assignment, centers = kmeans(points, budget, rng, [points[i] for i in labeled])
    sizes = [assignment.count(j) for j in range(len(centers))]
    candidates = [i for i in range(len(points)) if i not in labeled]
    return representatives(points, candidates, centers, sizes, budget)
