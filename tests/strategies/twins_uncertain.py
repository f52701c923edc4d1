"""Slow literal twins of margin, least confidence and BADGE. Nothing is shared with the package."""

from twins_kmeans import drawn, square


def rest_of(n, labeled):
    taken = {int(i) for i in labeled}
    return [i for i in range(n) if i not in taken]


def margin(p):
    first, second, *_ = sorted((float(q) for q in p), reverse=True)
    return first - second


def lowest(scores, labeled, budget):
    """The b unlabeled images of the lowest scores; ties to the lower index."""
    return sorted(rest_of(len(scores), labeled), key=lambda i: (scores[i], i))[:budget]


def gradient(p, h):
    """Of the weights, under the loss of the predicted class: c times d numbers."""
    best = max(range(len(p)), key=lambda k: (p[k], -k))
    return [(float(q) - (k == best)) * float(x) for k, q in enumerate(p) for x in h]


def badge(embeddings, probabilities, labeled, budget, rng):
    rest = rest_of(len(embeddings), labeled)
    gradients = {i: gradient(probabilities[i], embeddings[i]) for i in rest}
    norms = {i: square(gradients[i], [0] * len(gradients[i])) for i in rest}
    picks, scores = [], []
    for number in range(budget):
        if number == 0:
            apart = norms
            pick = min(rest, key=lambda i: (-norms[i], i))
        else:
            apart = {i: min(square(gradients[i], gradients[j]) for j in picks) for i in rest}
            weights = [0.0 if i in picks or apart[i] < 1e-10 else apart[i] for i in rest]
            if sum(weights) == 0:
                weights = [float(i not in picks) for i in rest]
            pick = rest[drawn(weights, rng)]
        picks.append(pick)
        scores.append(apart[pick])
    return picks, scores
