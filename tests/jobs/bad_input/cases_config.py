"""What can be wrong with a grid's configuration, and with what the cost is told."""

from spoiling import both, case, config, gone, is_folder, nothing, text, torn

GRID = [
    case("unknown key", "cost", config("color", "red")).says(
        "unknown key color", "the configuration is wrong", "known: "
    ),
    case("misspelt key", "cost", config("cycels", 3)).says(
        "cycels", "unknown key", "did you mean cycles?"
    ),
    case("misspelt key in a section", "cost", config("sup/epoch", 3)).says(
        "sup.epoch", "unknown key", "did you mean epochs?"
    ),
    case(
        "budget larger than the pool",
        "cost",
        both(config("experiments/tiny/budget", 61), config("cycles", 2)),
    ).says("experiments.tiny", "budget 61", "make budget or cycles smaller"),
    case("cycles that outrun the pool", "cost", config("cycles", 7)).says(
        "experiments.tiny", "7 cycles need 62 labels", "make budget or cycles smaller"
    ),
    case("negative budget", "cost", config("experiments/tiny/budget", -5)).says(
        "experiments.tiny.budget", "-5", "minimum of 1"
    ),
    case("zero seeds", "cost", config("seeds", 0)).says("seeds", "0", "minimum of 1"),
    case("no seeds", "cost", config("seeds", [])).says("seeds", "[]", "non-empty"),
    case("the same seed twice", "cost", config("seeds", [1, 1])).says(
        "seeds", "[1, 1]", "How many repeats"
    ),
    case("unknown strategy", "cost", config("methods/semi/strategies", ["coresett"])).says(
        "experiments.tiny.methods.semi", "'coresett'", "did you mean coreset?"
    ),
    case("CEAL with SEMI", "cost", config("methods/semi/strategies", ["ceal"])).says(
        "experiments.tiny.methods.semi", "ceal", "remove it from this method's strategies"
    ),
    case("unknown SEMI", "cost", config("methods/semi/semi", "label_propagate")).says(
        "experiments.tiny.methods.semi", "'label_propagate'", "did you mean label_propagation?"
    ),
    case("as many neighbors as images", "cost", config("propagation/k", 60)).says(
        "propagation.k", "60", "below the pool's 60 images"
    ),
    case("fewer initial labels than classes", "cost", config("experiments/tiny/initial", 9)).says(
        "experiments.tiny", "initial is 9", "at least one label for each of 10 classes"
    ),
    case("no methods", "cost", config("methods", {})).says("methods", "{}", "non-empty"),
    case("no strategies", "cost", config("methods/semi/strategies", [])).says(
        "experiments.tiny.methods.semi", "strategies is empty", "name at least one"
    ),
    case("unknown data set", "cost", config("experiments/tiny/dataset", "digit")).says(
        "experiments.tiny", "'digit'", "did you mean digits?"
    ),
    case("unknown source", "cost", config("datasets/cifar", {"source": "cifar11"})).says(
        "datasets.cifar", "'cifar11'", "did you mean cifar10"
    ),
    case("pool larger than its source", "cost", config("datasets/digits/pool/size", 1298)).says(
        "datasets.digits", "1298", "make it smaller"
    ),
    case("a boolean for a number", "cost", config("sup/epochs", True)).says(
        "sup.epochs", "True", "not of type 'integer'"
    ),
    case("a word for a number", "cost", config("sup/lr", "fast")).says(
        "sup.lr", "'fast'", "not of type 'number'"
    ),
    case("not a number", "cost", config("sup/lr", float("nan"))).says(
        "sup.lr", "nan", "not of type 'number'"
    ),
    case("infinite", "cost", config("propagation/gamma", float("inf"))).says(
        "propagation.gamma", "inf", "not of type 'number'"
    ),
    case("no threads", "cost", config("threads", 0)).says("threads", "0", "minimum of 1"),
    case("unknown device", "cost", config("device", "gpu")).says(
        "device", "'gpu'", "must be one of auto, cpu, cuda"
    ),
    case("a number for a section", "cost", config("sup", 3)).says(
        "sup", "3", "not of type 'object'"
    ),
    case("a section left empty", "cost", config("sup", None)).says(
        "sup", "None", "give it a value, or remove the key"
    ),
    case("a name that a shell would run", "cost", config("datasets/x; touch pwned", {})).says(
        "datasets", "'x; touch pwned'", "Letters, digits and . _ + - only"
    ),
    case("a folder that a shell would split", "cost", config("results_dir", "a b$(id)")).says(
        "results_dir", "'a b$(id)'", "Where everything that is made goes"
    ),
    case("more labels than a batch holds", "cost", config("semi/labeled_size", 32)).says(
        "semi.labeled_size", "32", "below semi.batch_size"
    ),
    case("shift beyond the image", "cost", config("augment/translate", 16)).says(
        "augment.translate", "16", "below the 16 pixels"
    ),
    case("full supervision with a strategy", "cost", config("methods/semi/labels", "all")).says(
        "experiments.tiny.methods.semi", "labels is all", "remove its strategies"
    ),
    case("rates too few for the cosine", "cost", config("sup/cosine_period", 0.5)).says(
        "sup.cosine_period", "0.5", "minimum of 1"
    ),
    case("YAML with tabs", "cost", text("grid.yaml", "seeds: 1\nsup:\n\tepochs: 3\n")).says(
        "grid.yaml", "line 3", "spaces"
    ),
    case("YAML that breaks off", "cost", text("grid.yaml", "seeds: [1, 2\n")).says(
        "grid.yaml", "line 2", "not YAML"
    ),
    case("a key twice", "cost", text("grid.yaml", "seeds: 1\ncycles: 2\nseeds: 2\n")).says(
        "grid.yaml", "line 3: key 'seeds'", "keep one"
    ),
    case(
        "a key twice in a section", "cost", text("grid.yaml", "sup: {lr: 1, epochs: 2, lr: 3}")
    ).says("grid.yaml", "line 1: key 'lr'", "keep one"),
    case(
        "YAML that would run code",
        "cost",
        text("grid.yaml", "seeds: !!python/object/apply:os.system ['touch pwned']"),
    ).says("grid.yaml", "python/object/apply:os.system", "not YAML"),
    case("an empty grid", "cost", text("grid.yaml", "")).says(
        "grid.yaml", "empty", "datasets and experiments"
    ),
    case("a grid that is a list", "cost", text("grid.yaml", "- 1\n- 2\n")).says(
        "grid.yaml", "list", "datasets and experiments"
    ),
    case("a grid of bytes", "cost", text("grid.yaml", b"\xff\xfe\x00\x81")).says(
        "grid.yaml", "UTF-8", "not YAML"
    ),
    case("no grid", "cost", gone("grid.yaml")).says("grid.yaml", "is missing", "--config"),
    case("a folder for a grid", "throughput", is_folder("grid.yaml")).says(
        "grid.yaml", "directory", "--config"
    ),
    case("an old key", "cost", config("pretrain", {"epochs": 1})).says(
        "pretrain", "is an old key", "write deepcluster"
    ),
    case("torn rates", "cost", torn("rates.json")).says(
        "rates.json", "no file of measured rates", "make one"
    ),
    case("rates without networks", "cost", nothing).says(
        "the rates of toy", "no networks", "measure with"
    ),
    case("no jobs at a time", "cost", nothing, jobs=0).says("--jobs", "0", "at least 1"),
]
