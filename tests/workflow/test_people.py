"""People in a grid: a simulated person who answers through the journal, and what must stay."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from models import photograph
from PIL import Image
from running import snakemake
from simulated import answer, answer_batch, close

from wholepool.labeling import journal
from wholepool.labeling.audit import rank

KINDS = ("dark", "light", "green")
CYCLES = 3
TRAJECTORY = "results/runs/labels/semi"


def config_of(folder, name, oracle, **more):
    """A config file in the folder."""
    config = {
        "results_dir": "results",
        "data_dir": ".",
        "device": "cpu",
        "datasets": {
            "photos": {
                "source": {"name": "folder", "path": "photos", "labels": "folders", "size": 40},
                "oracle": oracle,
                "network": {"name": "head"},
            }
        },
        "pretrained": {"size": 32},
        "experiments": {
            "labels": {"dataset": "photos", "budget": 6, "initial": {"strategy": "typiclust"}}
        },
        "cycles": CYCLES,
        "seeds": 1,
        "methods": {
            "semi": {
                **{"pre": "pretrained", "semi": "label_propagation"},
                "strategies": ["typiclust"],
            }
        },
        "propagation": {"k": 5, "balance": "auto"},
    } | more
    path = folder / name
    path.write_text(yaml.safe_dump(config))
    return path


def truth(path):
    return path.split("/")[0]


def photos(folder, n=45, seed=0):
    rng = np.random.default_rng(seed)
    for at in range(n):
        photograph(folder, f"{KINDS[at % 3]}/{at:03d}.png", at % 3, rng)


@pytest.fixture(scope="module")
def hidden(tmp_path_factory):
    """The grid with the hidden oracle, run to its end."""
    folder = tmp_path_factory.mktemp("hidden")
    photos(folder / "photos")
    config = config_of(folder, "hidden.yaml", "hidden")
    cells = [of_cycle(folder, cycle, "metrics.json") for cycle in range(CYCLES)]
    ends = [str(path.relative_to(folder)) for path in cells]
    snakemake(folder, "--cores", "2", *ends, config=config)
    return folder


def batch_of(folder):
    return folder / "results/people/labels/batch.json"


def of_cycle(folder, cycle, name):
    strategy = "typiclust" if cycle else "initial"
    return folder / f"{TRAJECTORY}/{strategy}/seed0/cycle{cycle}" / name


def columns(path):
    return pq.read_table(path).to_pydict()


def test_a_person_through_the_journal_ends_in_the_bytes_of_the_hidden_oracle(hidden, tmp_path):
    shutil.copytree(hidden / "photos", tmp_path / "photos")
    oracle = {"name": "journal", "answers": "a.jsonl", "audit_reserve": 0}
    config, said = config_of(tmp_path, "people.yaml", oracle), tmp_path / "a.jsonl"
    for cycle in range(CYCLES):
        snakemake(tmp_path, "--cores", "2", "next_batch", config=config)
        answer_batch(said, batch_of(tmp_path), truth, annotator="ann")
        # two who disagree with her in one image, and one who errs where two say what is true
        batch = json.loads(batch_of(tmp_path).read_text())["images"]
        for who in ("bob", "eve"):
            answer_batch(said, batch_of(tmp_path), truth, annotator=who, count=2)
        answer(said, batch[0]["image"], batch[0]["path"], "light", cycle, "carl")
        close(said, cycle)
    snakemake(tmp_path, "--cores", "2", "next_batch", config=config)
    for cycle in range(CYCLES):
        for name in ("head.npy", "test_probabilities.npy"):
            mine, wanted = (of_cycle(one, cycle, name) for one in (tmp_path, hidden))
            assert mine.read_bytes() == wanted.read_bytes(), (cycle, name)
        mine, wanted = (of_cycle(one, cycle, "pseudo_labels.parquet") for one in (tmp_path, hidden))
        assert columns(mine) == columns(wanted)
        place = "initial/seed0" if cycle == 0 else f"semi/typiclust/seed0/cycle{cycle}"
        wanted = columns(hidden / f"results/runs/labels/{place}/labeled.parquet")
        mine = tmp_path / f"results/runs/labels/answered/closed{cycle + 1}/labeled.parquet"
        assert columns(mine) == wanted
    status = json.loads((batch_of(tmp_path).parent / "status.json").read_text())
    assert status["agreement"]["annotators"] == 4 and status["agreement"]["share"] < 1


def test_images_that_come_later_keep_the_places_and_answers_of_the_others(hidden, tmp_path):
    shutil.copytree(hidden / "photos", tmp_path / "photos")
    oracle = {"name": "journal", "answers": "a.jsonl", "audit_reserve": 0.2}
    config, said = config_of(tmp_path, "people.yaml", oracle), tmp_path / "a.jsonl"
    snakemake(tmp_path, "--cores", "2", "next_batch", config=config)
    answer_batch(said, batch_of(tmp_path), truth)
    close(said, 0)
    snakemake(tmp_path, "--cores", "2", "next_batch", config=config)
    before = columns(tmp_path / "results/datasets/photos/images.parquet")
    labeled = columns(tmp_path / "results/runs/labels/answered/closed1/labeled.parquet")
    # the first by path is new, one is renamed, one is gone
    photograph(tmp_path / "photos", "dark/000a.png", 0, np.random.default_rng(9))
    with Image.open(tmp_path / "photos/dark/000.png") as image:  # of the same pixels, not bytes
        image.save(tmp_path / "photos/dark/000b.png", compress_level=0)
    (tmp_path / "photos/green/002.png").rename(tmp_path / "photos/green/z.png")
    (tmp_path / "photos/green/005.png").unlink()
    answer_batch(said, batch_of(tmp_path), truth)
    close(said, 1)
    snakemake(tmp_path, "--cores", "2", "next_batch", config=config)
    after = columns(tmp_path / "results/datasets/photos/images.parquet")
    assert after["image"][: len(before["image"])] == before["image"]
    assert after["paths"][len(before["image"]) :] == [["dark/000a.png"], ["dark/000b.png"]]
    assert after["gone"].count(True) == 1
    assert ["green/z.png"] in after["paths"]
    now = columns(tmp_path / "results/runs/labels/answered/closed2/labeled.parquet")
    pairs = set(zip(labeled["index"], labeled["label"], strict=True))
    assert pairs < set(zip(now["index"], now["label"], strict=True))
    status = json.loads((batch_of(tmp_path).parent / "status.json").read_text())
    assert status["images"]["n"] == 47 and status["images"]["gone"] == 1
    assert [one["labels"] for one in status["cycles"]] == sorted(
        one["labels"] for one in status["cycles"]
    )
    rows = (batch_of(tmp_path).parent / "predictions.csv").read_text().splitlines()
    assert len(rows) == 1 + 46 and not [row for row in rows if "005.png" in row]
    images = {line["image"] for line in journal.read(said)[0] if line["kind"] == "answer"}
    trained = {after["image"][at] for at in now["index"]}
    assert {image for image in images if rank(image) >= 0.2} == trained


def test_results_that_are_deleted_are_made_again_from_the_journal(hidden, tmp_path):
    shutil.copytree(hidden / "photos", tmp_path / "photos")
    oracle = {"name": "journal", "answers": "a.jsonl", "audit_reserve": 0.2}
    config, said = config_of(tmp_path, "people.yaml", oracle), tmp_path / "a.jsonl"
    for cycle in range(2):
        snakemake(tmp_path, "--cores", "2", "next_batch", config=config)
        answer_batch(said, batch_of(tmp_path), truth)
        close(said, cycle)
    snakemake(tmp_path, "--cores", "2", "next_batch", config=config)
    names = ("batch.json", "predictions.csv", "suspicious.csv")
    before = {name: (batch_of(tmp_path).parent / name).read_bytes() for name in names}
    shutil.rmtree(tmp_path / "results")
    snakemake(tmp_path, "--cores", "2", "next_batch", config=config)
    for name, content in before.items():
        assert (batch_of(tmp_path).parent / name).read_bytes() == content, name


def test_tables_of_a_grid_with_people_can_be_made(hidden, tmp_path):
    shutil.copytree(hidden / "photos", tmp_path / "photos")
    oracle = {"name": "journal", "answers": "a.jsonl", "audit_reserve": 0.2}
    source = {"name": "folder", "path": "photos", "size": 40}
    datasets = {"photos": {"source": source, "oracle": oracle, "network": {"name": "head"}}}
    config = config_of(tmp_path, "people.yaml", oracle, datasets=datasets)
    said = tmp_path / "a.jsonl"
    snakemake(tmp_path, "--cores", "2", "next_batch", config=config)
    answer_batch(said, batch_of(tmp_path), truth)
    close(said, 0)
    snakemake(tmp_path, "--cores", "2", "all", config=config)
    assert (tmp_path / "results/tables/accuracy.csv").exists()
