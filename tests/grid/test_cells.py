import pytest

from wholepool.grid import cells as grid


def experiment(cycles=5, seeds=(0, 1, 2), **strategies):
    return {
        "dataset": "mnist",
        "budget": 10,
        "initial": 20,
        "cycles": cycles,
        "seeds": list(seeds),
        "sup": {"batch_size": 10, "epochs": 3},
        "semi": {"batch_size": 64, "epochs": 3},
        "published_accuracy": None,
        "methods": {
            method: {"labels": "acquired", "pre": "none", "semi": "none", "strategies": names}
            for method, names in strategies.items()
        },
    }


@pytest.mark.parametrize("cycles", [1, 2, 5])
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_cell_counts(cycles, seeds):
    words = experiment(cycles, seeds, baseline=["random", "jlp", "ceal"], semi=["random"])
    found = list(grid.cells({"digits": words}))
    for method, strategies in (("baseline", 3), ("semi", 1)):
        for seed in seeds:
            mine = [c for c in found if c.method == method and c.seed == seed]
            assert len(mine) == 1 + strategies * (cycles - 1)
            assert [c.strategy for c in mine if c.cycle == 0] == ["initial"]
            assert "initial" not in [c.strategy for c in mine if c.cycle > 0]
    assert len(found) == len(set(found)) == len(seeds) * (2 + 4 * (cycles - 1))
    assert len({c.path for c in found}) == len(found)


def test_cells_of_a_plan_by_hand():
    plan = {
        "one": experiment(3, (4, 7), baseline=["random", "jlp"]),
        "two": experiment(2, (0,), semi=["coreset"], pre=["random"]),
    }
    words = [(c.experiment, c.method, c.strategy, c.seed, c.cycle) for c in grid.cells(plan)]
    assert words == [
        ("one", "baseline", "initial", 4, 0),
        ("one", "baseline", "random", 4, 1),
        ("one", "baseline", "random", 4, 2),
        ("one", "baseline", "jlp", 4, 1),
        ("one", "baseline", "jlp", 4, 2),
        ("one", "baseline", "initial", 7, 0),
        ("one", "baseline", "random", 7, 1),
        ("one", "baseline", "random", 7, 2),
        ("one", "baseline", "jlp", 7, 1),
        ("one", "baseline", "jlp", 7, 2),
        ("two", "semi", "initial", 0, 0),
        ("two", "semi", "coreset", 0, 1),
        ("two", "pre", "initial", 0, 0),
        ("two", "pre", "random", 0, 1),
    ]


def test_published_accuracy_is_one_cell_a_seed():
    plan = {"one": experiment(3, (4, 7), baseline=["random"])}
    plan["one"]["methods"]["full"] = {
        "labels": "all",
        "pre": "none",
        "semi": "none",
        "strategies": [],
    }
    full = [cell for cell in grid.cells(plan) if cell.method == "full"]
    assert [(cell.strategy, cell.seed, cell.cycle) for cell in full] == [
        ("all", 4, 0),
        ("all", 7, 0),
    ]
    assert full[0].path == "runs/one/full/all/seed4/cycle0"


def test_paths():
    cell = grid.Cell("digits", "pre+semi", "jlp", 3, 2)
    assert cell.path == "runs/digits/pre+semi/jlp/seed3/cycle2"


def test_no_experiments_have_no_cells():
    assert list(grid.cells({})) == []


def test_the_summary_has_the_plan_and_not_the_settings():
    config = {
        "datasets": {"mnist": {"oracle": "hidden"}},
        "experiments": {"one": experiment(baseline=["random"])},
        "tables": {"ablation_strategies": ["random", "jlp"]},
        "results": "results",
    }
    found = grid.summary(config)
    assert found["ablation_strategies"] == ["random", "jlp"]
    one = found["experiments"]["one"]
    assert one["batch_size"] == 10
    assert one["semi_batch_size"] == 64
    assert one["answers"] == "all"
    assert "sup" not in one
    assert list(grid.cells(found["experiments"])) == list(grid.cells(config["experiments"]))


def test_the_summary_says_whether_the_oracle_answers_all(plugin):
    code = 'KNOWS = "some"\n\n\ndef answer(queries, hidden, settings): ...\n'
    plugin("oracle", "half", code)
    for oracle, answers in (("hidden", "all"), ({"name": "half", "share": 0.5}, "some")):
        config = {
            "datasets": {"mnist": {"oracle": oracle}},
            "experiments": {"one": experiment(baseline=["random"])},
            "tables": {"ablation_strategies": ["random"]},
        }
        assert grid.summary(config)["experiments"]["one"]["answers"] == answers
