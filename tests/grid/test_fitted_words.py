"""A network that is fitted at once: what is planned for it, and what decides its results."""

import pytest

from wholepool.grid import joblist, plan, slices
from wholepool.grid.cells import Cell
from wholepool.grid.config import resolve
from wholepool.job.errors import UserError


def grid(methods=None, **more):
    words = {"m": {"pre": "pretrained", "semi": "label_propagation", "strategies": ["margin"]}}
    experiments = {
        name: {"dataset": "digits", "budget": 10, "methods": methods or words}
        for name in ("a", "b")
    }
    datasets = {"digits": {"network": {"name": "head"}}}
    return resolve({"datasets": datasets, "experiments": experiments, "seeds": 2, **more})


def rules(config):
    return [job.rule for job in joblist.planned(config)]


def test_a_cell_is_one_job_and_its_measuring_and_asking():
    found = set(rules(grid()))
    assert {"fit", "evaluate", "acquire", "label", "embed_pool", "graph"} <= found
    assert not {"train", "embed", "embed_initial", "predict", "read_head", "propagate"} & found


def test_the_graph_is_made_once_for_all_that_ask_for_the_same():
    assert rules(grid()).count("graph") == 1
    other = grid()
    other["experiments"]["b"]["propagation"] = {
        **other["experiments"]["b"]["propagation"],
        **{"k": 20, "balance": "auto"},
    }
    assert rules(other).count("graph") == 2
    other["experiments"]["b"]["propagation"]["k"] = 50
    assert rules(other).count("graph") == 1  # a balance decides no graph
    assert rules(grid({"m": {"pre": "pretrained", "strategies": ["margin"]}})).count("graph") == 0


def test_probabilities_are_made_of_the_embeddings_and_the_head():
    found = plan.acquire_inputs(grid(), Cell("a", "m", "margin", 0, 1))
    assert {"embeddings", "head"} <= set(found) and "probabilities" not in found


def test_nothing_of_training_step_by_step_decides_a_fit():
    config = grid()
    words = config["experiments"]["a"]["methods"]["m"]
    how = config["datasets"]["digits"], config["experiments"]["a"]
    assert set(slices.fit(*how, words)) == {"network", "propagation"}
    assert set(slices.fit(*how, words | {"semi": "none"})) == {"network"}


def test_a_semi_of_steps_is_refused_and_one_of_pseudo_labels_is_not(plugin):
    plugin("semi", "steps", 'READS = ("semi",)\n\n\ndef phase(context): ...\n')
    plugin("semi", "guesses", 'READS = ("semi",)\n\n\ndef pseudo_label(state): ...\n')
    methods = {"m": {"pre": "pretrained", "semi": "steps", "strategies": ["random"]}}
    with pytest.raises(UserError, match="semi steps trains step by step, but network head is fit"):
        grid(methods)
    methods["m"]["semi"] = "guesses"
    assert "fit" in rules(grid(methods))


def test_a_network_that_does_not_define_what_it_declares_is_refused(plugin):
    from wholepool.job import registry

    plugin("network", "half", 'FITS = True\nEATS = "features"\n\n\ndef fit(): ...\n')
    with pytest.raises(UserError, match="must define the function embed"):
        registry.get("network", "half").load()
