"""Slow literal twins of generalized coverage. Nothing is shared with the package."""

import math

from twins_kmeans import kmeans, square
from twins_uncertain import margin, rest_of


def coverage(points, chosen, kernel, weights):
    """The mean of an image's weight times its largest similarity to a chosen one."""
    total = 0.0
    for i, p in enumerate(points):
        total += weights[i] * max((kernel(square(p, points[j])) for j in chosen), default=0.0)
    return total / len(points)


def greedy(points, labeled, budget, kernel, weights=None):
    weights = [1.0] * len(points) if weights is None else weights
    chosen, picks, scores = [int(i) for i in labeled], [], []
    for _ in range(budget):
        now = coverage(points, chosen, kernel, weights)
        gains = {
            i: round(len(points) * (coverage(points, [*chosen, i], kernel, weights) - now), 5)
            for i in rest_of(len(points), chosen)
        }
        pick = min(gains, key=lambda i, gains=gains: (-gains[i], i))
        picks.append(pick)
        scores.append(gains[pick] / len(points))
        chosen.append(pick)
    return picks, scores


def gaussian(width):
    return lambda squared: math.exp(-squared / width**2)


def maxherding(points, labeled, budget, width=1.0):
    return greedy(points, labeled, budget, gaussian(width))


def uherding(points, probabilities, labeled, budget, width=1.0):
    return greedy(points, labeled, budget, gaussian(width), [1 - margin(p) for p in probabilities])


def purity(points, assignment, radius):
    """The share of the images in whose open balls all images are of one cluster."""
    pure = 0
    for i, p in enumerate(points):
        inside = {assignment[j] for j, q in enumerate(points) if math.sqrt(square(p, q)) < radius}
        pure += inside <= {assignment[i]}
    return pure / len(points)


def pure_radius(points, classes, rng, share):
    """The largest distance of two images at which the balls are pure enough."""
    assignment, _ = kmeans(points, max(classes, 2), rng)
    n = len(points)
    radii = sorted({math.sqrt(square(points[i], points[j])) for i in range(n) for j in range(i)})
    return max(r for r in radii if purity(points, assignment, r) >= share)


def probcover(points, labeled, budget, radius):
    return greedy(points, labeled, budget, lambda squared: float(math.sqrt(squared) < radius))
