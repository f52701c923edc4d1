"""`initial: {strategy: ...}`: the first images are asked for from zero labels."""

import pytest

from wholepool.grid import joblist, made, slices
from wholepool.grid.cells import initial_size, summary
from wholepool.grid.config import resolve
from wholepool.job.errors import UserError


def grid(initial, methods=None, **more):
    words = methods or {"m": {"pre": "deepcluster", "strategies": ["random"]}}
    experiment = {"dataset": "digits", "budget": 5, "initial": initial, "methods": words, **more}
    return resolve({"datasets": {"digits": {}}, "experiments": {"e": experiment}, "seeds": 2})


@pytest.mark.parametrize(
    ("initial", "says"),
    [
        ({"strategy": "margin"}, "margin cannot ask before there are labels: take one of"),
        ({"strategy": "typiclast"}, "did you mean typiclust"),
        ({"strategy": "typiclust", "pre": "none"}, "there is none: name it"),
        ({"strategy": "typiclust", "pre": "deepclust"}, "'deepclust' is unknown; did you mean"),
        ({"strategy": "typiclust", "pre": "pretrained"}, "gives the network features"),
        ({"strategi": "typiclust"}, "did you mean strategy"),
        ({"strategy": "random", "size": 2000}, "but the pool has 1297 images"),
        (3, "or let a strategy ask for them: initial: {strategy: typiclust, size: 3}"),
    ],
)
def test_a_start_that_cannot_be_is_refused(initial, says):
    with pytest.raises(UserError) as caught:
        grid(initial)
    assert says in str(caught.value)


def test_methods_of_several_pres_must_say_whose_embeddings():
    methods = {
        "a": {"pre": "deepcluster", "strategies": ["random"]},
        "b": {"strategies": ["random"]},
    }
    with pytest.raises(UserError, match="the methods have several"):
        grid({"strategy": "typiclust"}, methods)
    found = grid({"strategy": "typiclust", "pre": "deepcluster"}, methods)
    assert found["experiments"]["e"]["initial"]["pre"] == "deepcluster"


def test_a_strategy_that_looks_at_nothing_needs_no_pre():
    config = grid({"strategy": "random", "size": 3})
    assert config["experiments"]["e"]["initial"] == {"strategy": "random", "size": 3, "pre": "none"}
    (first, second) = [job for job in joblist.planned(config) if job.rule == "ask"]
    assert "embeddings" not in first.inputs and first.outputs != second.outputs


def test_the_size_is_the_budget_where_it_is_not_given():
    config = grid({"strategy": "typiclust"})
    assert initial_size(config["experiments"]["e"]["initial"]) == 5
    assert summary(config)["experiments"]["e"]["initial"] == 5


@pytest.mark.parametrize(("drawn", "count"), [("once", 1), ("per_seed", 2)])
def test_what_is_asked_of_is_embedded_once_for_each_draw_of_its_pre(drawn, count):
    config = grid({"strategy": "typiclust"}, pre_drawn=drawn)
    jobs = list(joblist.planned(config))
    embedded = [job for job in jobs if job.rule == "embed_pool"]
    asked = [job for job in jobs if job.rule == "ask"]
    assert len(embedded) == count and len(asked) == 2
    assert {job.outputs["embeddings"] for job in embedded} == {
        job.inputs["embeddings"] for job in asked
    }
    assert all("theta" in job.inputs for job in embedded)
    drawn_at = {job.inputs["queries"] for job in jobs if job.rule == "initial"}
    assert drawn_at == {job.outputs["out"] for job in asked}


def test_a_pre_that_no_method_has_is_made_for_the_start():
    methods = {"m": {"strategies": ["random"]}}
    config = grid({"strategy": "typiclust", "pre": "deepcluster"}, methods)
    assert "pretrain" in {job.rule for job in joblist.planned(config)}
    assert "deepcluster" in config["datasets"]["digits"]


def test_the_starting_strategys_section_decides_what_is_asked():
    config = grid({"strategy": "typiclust"})
    experiment = config["experiments"]["e"]
    assert "typiclust" in slices.acquire(experiment, "typiclust")
    told = {path: says for path, _, says in made.of_results(config)}
    says = told["runs/e/initial/seed0/queries.parquet"]
    assert (says["strategy"], says["budget"], says["pre"]) == ("typiclust", "5", "deepcluster")


def test_a_balanced_start_is_planned_as_ever():
    rules = {job.rule for job in joblist.planned(grid(10))}
    assert not {"ask", "embed_pool"} & rules
