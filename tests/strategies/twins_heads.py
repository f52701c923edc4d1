"""Slow literal twins of the strategies that read the classifier.

Nothing is shared with the package. Draws are made in the same order.
"""

import math

from twins_kmeans import kmeans, mean, representatives, square
from twins_uncertain import rest_of


def logits(embedding, head):
    *weights, bias = zip(*((map(float, row)) for row in head), strict=True)
    columns = list(zip(*weights, strict=True))
    return [
        math.fsum(w * float(x) for w, x in zip(row, embedding, strict=True)) + b
        for row, b in zip(columns, bias, strict=True)
    ]


def softmax(z):
    powers = [math.exp(x - max(z)) for x in z]
    return [p / sum(powers) for p in powers]


def entropy(p):
    return -sum(q * math.log(q) for q in p if q > 0)


def best(z):
    return max(range(len(z)), key=lambda k: (z[k], -k))


def information(embeddings, head, labeled, rng, passes=20, rate=0.5):
    """BALD of each unlabeled image, by index."""
    rest = rest_of(len(embeddings), labeled)
    found = {i: [] for i in rest}
    for _ in range(passes):
        stays = [float(u >= rate) / (1 - rate) for u in rng.random(len(embeddings[0]))]
        for i in rest:
            dropped = [float(x) * s for x, s in zip(embeddings[i], stays, strict=True)]
            found[i].append(softmax(logits(dropped, head)))
    return {
        i: max(entropy(mean(ps)) - sum(map(entropy, ps)) / passes, 0.0) for i, ps in found.items()
    }


def spread(embeddings, labeled, candidates, budget, rng):
    """One image of each of b clusters of the candidates; if they are too few, others at random."""
    count = min(budget, len(candidates))
    rows = [embeddings[i] for i in candidates]
    assignment, centers = kmeans(rows, count, rng)
    sizes = [assignment.count(j) for j in range(len(centers))]
    picks, scores = representatives(rows, range(len(rows)), centers, sizes, count)
    rest = [i for i in rest_of(len(embeddings), labeled) if i not in candidates]
    more = rng.choice(rest, budget - count, replace=False).tolist() if budget > count else []
    return [candidates[i] for i in picks] + more, scores + [0] * len(more)


def dropquery_candidates(embeddings, head, labeled, rng, passes=3, rate=0.75):
    rest, d = rest_of(len(embeddings), labeled), len(embeddings[0])
    changed = dict.fromkeys(rest, 0)
    for _ in range(passes):
        drawn = rng.random((len(rest), d), dtype="float32")
        for i, row in zip(rest, drawn, strict=True):
            dropped = [
                float(x) / (1 - rate) if u >= rate else 0.0
                for x, u in zip(embeddings[i], row, strict=True)
            ]
            changed[i] += best(logits(dropped, head)) != best(logits(embeddings[i], head))
    return [i for i in rest if changed[i] > passes / 2]


def alfamix_candidates(embeddings, head, labeled, answers, epsilon=0.2):
    """Every mixture is made, with the closed form's alpha for each dimension."""
    rest, d = rest_of(len(embeddings), labeled), len(embeddings[0])
    means = [
        mean([embeddings[i] for i, y in zip(labeled, answers, strict=True) if y == one])
        for one in sorted(set(answers))
    ]
    found = []
    for i in rest:
        z = [float(x) for x in embeddings[i]]
        p, y = softmax(logits(z, head)), best(logits(z, head))
        errors = [q - (k == y) for k, q in enumerate(p)]
        gradient = [
            sum(e * float(row[j]) for e, row in zip(errors, head, strict=True)) for j in range(d)
        ]
        norm = math.sqrt(square(gradient, [0] * d))
        for anchor in means:
            away = [a - x for a, x in zip(anchor, z, strict=True)]
            step = epsilon / math.sqrt(d) * math.sqrt(square(anchor, z)) / norm
            alpha = [step * g / v for g, v in zip(gradient, away, strict=True)]
            mixed = [a * m + (1 - a) * x for a, m, x in zip(alpha, anchor, z, strict=True)]
            if best(logits(mixed, head)) != y:
                found.append(i)
                break
    return found
