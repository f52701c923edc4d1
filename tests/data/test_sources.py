"""What a source gives: digits, and a lab's own."""

from pathlib import Path

import numpy as np
import pytest
from folders import TORCHVISION

from wholepool.data.sources import load, photographs, with_channels
from wholepool.job import registry
from wholepool.job.errors import UserError


@pytest.fixture(scope="module")
def digits():
    return load("digits", {}, None)


def test_digits_have_the_declared_shapes(digits):
    known = {"n": 1297, "n_test": 500, "size": 16, "channels": 1, "classes": 10}
    assert registry.get("source", "digits")["KNOWN"] == known
    assert digits.train.shape == (1297, 16, 16, 1)
    assert digits.test.shape == (500, 16, 16, 1)
    assert digits.train.dtype == digits.test.dtype == np.uint8
    assert digits.train_labels.shape == (1297,)
    assert digits.test_labels.shape == (500,)
    assert digits.class_names == [str(digit) for digit in range(10)]


def test_digits_use_the_full_range(digits):
    assert digits.train.min() == 0
    assert digits.train.max() == 255
    assert digits.test.max() == 255


def test_digits_are_the_enlarged_originals(digits):
    """2x2 means of the enlarged images come back to the scanned ones."""
    from sklearn.datasets import load_digits

    both = np.concatenate([digits.train, digits.test])[..., 0].astype(float)
    small = both.reshape(-1, 8, 2, 8, 2).mean(axis=(2, 4)) * 16 / 255
    original = load_digits().images
    nearest = [abs(original - image).mean(axis=(1, 2)).min() for image in small[::60]]
    assert max(nearest) < 1.5
    assert small.mean() == pytest.approx(original.mean(), abs=0.05)


def test_digits_parts_share_no_scan_and_miss_none(digits):
    """The two parts together are the 1,797 originals, each as often as it is there."""
    from sklearn.datasets import load_digits

    both = np.concatenate([digits.train, digits.test]).reshape(1797, -1)
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    data = load_digits()
    assert len(np.unique(both, axis=0)) == len(np.unique(data.data, axis=0))
    assert np.bincount(labels).tolist() == np.bincount(data.target).tolist()
    train = {image.tobytes() for image in digits.train}
    assert not any(image.tobytes() in train for image in digits.test)


def test_digits_split_is_stratified(digits):
    total = np.bincount(digits.train_labels) + np.bincount(digits.test_labels)
    assert np.abs(np.bincount(digits.test_labels) - total * 500 / 1797).max() < 1


def test_digits_split_is_fixed(digits):
    np.random.seed(1)
    again = load("digits", {}, None)
    assert np.array_equal(again.train, digits.train)
    assert np.array_equal(again.test_labels, digits.test_labels)


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("mnist", (60000, 10000, 28, 1, 10)),
        ("fashion_mnist", (60000, 10000, 28, 1, 10)),
        ("svhn", (73257, 26032, 32, 3, 10)),
        ("cifar10", (50000, 10000, 32, 3, 10)),
        ("cifar100", (50000, 10000, 32, 3, 100)),
    ],
)
def test_what_is_known_beforehand(source, known):
    keys = ("n", "n_test", "size", "channels", "classes")
    assert registry.get("source", source)["KNOWN"] == dict(zip(keys, known, strict=True))


def test_all_sources_are_registered():
    assert set(registry.plugins("source")) == {"digits", "folder", "photographs", *TORCHVISION}


def test_grey_images_get_three_equal_channels():
    images = load("digits", {}, Path("nowhere"))
    three = with_channels(images, 3)
    assert three.train.shape == (1297, 16, 16, 3)
    assert three.test.shape == (500, 16, 16, 3)
    for channel in range(3):
        assert np.array_equal(three.train[..., channel], images.train[..., 0])
        assert np.array_equal(three.test[..., channel], images.test[..., 0])
    assert np.array_equal(with_channels(images, 1).train, images.train)
    assert three.train_labels is images.train_labels


# a lab's own

LAB = """
import numpy as np

from wholepool.data.sources import Images

KNOWN = {"n": 6, "size": 4, "channels": 1, "classes": 2}


def read(settings, data_dir):
    train = np.zeros((6, 4, 4, 1), np.uint8)
    labels = np.array([0, 1, 0, 1, 0, 1])
    return Images(train, labels, train[:2], labels[:2], ["a", "b"])
"""


@pytest.fixture
def lab(plugin, tmp_path):
    """Load a lab's source whose text has one piece replaced."""

    def loaded(old="", new="", name="photos"):
        assert old in LAB
        plugin("source", name, LAB.replace(old, new) if old else LAB)
        return load(name, {}, tmp_path)

    return loaded


def test_a_source_from_outside_is_loaded(lab):
    images = lab()
    assert images.train.shape == (6, 4, 4, 1)
    assert images.test_labels.tolist() == [0, 1]


def test_a_source_without_labels_gives_none(lab):
    images = lab(
        "Images(train, labels, train[:2], labels[:2]", "Images(train, None, train[:2], None"
    )
    assert images.train_labels is None and images.test_labels is None
    assert images.test.shape == (2, 4, 4, 1)


def test_a_source_without_a_test_set_has_an_empty_one(lab):
    images = lab("train[:2], labels[:2]", "None, None")
    assert images.test.shape == (0, 4, 4, 1)
    assert images.test.dtype == np.uint8
    assert images.test_labels is None
    assert with_channels(images, 3).test.shape == (0, 4, 4, 3)


@pytest.mark.parametrize("key", ["n", "n_test", "size", "channels", "classes"])
def test_known_that_is_not_what_is_given_is_refused_with_both(lab, key):
    given = {"n": 6, "n_test": 2, "size": 4, "channels": 1, "classes": 2}[key]
    known = '{"n": 6, "size": 4, "channels": 1, "classes": 2}'
    with pytest.raises(UserError) as caught:
        lab(known, f'{{"{key}": 9}}')
    message = str(caught.value)
    assert f"source 'photos' gives {key} = {given}, but " in message
    assert "source_photos.py says 9 (KNOWN): mend" in message


def test_known_that_is_no_key_is_refused(lab):
    with pytest.raises(UserError, match=r"line 6: KNOWN has 'nn', but may hold only n, n_test"):
        lab('{"n": 6,', '{"nn": 6,')


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "train[:2], labels",
            "train[:2, :3], labels",
            r"mixed sizes, .*\(2, 3, 4, 1\).*crop",
        ),
        ("np.uint8", "np.float32", "images of float32: convert them to uint8"),
        ("0, 1])", "0])", "6 images and 5 labels: it must give one label each"),
        ("0, 1])", "0, 2])", "label 2, but has 2 classes: labels must be 0 to 1"),
        ("0, 1])", "0, -1])", "label -1, but has 2 classes"),
    ],
)
def test_images_that_make_no_pool_are_refused(lab, old, new, words):
    with pytest.raises(UserError, match=f"source 'photos' gives .*{words}"):
        lab(old, new)


def test_an_unknown_source_is_named_with_what_was_meant():
    with pytest.raises(UserError, match="'digitz', which is unknown.*digits"):
        load("digitz", {}, None)


def test_photographs_are_as_known_and_cut_the_same_each_time():
    images, again = (load("photographs", {}, Path("nowhere")) for _ in range(2))
    assert images.train.shape == (3000, 64, 64, 3) and images.test.shape == (600, 64, 64, 3)
    np.testing.assert_array_equal(images.train, again.train)
    np.testing.assert_array_equal(images.test, again.test)
    for labels, count in ((images.train_labels, 1000), (images.test_labels, 200)):
        assert np.bincount(labels).tolist() == [count] * 3


def test_test_crops_of_a_photograph_overlap_none_of_the_pool_s():
    """A photograph that brightens from left to right says where a crop lies."""
    columns = np.broadcast_to(np.arange(240, dtype=np.uint8), (200, 240))
    photograph = np.stack([columns] * 3, axis=2)
    rng = np.random.default_rng(0)
    for _ in range(50):
        pool = photographs.crop(photograph, (0.0, photographs.SPLIT), rng)
        test = photographs.crop(photograph, (photographs.SPLIT, 1.0), rng)
        assert pool[..., 0].max() < test[..., 0].min() + 2  # bicubic overshoots by one
