"""The pool on disk, its fingerprint and its statistics."""

import json

import numpy as np
import pytest

from wholepool.data.pool import channel_statistics, fingerprint, read_pool, write_pool
from wholepool.job.errors import UserError


def random_images(n=7, height=5, width=6, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(n, height, width, channels), dtype=np.uint8)


def paths(folder):
    return folder / "pool.npy", folder / "pool.json"


def written(folder, images=None, **changes):
    images = random_images() if images is None else images
    return write_pool(*paths(folder), images, "toy", ["cat", "dög"], 4, **changes)


def test_round_trip(tmp_path):
    pool = written(tmp_path, source="digits")
    again = read_pool(*paths(tmp_path))
    assert np.array_equal(again.images, random_images())
    assert again.class_names == ("cat", "dög")
    for name in ("dataset", "class_names", "mean", "std", "fingerprint", "n", "classes"):
        assert getattr(again, name) == getattr(pool, name), name
    assert (again.n, again.classes, again.channels) == (7, 2, 3)


def test_description(tmp_path):
    written(tmp_path, source="digits")
    info = json.loads((tmp_path / "pool.json").read_text(encoding="utf-8"))
    expected = {"n": 7, "n_test": 4, "height": 5, "width": 6, "channels": 3, "classes": 2}
    assert {name: info[name] for name in expected} == expected
    assert info["source"] == "digits"
    assert info["fingerprint"] == fingerprint(random_images())
    assert "label" not in json.dumps(info)


def test_images_are_mapped_and_read_only(tmp_path):
    written(tmp_path)
    images = read_pool(*paths(tmp_path)).images
    assert isinstance(images, np.memmap)
    assert images.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        images[0, 0, 0, 0] = 1


def test_fingerprint_changes_with_one_pixel():
    images = random_images()
    other = images.copy()
    other[3, 2, 1, 0] ^= 1
    assert fingerprint(images) != fingerprint(other)
    assert fingerprint(images) == fingerprint(images.copy())
    assert len(fingerprint(images)) == 64


def test_fingerprint_changes_with_shape_and_order():
    images = random_images()
    assert fingerprint(images) != fingerprint(images.reshape(7, 6, 5, 3))
    assert fingerprint(images) != fingerprint(images[::-1])


def test_fingerprint_does_not_depend_on_memory_layout(tmp_path):
    images = random_images()
    strided = np.asfortranarray(images)
    assert fingerprint(strided) == fingerprint(images)
    written(tmp_path)
    assert fingerprint(read_pool(*paths(tmp_path)).images) == fingerprint(images)


def test_channel_statistics():
    images = random_images(20)
    mean, std = channel_statistics(images)
    scaled = images.astype(np.float64) / 255
    assert np.allclose(mean, scaled.mean(axis=(0, 1, 2)), rtol=0, atol=1e-12)
    assert np.allclose(std, scaled.std(axis=(0, 1, 2)), rtol=0, atol=1e-12)
    assert mean.dtype == std.dtype == np.float64


@pytest.mark.parametrize("value", [0, 37, 255])
def test_constant_channel_has_standard_deviation_one(value):
    images = random_images()
    images[..., 1] = value
    mean, std = channel_statistics(images)
    assert mean[1] == pytest.approx(value / 255)
    assert std[1] == 1
    assert 0 < std[0] < 1


def test_every_constant_gives_exactly_one():
    for value in range(256):
        _, std = channel_statistics(np.full((1, 3, 3, 1), value, dtype=np.uint8))
        assert std[0] == 1, value


def test_own_statistics_by_default(tmp_path):
    pool = written(tmp_path)
    mean, std = channel_statistics(random_images())
    assert pool.mean == tuple(mean)
    assert pool.std == tuple(std)
    assert read_pool(*paths(tmp_path)).mean == tuple(mean)


def test_given_statistics(tmp_path):
    pool = written(tmp_path, mean=[0.0, 0.5, 1.0], std=[0.1, 0.2, 0.3])
    assert pool.mean == (0.0, 0.5, 1.0)
    assert read_pool(*paths(tmp_path)).std == (0.1, 0.2, 0.3)


def test_a_given_mean_of_zero_is_kept(tmp_path):
    images = random_images(channels=1)
    pool = written(tmp_path, images, mean=[0.0])
    assert pool.mean == (0.0,)
    assert pool.std == tuple(channel_statistics(images)[1])


@pytest.mark.parametrize("key", ["mean", "std"])
@pytest.mark.parametrize("length", [1, 2, 4])
def test_statistics_of_the_wrong_length(tmp_path, key, length):
    with pytest.raises(UserError, match=rf"pool\.{key} has {length} values.*3 channel"):
        written(tmp_path, **{key: [0.5] * length})
    assert not list(tmp_path.iterdir())


def test_images_of_another_shape(tmp_path):
    written(tmp_path)
    np.save(tmp_path / "pool.npy", random_images(8))
    with pytest.raises(UserError, match=r"8, 5, 6, 3.*7, 5, 6, 3.*delete") as caught:
        read_pool(*paths(tmp_path))
    assert "pool.npy" in str(caught.value)
    assert "pool.json" in str(caught.value)


def test_images_of_another_type(tmp_path):
    written(tmp_path)
    np.save(tmp_path / "pool.npy", random_images().astype(np.float32))
    with pytest.raises(UserError, match="float32"):
        read_pool(*paths(tmp_path))


@pytest.mark.parametrize("size", [0, 3, 40, 200, -1])
def test_truncated_images(tmp_path, size):
    written(tmp_path)
    path = tmp_path / "pool.npy"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match="delete") as caught:
        read_pool(*paths(tmp_path))
    assert str(path) in str(caught.value)


def test_images_that_need_pickle_are_refused(tmp_path):
    written(tmp_path)
    np.save(tmp_path / "pool.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError):
        read_pool(*paths(tmp_path))


def test_truncated_description(tmp_path):
    written(tmp_path)
    path = tmp_path / "pool.json"
    path.write_text(path.read_text()[:30])
    with pytest.raises(UserError) as caught:
        read_pool(*paths(tmp_path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["pool.npy", "pool.json"])
def test_missing_file(tmp_path, name):
    written(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError) as caught:
        read_pool(*paths(tmp_path))
    assert str(tmp_path / name) in str(caught.value)


def test_writing_leaves_no_temporary_files(tmp_path):
    written(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pool.json", "pool.npy"]
