"""What each job is given of the configuration, to the byte."""

from pathlib import Path

import pytest
import yaml

from wholepool.grid import slices
from wholepool.grid.config import resolve

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "workflow" / "tiny.yaml"

# As they were when the first results were made: with other bytes, though of the same meaning, every
# finished job of every grid would run again.
DATA = (
    '{"source":"digits","pool":{"size":200,"copies":"merge","sampling":"stratified","seed":0,"mean":null,'
    '"std":null,"grey_channels":1}}'
)
EMBED = (
    '{"network":{"name":"conv13","width":0.0625,"weight_norm":true,"dropout":0.5,"logit_scale":10,'
    '"precision":"float32"},"augment":{"translate":1,"flip":false,"embedding_view":"plain"}}'
)
PRETRAIN = (
    EMBED[:-1] + ',"deepcluster":{"epochs":2,"batch_size":50,"lr":0.02,"lr_decay":"cosine",'
    '"momentum":0.9,"nesterov":true,"weight_decay":0.0002,"clusters_per_class":2,'
    '"kmeans_iterations":20,"kmeans_start":"new","drop_last":false,"empty_clusters":"split",'
    '"head":"reset","sampling":"clusters","pca":null,"whiten":false,"pixel_epochs":1,'
    '"reassign_steps":0}}'
)
PROPAGATE = (
    '{"propagation":{"k":10,"search":"auto","recall":0.99,"gamma":3,"clip":true,'
    '"graph":"reciprocal","alpha":0.99,"labels":"onehot","tolerance":1e-06,'
    '"max_iterations":100,"normalize_weights":false}}'
)
OPTIMIZER = ',"optimizer":{"momentum":0.9,"nesterov":true,"weight_decay":0.0002}'
SUP = ',"sup":{"epochs":4,"batch_size":10,"lr":0.05,"cosine_period":1.05,"drop_last":false}'
FULL = ',"sup":{"epochs":2,"batch_size":50,"lr":0.05,"cosine_period":1.05,"drop_last":false}'
SEMI = (
    ',"semi":{"epochs":2,"batch_size":32,"labeled_size":10,'
    '"labeled_draw":"permutations","lr":0.05,"cosine_period":1.05,"epoch_share":0.5,'
    '"draw":"replacement","first_epochs":1,"drop_last":false,"weighted_loss":false},'
)
TRAIN = {
    "baseline": EMBED[:-1] + OPTIMIZER + SUP + "}",
    "full": EMBED[:-1] + OPTIMIZER + FULL + "}",
    "pre+semi": EMBED[:-1] + OPTIMIZER + SUP + SEMI + PROPAGATE[1:],
}
ACQUIRE = {
    "random": "{}",
    "uncertainty": "{}",
    "coreset": "{}",
    "ceal": '{"ceal":{"threshold":0.9,"decay":0.00033}}',
    "jlp": (
        '{"propagation":{"k":10,"search":"auto","recall":0.99,"gamma":3,"clip":true,"alpha":0.99,'
        '"tolerance":1e-06,"max_iterations":100},"jlp":{"graph":"union"}}'
    ),
}


@pytest.fixture(scope="module")
def config():
    return resolve(yaml.safe_load(TINY.read_text()))


def test_the_bytes_of_every_slice(config):
    dataset, experiment = config["datasets"]["digits"], config["experiments"]["tiny"]
    assert slices.as_json(slices.data(dataset)) == DATA
    assert slices.as_json(slices.answers(dataset)) == '{"oracle":"hidden"}'
    assert slices.as_json(slices.pretrain(dataset, "deepcluster")) == PRETRAIN
    assert slices.as_json(slices.embed(dataset)) == EMBED
    assert slices.as_json(slices.propagate(experiment)) == PROPAGATE
    for method, words in experiment["methods"].items():
        assert slices.as_json(slices.train(dataset, experiment, words)) == TRAIN[method]
    for strategy, expected in ACQUIRE.items():
        assert slices.as_json(slices.acquire(experiment, strategy)) == expected


def test_full_supervision_takes_its_own_schedule_and_changes_nobody_elses(config):
    dataset, experiment = config["datasets"]["digits"], config["experiments"]["tiny"]
    slices.train(dataset, experiment, experiment["methods"]["full"])
    assert experiment["sup"]["epochs"] == 4


@pytest.mark.parametrize("seed", [3, "3"])
def test_whose_draws(seed):
    own = slices.draw_seed({"seed_moves": "all"}, seed)
    assert own == seed and type(own) is type(seed)
    assert slices.draw_seed({"seed_moves": "initial"}, seed) == 7
