"""Nothing that is read from disk runs code, and nothing hands text to a shell."""

import ast
import importlib.util
import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toys import Payload

from wholepool import __main__ as cli
from wholepool.job.checkpoints import Checkpoints
from wholepool.job.errors import UserError
from wholepool.learn import backbones
from wholepool.learn.weights import load_weights

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "src").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
#: modules whose reading, or whose calls, run what they are given
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
NAMES = {"eval", "exec", "compile", "__import__"}
CALLS = {
    *("torch.load", "torch.hub.load", "torch.jit.load", "yaml.load", "yaml.load_all"),
    *("yaml.full_load", "yaml.unsafe_load", "pd.read_pickle", "pandas.read_pickle"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"),
    *("shutil.unpack_archive", "np.loads", "numpy.loads"),
}
METHODS = {"extractall", "extract", "unpack_archive"}
#: the one pickle that is read: weights of an installed package, whose SHA-256 stands in the code
KNOWN_BYTES = {
    "src/wholepool/learn/backbones.py": (
        "torch.load(io.BytesIO(content), map_location='cpu', weights_only=True)"
    )
}


def unsafe(source):
    """What in a Python source could run code that was read, as (line, what)."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = []
        found += [(node.lineno, name) for name in names if name.split(".")[0] in MODULES]
        found += [(node.lineno, name) for name in names if name in CALLS]
        if isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            found += [(node.lineno, f"{{{key!r}: ...}}") for key in keys if key == "shell"]
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in NAMES | CALLS or called.split(".")[-1] in METHODS:
            found.append((node.lineno, called))
        for keyword in node.keywords:
            # NumPy allows no pickle unless it is told to: since 1.16.3, and ours is 1.26 or newer
            if keyword.arg in ("allow_pickle", "shell") and ast.unparse(keyword.value) != "False":
                found.append((node.lineno, f"{called}({ast.unparse(keyword)})"))
            if keyword.arg is None and called.split(".")[-1] == "load":
                found.append((node.lineno, f"{called}(**...)"))
    return found


def test_nothing_in_the_code_runs_what_it_reads():
    assert len(FILES) > 40
    found = {}
    for path in FILES:
        name, source = str(path.relative_to(ROOT)), path.read_text()
        if known := KNOWN_BYTES.get(name):
            source = ast.unparse(ast.parse(source))
            assert source.count(known) == 1, name
            source = source.replace(known, "known")
        found[name] = unsafe(source)
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_pickle_in_the_place_of_the_known_bytes_is_not_read(tmp_path, ran, monkeypatch):
    (tmp_path / "__init__.py").touch()
    (tmp_path / backbones.FILE).parent.mkdir()
    torch.save(Payload(ran), tmp_path / backbones.FILE)
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(UserError, match="is damaged or another: its SHA-256 is"):
        backbones.installed(backbones.INSTALLED, "here")


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads as read",
        "import joblib.numpy_pickle",
        "from torch import load",
        "torch.load(path)",
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=wanted)",
        "np.load(path, **options)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "eval(text)",
        "exec(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, **{'shell': True})",
        "tarfile.open(path).extractall(folder)",
        "pd.read_pickle(path)",
    ],
)
def test_the_search_finds(source):
    assert unsafe(source)


def test_the_search_lets_be():
    safe = "network.eval(); np.load(path, allow_pickle=False); yaml.safe_load(text)"
    assert unsafe(f"{safe}; subprocess.run(['git', text], check=True)") == []


# files in the place of the project's own


@pytest.fixture
def ran(tmp_path):
    """Does not exist unless a payload was read."""
    path = tmp_path / "ran"
    pickle.loads(pickle.dumps(Payload(path)))
    assert path.exists()  # so it works
    path.unlink()
    yield path
    assert not path.exists()


def test_weights_that_are_a_pickle_are_refused(tmp_path, ran):
    path = tmp_path / "model.safetensors"
    torch.save({"weight": Payload(ran)}, path)
    with pytest.raises(UserError, match="not a complete safetensors file"):
        load_weights(path)
    path.write_bytes(pickle.dumps(Payload(ran)))
    with pytest.raises(UserError, match="not a complete safetensors file"):
        load_weights(path)


def test_a_checkpoint_that_is_a_pickle_is_set_aside(tmp_path, ran):
    folder = tmp_path / "model.checkpoints"
    folder.mkdir()
    torch.save(Payload(ran), folder / "checkpoint-0.wholepool")
    assert Checkpoints(folder, {}).load() is None
    assert (folder / "checkpoint-0.set-aside").exists()


def test_arrays_of_objects_are_not_read(tmp_path, ran):
    objects = np.array([Payload(ran)], dtype=object)
    np.save(tmp_path / "embeddings.npy", objects, allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        np.load(tmp_path / "embeddings.npy")


@pytest.mark.parametrize("tag", ["apply", "new"])
@pytest.mark.usefixtures("clean_process")
def test_a_grid_that_names_python_objects_is_refused(tmp_path, ran, capsys, tag):
    grid = tmp_path / "grid.yaml"
    grid.write_text(f"results_dir: !!python/object/{tag}:os.system [{json.dumps(f'touch {ran}')}]")
    assert cli.main(["cost", "--config", str(grid)]) == 2
    assert "could not determine a constructor" in capsys.readouterr().err
