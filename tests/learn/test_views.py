"""Augmented views against a slow loop over single images."""

import numpy as np
import pytest
import torch

from wholepool.data.pool import Pool
from wholepool.learn.views import Views, reflected, room, shifted

torch.set_num_threads(1)


def pool_of(images, mean=None, std=None):
    channels = images.shape[3]
    return Pool(
        images=images,
        dataset="toy",
        class_names=("a", "b"),
        mean=tuple(mean or [0.0] * channels),
        std=tuple(std or [1.0] * channels),
        fingerprint="",
    )


def random_images(count, height, width, channels, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, size=(count, height, width, channels), dtype=np.uint8)


def one_view(image, dy, dx, flip):
    """Pad by reflection, crop at the shift; the flip mirrors the finished crop's columns."""
    height, width = image.shape[:2]
    pad = max(abs(dy), abs(dx))
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
    crop = padded[pad + dy : pad + dy + height, pad + dx : pad + dx + width]
    return crop[:, ::-1] if flip else crop


@pytest.mark.parametrize(("height", "width", "channels"), [(6, 6, 1), (5, 7, 3)])
def test_every_shift_and_flip(height, width, channels):
    images = random_images(3, height, width, channels)
    reach = range(-4, 5)
    cases = [(i % 3, dy, dx, f) for i, dy in enumerate(reach) for dx in reach for f in (0, 1)]
    indices, dys, dxs, flips = map(np.array, zip(*cases, strict=True))
    result = shifted(
        torch.as_tensor(images),
        torch.as_tensor(indices),
        torch.as_tensor(np.stack([dys, dxs], axis=1)),
        torch.as_tensor(flips.astype(bool)),
    ).numpy()
    assert result.dtype == np.uint8
    for row, (index, dy, dx, flip) in zip(result, cases, strict=True):
        expected = one_view(images[index], dy, dx, flip)
        assert np.array_equal(row, expected), (dy, dx, flip)


def test_largest_shift_of_an_image():
    images = random_images(1, 5, 5, 1)
    zero = torch.zeros(1, dtype=torch.long)
    for dy in (-4, 4):
        result = shifted(
            torch.as_tensor(images), zero, torch.tensor([[dy, -dy]]), torch.tensor([False])
        )
        assert np.array_equal(result[0].numpy(), one_view(images[0], dy, -dy, False))


def test_reflection_never_repeats_the_edge():
    size = 6
    for shift in range(-5, 6):
        positions = reflected(torch.arange(size) + shift, size)
        assert positions.min() >= 0
        assert positions.max() < size
        assert (positions.diff().abs() == 1).all()  # an edge given twice would be a step of 0
    assert reflected(torch.tensor([-2, -1, 0, 5, 6, 7]), size).tolist() == [2, 1, 0, 5, 4, 3]


def test_normalization():
    images = random_images(4, 6, 5, 3)
    mean, std = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]
    views = Views(pool_of(images, mean, std), 4, True)
    expected = (images / 255 - np.array(mean)) / np.array(std)
    result = views.plain(slice(0, 4))
    assert result.dtype == torch.float32
    assert result.shape == (4, 3, 6, 5)
    assert np.allclose(result.permute(0, 2, 3, 1).numpy(), expected, atol=2e-6)


def test_plain_view_takes_slices_and_indices_and_does_not_augment():
    images = random_images(6, 8, 8, 1)
    views = Views(pool_of(images), 3, True)
    assert len(views) == 6
    picked = views.plain(torch.tensor([4, 1]))
    assert torch.equal(picked, views.plain(slice(0, 6))[[4, 1]])
    assert np.allclose(picked[:, 0].numpy() * 255, images[[4, 1], :, :, 0], atol=1e-4)


def test_augmented_without_translation_and_flip_is_plain():
    views = Views(pool_of(random_images(6, 8, 8, 3)), 0, False)
    result = views.augmented(np.array([5, 0, 5]), np.random.default_rng(0))
    assert torch.equal(result, views.plain(torch.tensor([5, 0, 5])))


def corner_pool(size=9):
    """A lone bright pixel, off the middle, tells shift and flip of every view."""
    images = np.zeros((1, size, size, 1), dtype=np.uint8)
    images[0, size // 2, size // 2 + 1] = 255
    return pool_of(images)


def found(views, draws, seed=0):
    """Rows and columns, relative to the middle, of the bright pixel in `draws` views."""
    batch = views.augmented(np.zeros(draws, dtype=np.int64), np.random.default_rng(seed))
    size = batch.shape[2]
    places = batch[:, 0].flatten(1).argmax(dim=1).numpy()
    return places // size - size // 2, places % size - size // 2


def test_no_flip_when_flips_are_off():
    rows, columns = found(Views(corner_pool(), 0, False), 400)
    assert set(rows) == {0}
    assert set(columns) == {1}


def test_half_of_the_views_are_flipped():
    _, columns = found(Views(corner_pool(), 0, True), 4000)
    assert set(columns) == {-1, 1}
    assert abs((columns == -1).mean() - 0.5) < 0.04  # five standard deviations


def test_shifts_are_uniform_and_independent():
    reach, draws = 2, 10000
    views = Views(corner_pool(), reach, False)
    rows, columns = found(views, draws)
    columns = columns - 1
    both = np.zeros((2 * reach + 1, 2 * reach + 1))
    np.add.at(both, (rows + reach, columns + reach), 1)
    expected = draws / both.size
    assert both.sum() == draws
    chi_square = ((both - expected) ** 2 / expected).sum()
    assert chi_square < 51.2  # 24 degrees of freedom, p = 0.001


def test_views_follow_the_generator_alone():
    views = Views(pool_of(random_images(5, 8, 8, 3)), 2, True)
    indices = np.arange(5)
    first = views.augmented(indices, np.random.default_rng(3))
    torch.manual_seed(99)
    assert torch.equal(first, views.augmented(indices, np.random.default_rng(3)))
    assert not torch.equal(first, views.augmented(indices, np.random.default_rng(4)))


def test_images_of_a_batch_get_their_own_views():
    views = Views(pool_of(random_images(1, 12, 12, 1)), 3, True)
    batch = views.augmented(np.zeros(50, dtype=np.int64), np.random.default_rng(0))
    assert len({tuple(row.ravel().tolist()) for row in batch}) > 25


def test_views_do_not_alter_a_read_only_pool():
    images = random_images(3, 8, 8, 1)
    images.setflags(write=False)
    before = images.copy()
    views = Views(pool_of(images), 2, True)
    views.rows.zero_()
    assert np.array_equal(images, before)


# pools that stay on disk


def stored_pool(folder, count=40):
    """A pool in a memory-mapped file, read-only, as `read_pool` opens it."""
    np.save(folder / "pool.npy", random_images(count, 9, 7, 3))
    mapped = np.load(folder / "pool.npy", mmap_mode="r")
    return pool_of(mapped, [0.4, 0.5, 0.6], [0.2, 0.3, 0.25])


def test_streamed_views_are_the_resident_ones_to_the_bit(tmp_path):
    pool = stored_pool(tmp_path)
    resident, streamed = Views(pool, 3, True), Views(pool, 3, True, memory_mb=0)
    assert resident.rows is not None and streamed.rows is None
    assert len(streamed) == len(resident) == 40
    indices = np.array([7, 0, 7, 39])
    for where in (slice(5, 30), torch.as_tensor(indices)):
        assert torch.equal(streamed.plain(where), resident.plain(where))
    mine, its = np.random.default_rng(1), np.random.default_rng(1)
    for _ in range(5):
        one, other = streamed.augmented(indices, mine), resident.augmented(indices, its)
        assert torch.equal(one, other)
        assert one.stride() == other.stride()
    assert mine.random() == its.random()


def test_a_pool_is_resident_up_to_its_limit():
    images = np.zeros((4, 512, 512, 1), dtype=np.uint8)  # 1 MiB
    assert Views(pool_of(images), 0, False, memory_mb=1).rows is not None
    assert Views(pool_of(images[:3]), 0, False, memory_mb=1).rows is not None
    more = np.zeros((5, 512, 512, 1), dtype=np.uint8)
    assert Views(pool_of(more), 0, False, memory_mb=1).rows is None


def test_without_a_limit_half_of_the_memory_is_left(monkeypatch):
    monkeypatch.setattr("wholepool.learn.views.available_memory", lambda: 1000)
    assert room(torch.device("cpu"), None) == 500
    images = random_images(1, 10, 10, 5)
    assert Views(pool_of(images), 0, False).rows is not None
    assert Views(pool_of(np.concatenate([images, images])), 0, False).rows is None
