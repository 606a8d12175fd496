"""Batches that are a pass over the images, pixels in order, and the score."""

import threading

import numpy as np
import pytest

from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.utils import ahead, batches, evaluate, ink_order, scale, sort_pixels, sorted_rows

WITH_AND_WITHOUT_TRANSFORM = pytest.mark.parametrize(
    "transform", [None, lambda x: x], ids=["plain", "transform"]
)


def numbered(count):
    """Images (N, 3) that hold their number, as 256 times the second pixel plus the third."""
    labels = np.arange(count)
    first = np.full(count, 100)  # so that no pixel is left out
    return np.stack([first, *np.divmod(labels, 256)], axis=1).astype(np.uint8), labels


def read_numbers(x):
    return np.rint(x[:, 1:] * 255).astype(int) @ [256, 1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale(dtype):
    images = np.zeros((2, 28, 28), np.uint8)
    images[0, 0, 1], images[1, 27, 27] = 51, 255
    for pixels in (images, images.astype(dtype)):  # floats from 0 to 255 are scaled as well
        x = scale(pixels, dtype)
        assert (x.shape, x.dtype) == ((2, 784), dtype)
        assert (x[0, 1], x[1, 783], x.sum()) == pytest.approx((0.2, 1, 1.2), rel=1e-6)
        assert x.max() <= 1
        assert pixels.max() == 255  # the argument is left alone
    assert scale(images[:0]).shape == (0, 784)


@WITH_AND_WITHOUT_TRANSFORM
@pytest.mark.parametrize(("count", "batch_size"), [(1, 1), (10, 3), (5, 100), (64, 32), (1000, 7)])
def test_every_row_once_with_its_label_and_only_the_last_batch_is_smaller(
    count, batch_size, transform
):
    images, labels = numbered(count)
    found = list(batches(images, labels, batch_size, np.random.default_rng(0), transform))
    for x, y in found:
        np.testing.assert_array_equal(read_numbers(x), y)
        assert (x.shape, x.dtype) == ((len(y), 3), np.float32)
    assert {len(y) for _, y in found[:-1]} <= {batch_size}
    assert 1 <= len(found[-1][1]) <= batch_size
    np.testing.assert_array_equal(np.sort(np.concatenate([y for _, y in found])), labels)


def test_each_epoch_has_a_new_order_of_single_rows():
    images, labels = numbered(1000)

    def epoch(rng):
        return np.concatenate([y for _, y in batches(images, labels, 10, rng)])

    rng = np.random.default_rng(0)
    first, second = epoch(rng), epoch(rng)
    assert np.mean(first == second) < 0.01
    assert np.mean(np.diff(first) == 1) < 0.01  # not whole batches in a new order
    np.testing.assert_array_equal(epoch(np.random.default_rng(0)), first)


def test_a_transform_gets_whole_batches_several_at_once_and_changes_neither_order_nor_data():
    images, labels = numbered(3000)
    before = images.copy()
    seen = []

    def invert(x):
        seen.append(len(x))
        return np.subtract(1, x, out=x)

    plain = batches(images, labels, 10, np.random.default_rng(3))
    changed = batches(images, labels, 10, np.random.default_rng(3), invert)
    for (x, y), (inverted, same_y) in zip(plain, changed, strict=True):
        np.testing.assert_array_equal(inverted, 1 - x)
        np.testing.assert_array_equal(y, same_y)
    assert seen == [2040, 960]  # 204 batches of 10, at most 2,048 images
    np.testing.assert_array_equal(images, before)


@WITH_AND_WITHOUT_TRANSFORM
def test_a_batch_begins_at_the_first_pixel_that_is_not_blank_in_all_of_it(digits, transform):
    whole = {row.tobytes() for row in scale(digits.images)}
    for x, _ in batches(digits.images, digits.labels, 7, np.random.default_rng(0), transform):
        assert x[:, 0].any()
        left_out = np.zeros((len(x), 784 - x.shape[1]), np.float32)
        assert {row.tobytes() for row in np.hstack([left_out, x])} <= whole
    blank = np.zeros((3, 28, 28), np.uint8)
    ((x, _),) = batches(blank, np.arange(3), 3, np.random.default_rng(0), transform)
    assert x.shape == (3, 784)


def test_one_thread_makes_the_items_and_ends_whether_they_are_used_up_or_not():
    def items():
        for number in range(5):
            yield number, threading.current_thread()

    numbers, threads = zip(*ahead(items()))
    assert numbers == (0, 1, 2, 3, 4)
    assert len(set(threads)) == 1 and threads[0] is not threading.current_thread()
    stopped_early = ahead(items())
    _, thread = next(stopped_early)
    stopped_early.close()  # as on Ctrl-C
    assert not threads[0].is_alive() and not thread.is_alive()


def test_an_exception_of_the_thread_comes_out():
    with pytest.raises(ZeroDivisionError):
        list(ahead(1 / number for number in (2, 1, 0)))


def test_pixels_are_sorted_by_how_often_they_carry_ink(digits):
    images = digits.images.copy()
    order = ink_order(images)
    sort_pixels(images, order)
    rows = images.reshape(600, 784)
    np.testing.assert_array_equal(rows, digits.images.reshape(600, 784)[:, order])
    assert (np.diff(np.count_nonzero(rows, axis=0)) >= 0).all()


def test_sorted_images_and_sorted_rows_of_weights_give_the_same_logits(digits):
    network = NeuralNetwork([784, 20, 10], dtype=np.float64)
    before = network.parameters.copy()
    images, order = digits.images.copy(), np.random.default_rng(0).permutation(784)
    logits, _ = network.forward(scale(images, np.float64))
    sort_pixels(images, order)
    with pytest.raises(KeyboardInterrupt), sorted_rows(network, order):
        same, _ = network.forward(scale(images, np.float64))
        raise KeyboardInterrupt
    np.testing.assert_allclose(same, logits, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(network.parameters, before)  # whatever ends the block


@pytest.mark.parametrize("times", [1, 9])
def test_evaluating_in_parts_is_evaluating_all_at_once(digits, times):
    images = np.tile(digits.images[:300], (times, 1, 1))
    network, x = NeuralNetwork([784, 20, 10], dtype=np.float64), scale(images, np.float64)
    labels = network.predict(x)
    labels[: len(labels) // 3] = 9 - labels[: len(labels) // 3]  # a third of the answers are wrong
    loss, accuracy = evaluate(network, images, labels)
    assert loss == pytest.approx(cross_entropy(network.forward(x)[0], labels)[0], rel=1e-12)
    assert accuracy == pytest.approx(2 / 3)


def test_of_no_images_both_are_nan(digits):
    network = NeuralNetwork([784, 10])
    assert np.isnan(evaluate(network, digits.images[:0], digits.labels[:0])).all()
