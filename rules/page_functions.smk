# What the rules call that make tables and figures.
def item(name, label, category="Tables"):
    """An output that Snakemake's report shows."""
    return report(name, caption=f"../workflow/report/{label}.rst", category=category)


def pages(stage):
    """What the pages of a stage make, see wholepool/report/pages; Snakemake's report shows some."""
    shown = {"tables/accuracy.csv": ("accuracy", "Tables")}
    shown |= {
        name: ("figures", "Figures") for name in build.files("figures") if name.endswith("png")
    }
    return [
        item(f"{RESULTS}/{name}", *shown[name]) if name in shown else f"{RESULTS}/{name}"
        for name in build.files(stage)
    ]


def page_versions(stage):
    """The version of a stage that makes pages: its own, and each page's."""
    parts = [versions.version(stage), *(page.version for page in build.of_stage(stage))]
    return ", ".join(parts)


def acquired_files(wildcards=None):
    """What the page of what was acquired reads; all of it stays."""
    found = acquired.files(SETTINGS)
    return [path for name, file in found for path in below_results({name: file}).values()]
