# wholepool: configuration, validation, includes, the targets. Nothing else.
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.16")

# not workflow.source_path: that is another path in every run, so jobs that have it would run again
ROOT = Path(workflow.current_basedir)
# the package of this checkout, whether it is installed or not
sys.path.insert(0, str(ROOT / "src"))


# a grid given with --configfile replaces the demo; Snakemake alone would merge the two
if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/stage.smk"
include: "rules/progress.smk"
include: "rules/driver.smk"
include: "rules/records.smk"
include: "rules/people_functions.smk"
include: "rules/page_functions.smk"
include: "rules/data.smk"
include: "rules/pretrain.smk"
include: "rules/cycle.smk"
include: "rules/people.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/statistics.smk"
include: "rules/compare.smk"
include: "rules/cost.smk"


# Beside Snakemake, not on the cluster: what needs the internet or takes a second.
localrules:
    data,
    data_of_people,
    initial,
    label_all,
    answered,
    batch,
    standing,
    next_batch,
    all,
    all_tables,
    all_figures,
    runs,
    tables,
    pretraining,
    figures,
    statistics,
    all_statistics,
    report,
    compare_with_paper,
    cost,


rule all:
    default_target: True
    input:
        rules.all_tables.input,
        rules.all_figures.input,
        rules.all_statistics.input,
        rules.report.output,
