"""What can be wrong with what a training, or a strategy, is asked for."""

import json
import re

from commands import SETTINGS, with_settings
from spoiling import case, nothing


def diverged(phase: str, key: str) -> tuple[re.Pattern[str], ...]:
    """What is said wherever it shows first, in the loss, the weights or the predictions.

    The processor decides where: with AVX-512, a loss that is NaN elsewhere was 7e28.
    """
    return (
        re.compile(rf"diverged.*\b{phase} epoch \d"),
        re.compile(r"learning rate \d"),
        re.compile(rf"Make {re.escape(key)} smaller"),
    )


LONE_EPOCH = {"epochs": 3}
TRAINING = [
    case(
        "SUP diverges",
        "train",
        nothing,
        settings=with_settings(sup=LONE_EPOCH | {"lr": 1e30}),
    ).says(*diverged("sup", "sup.lr")),
    case(
        "SEMI diverges", "train", nothing, settings=with_settings(semi=LONE_EPOCH | {"lr": 1e30})
    ).says(*diverged("semi", "semi.lr")),
    case(
        "PRE diverges",
        "pretrain",
        nothing,
        settings=with_settings(deepcluster={"epochs": 3, "lr": 1e30}),
    ).says(*diverged("pretrain", "deepcluster.lr")),
    case("no GPU", "train", nothing, device="cuda").says("device", "cuda", "set device: auto"),
    case("zero threads", "train", nothing, threads=0).says("--threads", "0", "at least 1"),
    case("unknown PRE", "pretrain", nothing, pre="deepclustre").says(
        "--pre", "'deepclustre'", "did you mean deepcluster?"
    ),
    case("SEMI that is not there", "train", nothing, semi="propagation").says(
        "--semi", "'propagation'", "label_propagation"
    ),
    case("cell that is none", "train", nothing, cell="semi/0").says(
        "--cell", "semi/0", "experiment/method/strategy/seed/cycle"
    ),
    case("memory that is none", "train", nothing, pool_memory_mb="lots").says(
        "--pool-memory-mb", "'lots'", "auto"
    ),
    case(
        "section that is missing",
        "train",
        nothing,
        settings=json.dumps({key: SETTINGS[key] for key in ("network", "augment", "optimizer")}),
    ).says("--settings", "sup", "give"),
]

ASKING = [
    case("more queries than images", "acquire", nothing, budget=41).says(
        "--budget", "41", "ask for fewer"
    ),
    case("no queries asked", "acquire", nothing, budget=0).says("--budget", "0", "at least 1"),
    case("misspelt strategy", "acquire", nothing, strategy="core-set").says(
        "--strategy", "'core-set'", "did you mean coreset?"
    ),
    case("strategy without its array", "acquire", nothing, embeddings=None).says(
        "--embeddings", "coreset", "give"
    ),
    case(
        "strategy without its settings",
        "acquire",
        nothing,
        strategy="jlp",
        settings="{}",
    ).says("--settings", "propagation", "give"),
]
