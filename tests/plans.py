"""Plans of experiments, as tables and figures get them."""

PARTS = {
    "baseline": ("none", "none"),
    "pre": ("deepcluster", "none"),
    "semi": ("none", "label_propagation"),
    "pre+semi": ("deepcluster", "label_propagation"),
}


def plan(dataset, methods, **changes):
    """An experiment of three cycles and two seeds; `methods` gives each one's strategies."""
    return {
        "dataset": dataset,
        "budget": 10,
        "initial": 20,
        "cycles": 3,
        "seeds": [0, 1],
        "batch_size": 10,
        "semi_batch_size": 64,
        "published_accuracy": None,
        "methods": {
            method: {
                "labels": "acquired",
                "pre": PARTS[method][0],
                "semi": PARTS[method][1],
                "strategies": strategies,
            }
            for method, strategies in methods.items()
        },
    } | changes
