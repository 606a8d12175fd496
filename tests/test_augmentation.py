"""Distorted digits: ink stays ink, maps are drawn as documented; deskewed digits stand upright."""

import math

import numpy as np
import pytest

from src.digits.augmentation import (
    AUGMENTATIONS,
    COLUMNS,
    ROWS,
    affine_map,
    augment,
    elastic_map,
    shift_map,
    warp,
)
from src.digits.preprocessing import PREPROCESSING, deskew, normalise
from src.utils import scale


@pytest.fixture
def x(digits):
    return scale(digits.images[:200])


def draws(draw, count, strength=1.0):
    """Displacements (count, 2, 28, 28) of so many maps from one generator."""
    rng = np.random.default_rng(0)
    return np.array([draw(rng, strength) for _ in range(count)]) - np.array([ROWS, COLUMNS])


# ----------------------------------------------------------------------------------- warping


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, 1), (-3, 2), (20, -20), (28, 0)])
def test_a_shift_by_whole_pixels_is_exact_and_what_leaves_is_gone(x, down, right, dtype):
    x = x.astype(dtype)
    result = warp(x, ROWS - np.float32(down), COLUMNS - np.float32(right))
    wide = np.pad(x.reshape(-1, 28, 28), ((0, 0), (28, 28), (28, 28)))
    expected = wide[:, 28 - down : 56 - down, 28 - right : 56 - right]
    np.testing.assert_array_equal(result.reshape(-1, 28, 28), expected)
    assert result.dtype == dtype
    assert not np.shares_memory(result, x)


def test_between_pixels_it_is_bilinear():
    image = np.zeros((28, 28))
    image[5, 5], image[5, 6], image[6, 5], image[6, 6] = 0.1, 0.2, 0.4, 0.8
    for v, u in ((0.5, 0), (0, 0.25), (0.25, 0.75)):
        result = warp(image.reshape(1, -1), ROWS + np.float32(v), COLUMNS + np.float32(u))
        expected = (1 - v) * ((1 - u) * 0.1 + u * 0.2) + v * ((1 - u) * 0.4 + u * 0.8)
        assert result.reshape(28, 28)[5, 5] == pytest.approx(expected, rel=1e-6)


# -------------------------------------------------------------------------- every distortion


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_strength_zero_is_the_identity(x, name):
    result = augment(x.copy(), name, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(result, x, atol=1e-5)


@pytest.mark.parametrize("strength", [0.5, 3])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_ink_stays_between_0_and_1_and_the_dtype_as_it_is(x, name, strength):
    for images in (x, np.ones_like(x)):
        result, same, other = (
            augment(images.copy(), name, strength, np.random.default_rng(seed))
            for seed in (1, 1, 2)
        )
        assert (result.shape, result.dtype) == (x.shape, np.float32)
        assert result.min() >= 0 and result.max() <= 1 + 1e-6
        np.testing.assert_array_equal(result, same)  # the seed decides
        assert (result != images).any() and (result != other).any()


def test_neighbours_differ_in_their_maps_and_a_group_has_at_most_128():
    same = np.tile(np.random.default_rng(0).random(784, np.float32), (400, 1))
    result = augment(same, "elastic", 1.0, np.random.default_rng(0))
    assert result is same
    assert len(np.unique(result, axis=0)) == 4  # 400 rows, 128 a group
    np.testing.assert_array_equal(result[:-4], result[4:])  # every fourth row shares a map
    assert (result[1:] != result[:-1]).any(axis=1).all()


def test_the_pixels_come_in_the_order_that_is_given(x):
    order = np.random.default_rng(0).permutation(784)
    natural = augment(x.copy(), "elastic", 1.0, np.random.default_rng(1))
    ordered = augment(x.copy(), "elastic", 1.0, np.random.default_rng(1), order)
    np.testing.assert_array_equal(ordered, natural[:, order])


# ------------------------------------------------------------------- what is drawn, and how


@pytest.mark.parametrize(("strength", "reach"), [(0.5, 1), (1.5, 3)])
def test_shifts_are_whole_and_all_equally_likely(strength, reach):
    moved = draws(shift_map, 3000, strength)
    np.testing.assert_array_equal(moved, moved[:, :, :1, :1] + np.zeros((28, 28)))
    steps, side = range(-reach, reach + 1), 2 * reach + 1
    shifts, counts = np.unique(moved[:, :, 0, 0], axis=0, return_counts=True)
    assert set(map(tuple, shifts)) == {(down, right) for down in steps for right in steps}
    np.testing.assert_allclose(counts, 3000 / side**2, atol=4.5 * math.sqrt(3000 / side**2))


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_affine_parameters_are_drawn_as_documented(strength):
    rows, columns = np.moveaxis(draws(affine_map, 2000, strength), 1, 0) + [[ROWS], [COLUMNS]]
    # (rows, columns) = matrix @ (y, x) + centre + shift, so slopes are the matrix's entries
    a, c = (m[:, 27, 0] - m[:, 0, 0] for m in (rows, columns))
    b, d = (m[:, 0, 27] - m[:, 0, 0] for m in (rows, columns))
    a, b, c, d = a / 27, b / 27, c / 27, d / 27
    # matrix = rotation @ [[1, 0], [shear, 1]] @ diag(stretch); undo it from the second column
    angle, stretch_x = np.arctan2(-b, d), np.hypot(b, d)
    stretch_y = a * np.cos(angle) + c * np.sin(angle)
    shear = (c * np.cos(angle) - a * np.sin(angle)) / stretch_y
    drawn = [
        np.degrees(angle) / 10,
        np.log(stretch_y) / np.log(1.1),
        np.log(stretch_x) / np.log(1.1),
        shear / 0.1,
        rows.mean(axis=(1, 2)) - 13.5,
        columns.mean(axis=(1, 2)) - 13.5,
    ]
    for values in np.array(drawn) / strength:  # each uniform within +-1
        assert 0.99 < -values.min() < 1 + 1e-4 and 0.99 < values.max() < 1 + 1e-4
        assert abs(values.mean()) < 4 * math.sqrt(1 / 3 / len(values))
        assert np.mean(values**2) == pytest.approx(1 / 3, abs=0.03)
    correlations = np.corrcoef(drawn) - np.eye(len(drawn))
    assert np.abs(correlations).max() < 0.1  # drawn independently of each other


@pytest.mark.parametrize("strength", [1.0, 2.0])
def test_elastic_displacements_have_the_documented_size_and_smoothness(strength):
    moved = draws(elastic_map, 1500, strength)[:, :, 10:18, 10:18]
    # uniform noise has standard deviation 1/sqrt(3), a normalised Gaussian blur of it, in two
    # dimensions, 1 / (2 sqrt(pi) sigma) of that
    expected = 34 / math.sqrt(3) / (2 * math.sqrt(math.pi) * 4)
    assert expected == pytest.approx(1.4, abs=0.05)  # as the docstring says
    assert np.sqrt(np.mean(moved**2)) / strength == pytest.approx(expected, rel=0.03)
    assert abs(moved.mean()) < 0.05 * strength
    # blurred noise at a distance r is correlated by exp(-r^2 / (4 sigma^2))
    near, far = moved[..., :4].ravel(), moved[..., 4:].ravel()
    assert np.corrcoef(near, far)[0, 1] == pytest.approx(math.exp(-1 / 4), abs=0.03)
    down, right = moved[:, 0].ravel(), moved[:, 1].ravel()
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.06


def test_affine_elastic_adds_half_an_elastic_map_to_an_affine_one():
    both = np.array(AUGMENTATIONS["affine_elastic"](np.random.default_rng(4), 0.8))
    rng = np.random.default_rng(4)
    affine, elastic = np.array(affine_map(rng, 0.8)), np.array(elastic_map(rng, 0.4))
    np.testing.assert_allclose(both - affine, elastic - [ROWS, COLUMNS], atol=1e-5)


# ---------------------------------------------------------------- deskewing and normalising


def moments(images):
    """Mean (y, x) of each image's ink from its middle, deviations (y, x) and slant, in float64."""
    ink = images.astype(float) / images.sum(axis=(1, 2), keepdims=True)
    y, x = np.mgrid[:28, :28] - 13.5
    mean_y, mean_x = (ink * y).sum(axis=(1, 2)), (ink * x).sum(axis=(1, 2))
    dy, dx = y - mean_y[:, None, None], x - mean_x[:, None, None]
    var_y, var_x = (ink * dy**2).sum(axis=(1, 2)), (ink * dx**2).sum(axis=(1, 2))
    slant = (ink * dy * dx).sum(axis=(1, 2)) / var_y
    return np.array([mean_y, mean_x]), np.sqrt(var_y), np.sqrt(var_x), slant


def test_deskewed_digits_stand_upright_in_the_middle(digits):
    images = deskew(digits.images)
    assert (images.shape, images.dtype) == (digits.images.shape, np.uint8)
    assert np.abs(moments(digits.images)[-1]).mean() > 0.2
    means, _, _, slant = moments(images)
    assert np.abs(slant).max() < 0.03
    assert np.abs(means).max() < 0.1


def test_deskewing_a_leaning_bar_makes_it_a_straight_one():
    image = np.zeros((1, 28, 28), np.uint8)
    for row in range(6, 20):
        image[0, row, row - 4 : row - 1] = 255  # three wide, one column further in each row
    straight = deskew(image)[0]
    rows = straight[straight.any(axis=1)]
    assert len(rows) in (14, 15)
    np.testing.assert_array_equal(rows[1:-1], rows[1:2].repeat(len(rows) - 2, axis=0))


def test_what_is_straight_and_centred_stays_exactly_and_what_is_not_centred_is_moved():
    image = np.zeros((2, 28, 28), np.uint8)
    image[0, 8:20, 12:16] = 200
    image[1, 5:17, 20:24] = 200
    np.testing.assert_array_equal(deskew(image), image[[0, 0]])


@pytest.mark.parametrize("preprocess", [deskew, normalise])
def test_each_image_is_looked_at_alone_and_may_be_blank_or_full(digits, preprocess):
    many = np.concatenate([digits.images, np.zeros((2, 28, 28), np.uint8), digits.images])
    many[600] = 255  # a full one, then a blank one
    with np.errstate(all="raise"):
        after = preprocess(many)
    np.testing.assert_array_equal(after[:600], preprocess(digits.images))
    np.testing.assert_array_equal(after[602:], after[:600])
    assert not after[601].any()
    assert preprocess is normalise or (after[600] == 255).all()
    assert preprocess(many[:0]).shape == (0, 28, 28)


def test_normalised_digits_are_equally_tall_and_half_the_way_equally_wide(digits):
    _, tall_before, wide_before, _ = moments(deskew(digits.images))
    _, tall, wide, _ = moments(normalise(digits.images))
    assert np.abs(tall - 5.5).max() < 0.6
    assert tall.std() < tall_before.std() / 5
    np.testing.assert_allclose(wide, np.sqrt(3.4 * wide_before), atol=0.6)
    assert np.corrcoef(wide_before, wide)[0, 1] > 0.9  # a 1 stays narrower than a 0


def test_normalising_a_small_bar_makes_it_twice_as_long_and_no_more():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 12:16, 13:15] = 255  # 4 by 2: sd 1.12 and 0.5, a fifth and a seventh of the usual
    bar = normalise(image)[0] > 127
    assert bar.any(axis=1).sum() in (7, 8, 9)
    assert bar.any(axis=0).sum() in (3, 4, 5)


def test_the_other_preprocessings(digits):
    np.testing.assert_array_equal(PREPROCESSING["none"](digits.images), digits.images)
    raw = scale(PREPROCESSING["raw"](digits.images))  # as someone who forgets to scale
    np.testing.assert_allclose(raw, digits.images.reshape(600, 784), rtol=1e-6)
    assert raw.dtype == np.float32
