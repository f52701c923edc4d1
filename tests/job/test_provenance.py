"""What results say of themselves: the commit, digests, times, and how settings differ."""

import datetime
import subprocess
import time
from pathlib import Path

import pytest

from wholepool.job import provenance


@pytest.fixture(autouse=True)
def forget():
    provenance.checkout.cache_clear()
    yield
    provenance.checkout.cache_clear()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git checkout with a package in src/, which provenance takes for its own."""
    package = tmp_path / "src" / "wholepool"
    (package / "job").mkdir(parents=True)
    for path in (
        package / "__init__.py",
        package / "job" / "provenance.py",
        tmp_path / "Snakefile",
    ):
        path.write_text("")
    monkeypatch.setattr(provenance, "__file__", str(package / "job" / "provenance.py"))

    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(
            ["git", *who, "-C", str(tmp_path), *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    return tmp_path, git


def test_the_commit_is_that_of_the_code(repository):
    _, git = repository
    assert provenance.checkout() == (git("rev-parse", "HEAD"), False)
    assert provenance.commit() == git("rev-parse", "HEAD")


def test_the_commit_of_this_very_checkout_is_found(monkeypatch):
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        pytest.skip("this is no checkout")
    assert provenance.commit() == "unknown"  # as in all tests: see conftest.py
    provenance.checkout.cache_clear()
    monkeypatch.delenv("GIT_CEILING_DIRECTORIES")
    head = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    )
    assert provenance.commit().removesuffix("-dirty") == head.stdout.strip()


@pytest.mark.parametrize(
    ("file", "dirty"),
    [
        ("src/wholepool/job/provenance.py", True),
        ("src/wholepool/strategies/new.py", True),
        ("Snakefile", True),
        ("rules/cycle.smk", True),
        ("my-grid.yaml", False),  # a grid is told by its settings
        ("evidence/mine/runs.csv", False),
    ],
)
def test_dirty_is_what_decides_results(repository, file, dirty):
    folder, git = repository
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("changed")
    assert provenance.checkout() == (git("rev-parse", "HEAD"), dirty)
    assert provenance.commit().endswith("-dirty") == dirty


def test_the_repository_around_an_installed_package_is_not_its_commit(repository):
    folder, git = repository
    git("rm", "--quiet", "-r", "--cached", "src")
    git("commit", "--quiet", "--message", "a user's own, with a virtual environment in it")
    assert (folder / "src/wholepool/__init__.py").exists()
    assert provenance.checkout() is None
    assert provenance.commit() == "unknown"


def test_without_a_checkout_or_without_git_the_commit_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(
        provenance, "__file__", str(tmp_path / "wholepool" / "job" / "provenance.py")
    )
    assert provenance.commit() == "unknown"
    provenance.checkout.cache_clear()
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit() == "unknown"


def test_equal_settings_have_equal_digests():
    settings = {"sup": {"lr": 0.05, "epochs": 2, "mean": [0.5, 1.0]}, "é": None}
    # printf %s '{"sup":{"epochs":2,"lr":0.05,"mean":[0.5,1]},"é":null}' | sha256sum | cut -c1-16
    assert provenance.digest(settings) == "eeee1d4fefda2144"
    turned = {"é": None, "sup": {"mean": [0.5, 1], "epochs": 2.0, "lr": 0.05}}
    assert provenance.digest(turned) == provenance.digest(settings)
    for other in (
        {**settings, "sup": {**settings["sup"], "lr": 0.06}},
        {**settings, "sup": {**settings["sup"], "lr": "0.05"}},
        {**settings, "é": False},
    ):
        assert provenance.digest(other) != provenance.digest(settings)


def test_times_are_of_this_attempt_and_seconds_of_all():
    found = provenance.times(time.monotonic() - 90, spent=1000.0, resumed=2)
    assert tuple(found) == provenance.TIMES
    assert 1090 <= float(found["seconds"]) < 1095 and found["resumed"] == "2"
    started, finished = (datetime.datetime.fromisoformat(found[n]) for n in provenance.TIMES[:2])
    assert started.utcoffset() == datetime.timedelta(0)
    assert 89 <= (finished - started).total_seconds() <= 91
    assert abs((datetime.datetime.now(datetime.UTC) - finished).total_seconds()) < 5


def test_a_training_says_all_that_a_repetition_would_find_again():
    found = provenance.of_training(
        {"sup": {"lr": 1}}, "train 1", "abc", "cpu", 2, "float32", "2.15", seed=4, draw_seed=7
    )
    assert set(found) == {*provenance.REPEATED, "seed", "version"}
    assert all(isinstance(value, str) for value in found.values())
    assert (found["seed"], found["draw_seed"], found["fingerprint"]) == ("4", "7", "abc")
    assert found["settings"] == '{"sup": {"lr": 1}}'
    assert found["settings_digest"] == provenance.digest({"sup": {"lr": 1}})


def test_differences_are_named_key_by_key():
    then = {"a": {"k": 10, "same": 1, "gone": 2}, "list": [1, 2], "n": 3}
    now = {"a": {"k": 12, "same": 1.0, "new": False}, "list": [1, 3], "n": 3}
    assert provenance.differences(then, now) == [
        ("a.k", 10, 12),
        ("a.gone", 2, None),
        ("a.new", None, False),
        ("list", [1, 2], [1, 3]),
    ]
    assert provenance.differences(then, then) == []
