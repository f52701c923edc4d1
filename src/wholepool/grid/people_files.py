"""Which files the jobs read that stand between a grid and the people who answer."""

from wholepool.grid import people
from wholepool.grid.cells import Cell
from wholepool.grid.plan import (
    Config,
    described,
    frozen,
    initial_folder,
    is_fitted,
    labeled_set,
    listed,
    of_dataset,
    propagates,
    words_of,
)
from wholepool.grid.written import ARRAYS, OUTPUTS, Files, placed


def answered_inputs(config: Config, experiment: str) -> Files:
    """Of rule answered, which alone reads the journal for training."""
    dataset = config["experiments"][experiment]["dataset"]
    return of_dataset(dataset, "pool", "info") | listed(dataset, "images")


def predict_pool_inputs(config: Config, cell: Cell) -> Files:
    """Of rule predict_pool: what the classifier and the propagation say, and no answer."""
    found = described(config, cell)
    if is_fitted(config, cell):
        found |= placed(frozen(config, cell), "embed_pool")
        found["head"] = placed(cell.path, "fit")["head"]
    else:
        found["embeddings"] = f"{cell.path}/{ARRAYS['embeddings']}"
        found["probabilities"] = f"{cell.path}/{ARRAYS['probabilities']}"
    if propagates(words_of(config, cell)):
        found["pseudo_labels"] = f"{cell.path}/{OUTPUTS['propagate']['out']}"
    return found


def queries_file(config: Config, name: str) -> str:
    """What the strategy asks people for next."""
    experiment = config["experiments"][name]
    last = people.last_cell(name, experiment)
    if last is None:
        return placed(initial_folder(name, experiment["seeds"][0]), "ask")["out"]
    asks = last._replace(strategy=people.strategy_of(experiment))
    return placed(asks.path, "acquire")["out"]


def batch_inputs(config: Config, name: str) -> Files:
    """Of rule batch."""
    dataset = config["experiments"][name]["dataset"]
    found = of_dataset(dataset, "pool", "info") | listed(dataset, "images")
    found["queries"] = queries_file(config, name)
    last = people.last_cell(name, config["experiments"][name])
    if last is None:
        return found
    told = placed(f"people/{name}", "standing")["suspicious"]
    return found | described(config, last) | predicted_files(config, last) | {"suspicious": told}


def predicted_files(config: Config, cell: Cell) -> Files:
    """What the model of a cell says of the pool, on what, and by which labels."""
    inputs = predict_pool_inputs(config, cell)
    return {
        "labeled": labeled_set(config, cell, cell.cycle),
        "embeddings": inputs["embeddings"],
        "predicted": placed(cell.path, "predict_pool")["out"],
    }


def standing_inputs(config: Config, name: str) -> Files:
    """Of rule standing, of the last closed cycle."""
    last = people.last_cell(name, config["experiments"][name])
    assert last
    dataset = config["experiments"][name]["dataset"]
    found = described(config, last, "test_labels")
    found |= listed(dataset, "images", "rejected", "near") | predicted_files(config, last)
    rule = "fit" if is_fitted(config, last) else "embed"
    return found | {"test_probabilities": f"{last.path}/{OUTPUTS[rule]['test_probabilities']}"}
