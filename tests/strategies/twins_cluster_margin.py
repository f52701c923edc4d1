"""Slow literal twin of Cluster-Margin. Nothing is shared with the package."""

from twins_uncertain import lowest, margin


def average_linkage(points, count):
    """Merge the two clusters of the least mean cosine distance until `count` are left."""
    clusters = [[i] for i in range(len(points))]

    def apart(one, other):
        return sum(
            1 - sum(float(a) * float(b) for a, b in zip(points[i], points[j], strict=True))
            for i in one
            for j in other
        ) / (len(one) * len(other))

    while len(clusters) > count:
        pairs = [(apart(clusters[i], clusters[j]), i, j) for j in range(len(clusters))
                 for i in range(j)]  # fmt: skip
        _, i, j = min(pairs)
        clusters[i] += clusters.pop(j)
    return clusters


def cluster_margin(points, probabilities, labeled, budget, rng, ratio, size):
    margins = [margin(p) for p in probabilities]
    smallest = lowest(margins, labeled, max(budget, round(ratio * budget)))
    clusters = average_linkage(points, max(1, len(points) // size))
    left = [sorted(set(cluster) & set(smallest)) for cluster in clusters]
    left = sorted((one for one in left if one), key=lambda one: (len(one), one[0]))
    picks = []
    while len(picks) < budget:
        for cluster in left:
            if cluster and len(picks) < budget:
                picks.append(cluster.pop(int(rng.integers(len(cluster)))))
    return picks, [margins[i] for i in picks]
