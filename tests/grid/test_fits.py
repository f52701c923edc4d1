"""What does not fit a pool is told before any job where it is known, with a remedy that works."""

import pytest
from configs import changed, minimal, refusal

from wholepool.grid import fits
from wholepool.grid.config import resolve

SOURCE = "KNOWN = {}\n\n\ndef read(settings, data_dir): ...\n"


@pytest.fixture
def known(plugin):
    """A grid on a source that knows this of itself: known(size=8, budget=...)."""

    def config(budget=10, **facts):
        plugin("source", "photos", SOURCE.replace("{}", repr(facts)))
        own = minimal()
        own["datasets"] = {"photos": {}}
        own["experiments"]["demo"] |= {"dataset": "photos", "budget": budget}
        return own

    return config


@pytest.mark.parametrize("size", [8, 11])
def test_images_below_the_network_s_least_size_are_refused(known, size):
    said = refusal(known(size=size))
    assert "experiments.demo: network conv13 takes images of at least 12 pixels" in said
    assert f"but these have {size}: enlarge them" in said


@pytest.mark.parametrize("size", [12, 15])
def test_a_batch_of_one_small_image_is_refused_and_the_advice_works(known, size):
    own = known(budget=11, size=size) | {"sup": {"batch_size": 10}}
    said = refusal(own)
    assert "in cycle 0 a batch of sup is one image (11 labels, sup.batch_size 10)" in said
    assert "set sup.drop_last to true, or enlarge" in said
    resolve(own | {"sup": {"batch_size": 10, "drop_last": True}})
    alone = own | {"sup": {"batch_size": 1, "drop_last": True}}
    assert "make sup.batch_size larger" in refusal(alone)
    resolve(known(budget=11, size=16) | {"sup": {"batch_size": 1}})


def test_a_later_cycle_s_batch_of_one_is_told_at_the_start(known):
    own = known(budget=7, size=12) | {"sup": {"batch_size": 5}, "cycles": 3, "initial": 10}
    assert "in cycle 0" not in (said := refusal(own | {"initial": 12}))
    assert "in cycle 2 a batch of sup is one image (26 labels" in said
    resolve(own | {"cycles": 2, "initial": 12})


def test_without_a_declared_size_nothing_is_said_of_it(known):
    resolve(known(n=500))


def test_the_pool_is_judged_by_the_same_words_as_what_a_source_knows():
    config = resolve(changed("cycles", 5))
    asked = fits.asked_of(config, "digits")
    facts = {"n": 49, "size": 8, "channels": 1, "classes": 11}
    faults = fits.pool_faults("digits", config["datasets"]["digits"], asked, facts)
    assert [fault.partition(",")[0] for fault in faults] == [
        "experiments.demo: network conv13 takes images of at least 12 pixels",
        "experiments.demo: initial is 10",
        "experiments.demo: 5 cycles need 50 labels (initial 10",
        "experiments.demo: propagation.k is 50",
    ]
    facts = {"n": 51, "size": 16, "channels": 1, "classes": 10}
    assert fits.pool_faults("digits", config["datasets"]["digits"], asked, facts) == []


def test_full_supervision_and_untrained_methods_have_no_batches_to_judge():
    config = changed("methods", {"full": {"labels": "all"}, "a": {"strategies": ["random"]}})
    config["methods"]["a"]["sup"] = {"batch_size": 7}
    asked = fits.asked_of(resolve(config), "digits")["experiments"]["demo"]
    assert asked["batches"] == [[7, False]]
