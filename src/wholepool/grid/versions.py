"""The version of each stage: raised when its results change on purpose.

Snakemake passes it to the stage's job as a parameter, so that a raised version makes the jobs of
that stage, and what depends on them, run again. Edits that change no result leave it. A plug-in has
a version of its own, in its module. (A job that needs an embedding which was temporary has it
made again, and then whatever else reads it runs again too.)
"""

from wholepool.job import registry

VERSIONS = {
    "data": 1,
    "initial": 1,
    "label_all": 1,
    "pretrain": 1,
    "features": 1,
    "diagnose": 1,
    "train": 1,
    "embed": 1,
    "read_head": 1,
    "propagate": 1,
    "evaluate": 1,
    "acquire": 1,
    "label": 1,
    "runs": 4,
    "pretraining": 2,
    "tables": 2,
    "figures": 2,
    "compare_with_paper": 3,
}


def version(stage: str, **plugins: str) -> str:
    """The version of a stage with the plug-ins that it runs, a name by kind; "none" is none."""
    parts = [f"{stage} {VERSIONS[stage]}"]
    for kind, name in plugins.items():
        if name != "none":
            parts.append(f"{name} {registry.get(kind, name)['VERSION']}")
    return ", ".join(parts)
