"""A package of a lab's own, with plug-ins in it, for tests: installed by files on sys.path."""

import importlib
import sys
from pathlib import Path

from wholepool.grid import sections
from wholepool.job import registry


def write(folder, kind, name, code, section=None):
    """Add a plug-in to the package `lab` in `folder`, with its section of the config if given."""
    package, info = Path(folder) / "lab", Path(folder) / "lab-1.0.dist-info"
    package.mkdir(parents=True, exist_ok=True)
    info.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    (package / f"{kind}_{name}.py").write_text(code)
    if section is not None:
        (package / f"{kind}_{name}.yaml").write_text(section)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n")
    with open(info / "entry_points.txt", "a") as file:
        file.write(f"[wholepool.{kind}]\n{name} = lab.{kind}_{name}\n")


def forget():
    """Have the registry, and the sections made of it, look again."""
    for name in [name for name in sys.modules if name == "lab" or name.startswith("lab.")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    for cached in (registry.plugins, registry.declarations, registry.defined, registry.section):
        cached.cache_clear()
    for cached in (sections.own_sections, sections.schema, sections.reads):
        cached.cache_clear()
