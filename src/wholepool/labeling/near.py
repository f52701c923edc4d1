"""Near duplicates: images whose difference hashes (dHash) differ in few bits. Reported, no more."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from wholepool.job.files import write_csv

#: bits of 64. Of two photographs that are none of each other about 32 differ
NEAR = 4
BITS = np.array([bin(number).count("1") for number in range(2**16)], dtype=np.uint8)


def difference_hash(pixels: np.ndarray) -> int:
    """64 bits of an image uint8 (H, W, 3): where it is brighter than to its left, of 8 x 9."""
    gray = Image.fromarray(pixels).convert("L").resize((9, 8), Image.Resampling.BOX)
    places = np.asarray(gray)
    return int.from_bytes(np.packbits(places[:, 1:] > places[:, :-1]).tobytes(), "big")


def hashes_of(images: np.ndarray) -> np.ndarray:
    """The hashes, uint64 (n,), of images uint8 (n, H, W, 3)."""
    return np.array([difference_hash(one) for one in images], dtype=np.uint64)


def near_duplicates(hashes: np.ndarray, most: int = NEAR) -> list[tuple[int, int, int]]:
    """Pairs (i, j, differing bits), ascending, i < j, of hashes (n,) with at most `most` bits.

    Equal hashes are paired with the first of them only, and other images with that first, so that
    a thousand blank pages are a thousand pairs and not half a million. Memory is O(n): two hashes
    that differ in at most m bits agree on one of m + 1 bands of bits, so only such are compared.
    """
    distinct, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    pairs = {(int(first[one]), at): 0 for at, one in enumerate(which) if first[one] != at}
    for shift, width in bands(most + 1):
        band = (distinct >> np.uint64(shift)) & np.uint64((1 << width) - 1)
        order = np.argsort(band, kind="stable")
        starts = np.flatnonzero(np.diff(band[order], prepend=band[order][:1] + np.uint64(1)))
        for group in np.split(order, starts[1:]):
            for at, one in enumerate(group[:-1]):
                others = group[at + 1 :]
                bits = differing(distinct[others], distinct[one])
                for other in np.flatnonzero(bits <= most):
                    low, high = sorted((int(first[one]), int(first[others[other]])))
                    pairs[low, high] = int(bits[other])
    return sorted((*pair, bits) for pair, bits in pairs.items())


def write_near(path: str | Path, pairs: list[tuple[int, int, int]], paths: list[str]) -> None:
    """Write pairs as CSV (UTF-8): the path of each and the bits in which their hashes differ."""
    rows = [(paths[one], paths[other], bits) for one, other, bits in pairs]
    write_csv(path, ("path", "like", "bits"), rows)


def bands(count: int) -> list[tuple[int, int]]:
    """64 bits cut into `count` bands: where each begins, and its width."""
    edges = [64 * at // count for at in range(count + 1)]
    return [(low, high - low) for low, high in pairwise(edges)]


def differing(hashes: np.ndarray, one: np.uint64) -> np.ndarray:
    """In how many bits each of uint64 (n,) differs from one, int (n,)."""
    return BITS[(hashes ^ one).view(np.uint16).reshape(-1, 4)].sum(axis=1, dtype=np.int64)
