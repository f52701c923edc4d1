"""A small grid, and runs of it, for the tests of tables and figures."""

import math

import pandas as pd

STRATEGIES = ["random", "uncertainty", "ceal", "coreset", "jlp"]
POOLS = {
    "digits": {"n": 1297, "n_test": 500, "height": 16, "width": 16, "channels": 1, "classes": 10},
    "mnist": {"n": 60000, "n_test": 10000, "height": 28, "width": 28, "channels": 1, "classes": 10},
}


def plan(dataset, methods, **changes):
    parts = {
        "baseline": ("none", "none"),
        "pre": ("deepcluster", "none"),
        "semi": ("none", "label_propagation"),
        "pre+semi": ("deepcluster", "label_propagation"),
    }
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
                "pre": parts[method][0],
                "semi": parts[method][1],
                "strategies": strategies,
            }
            for method, strategies in methods.items()
        },
    } | changes


def small_grid():
    return {
        "experiments": {
            "digits": plan("digits", {"baseline": STRATEGIES, "pre+semi": ["random", "jlp"]}),
            "mnist": plan("mnist", {"baseline": ["random", "jlp"], "semi": ["jlp"]}, cycles=2),
        },
        "ablation_strategies": ["uncertainty", "jlp"],
    }


def accuracy_of(experiment, method, strategy, seed, cycle):
    """Some accuracy in percent, another for every cell."""
    text = f"{experiment}/{method}/{strategy}/{seed}/{cycle}"
    return round(30 + 4 * cycle + sum(map(ord, text)) * 7919 % 1500 / 100, 2)


def runs_of(grid, keep=lambda **cell: True):
    rows = []
    for experiment, p in grid["experiments"].items():
        for method, parts in p["methods"].items():
            for cycle in range(p["cycles"]):
                for strategy in ["initial"] if cycle == 0 else parts["strategies"]:
                    for seed in p["seeds"]:
                        cell = {
                            "experiment": experiment,
                            "method": method,
                            "strategy": strategy,
                            "seed": seed,
                            "cycle": cycle,
                        }
                        if keep(**cell):
                            rows.append(
                                {
                                    "dataset": p["dataset"],
                                    "budget": p["budget"],
                                    **cell,
                                    "n_labels": p["initial"] + cycle * p["budget"],
                                    "accuracy": accuracy_of(**cell),
                                    "nll": 0.5,
                                    "device": "cpu",
                                }
                            )
    return pd.DataFrame(rows)


def numbers(grid, experiment, method, strategy, cycle):
    """Mean and sample standard deviation, written out."""
    filed = "initial" if cycle == 0 else strategy
    values = []
    for seed in grid["experiments"][experiment]["seeds"]:
        values.append(accuracy_of(experiment, method, filed, seed, cycle))
    mean = sum(values) / len(values)
    squares = 0.0
    for value in values:
        squares += (value - mean) * (value - mean)
    return mean, math.sqrt(squares / (len(values) - 1))


def shown(mean, std):
    """Two decimals, halves up; the sliver is for halves that a float stores a little lower."""
    parts = [math.floor(value * 100 + 0.5 + 1e-6) / 100 for value in (mean, std)]
    return f"{parts[0]:.2f}±{parts[1]:.2f}"


def with_full(grid, accuracies):
    """The digits experiment with a method on all labels, and its runs."""
    words = {"labels": "all", "pre": "none", "semi": "none", "strategies": []}
    grid["experiments"]["digits"]["methods"]["full"] = words
    rows = runs_of(grid, keep=lambda **cell: cell["method"] != "full")
    full = [
        {
            **{"dataset": "digits", "budget": 10, "experiment": "digits", "method": "full"},
            **{"strategy": "all", "cycle": 0, "seed": seed, "n_labels": 1297},
            **{"accuracy": accuracy, "nll": 0.1, "device": "cpu"},
        }
        for seed, accuracy in enumerate(accuracies)
    ]
    return pd.concat([rows, pd.DataFrame(full)], ignore_index=True)
