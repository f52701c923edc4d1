# What the rules in people.smk call.
def people_only(yes):
    """A wildcard constraint: the data sets whose labels come from people, or the others."""
    return either(name for name, own in DATASETS.items() if people.closes(own) == yes)


def kept(wildcards):
    """Where what is known of a folder stays, also when its pool is made again; None without people."""
    mine = people.closes(DATASETS[wildcards.dataset])
    return f"{RESULTS}/datasets/{wildcards.dataset}/kept" if mine else None


def closed(wildcards):
    """How many cycles of an experiment are closed."""
    return str(EXPERIMENTS[wildcards.experiment]["cycles"])


def of_last_cycle(wildcards):
    """The inputs of standing; before the first cycle is closed there is none."""
    if EXPERIMENTS[wildcards.experiment]["cycles"] == 0:
        raise WorkflowError(
            f"{wildcards.experiment}: no cycle is closed yet, so nothing was learned: label the "
            "batch first, then close it with wholepool next"
        )
    return below_results(people_files.standing_inputs(SETTINGS, wildcards.experiment))


def predicted_before(wildcards):
    """What the cycles before the last have predicted, where it still is."""
    name, experiment = wildcards.experiment, EXPERIMENTS[wildcards.experiment]
    cells = [
        people.last_cell(name, {**experiment, "cycles": cycle})
        for cycle in range(1, experiment["cycles"])
    ]
    return [f"{RESULTS}/{written.placed(cell.path, 'predict_pool')['out']}" for cell in cells]


def of_people(wildcards):
    """The slice of the config for what people get."""
    own = dataset_of(wildcards)
    return slices.answers(own) | slices.read_head(own)
