"""A page: the best strategy of each method and cycle."""

FILES = ("tables/best.csv",)


def make(results):
    """tables/best.csv: method, cycle, and the strategy of the largest mean accuracy."""
    accuracy = results.accuracy.dropna(subset="mean")
    best = accuracy.loc[accuracy.groupby(["experiment", "method", "cycle"])["mean"].idxmax()]
    columns = ["experiment", "method", "cycle", "strategy", "mean"]
    best[columns].to_csv(results.folder / FILES[0], index=False)
