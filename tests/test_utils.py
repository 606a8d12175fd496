import threading

import numpy as np
import pytest

from src.losses import cross_entropy
from src.model import NeuralNetwork
from src.utils import ahead, batches, evaluate, ink_order, scale, sort_pixels, sorted_rows


def numbered(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28) whose second and third pixels are their number, and these as labels."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, 0] = 100  # so that no pixel is left out
    images[:, 0, 1], images[:, 0, 2] = np.divmod(np.arange(count), 256)
    return images, np.arange(count)


def read_numbers(x: np.ndarray) -> np.ndarray:
    return np.rint(x[:, 1] * 255 * 256 + x[:, 2] * 255).astype(int)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale(dtype):
    images = np.zeros((2, 28, 28), np.uint8)
    images[1, 27, 27], images[0, 0, 1] = 255, 51
    x = scale(images, dtype)
    assert (x.shape, x.dtype) == ((2, 784), dtype)
    assert (x[1, 783], x[0, 1], x.sum()) == pytest.approx((1, 0.2, 1.2), rel=1e-6)
    assert x.max() <= 1
    assert images[1, 27, 27] == 255


def test_scale_divides_floats_by_255_too_and_takes_no_images_at_all():
    np.testing.assert_array_equal(scale(np.full((1, 2, 2), 255.0)), np.ones((1, 4)))
    assert scale(np.empty((0, 28, 28), np.uint8)).shape == (0, 784)


# ---------------------------------------------------------------------------------- batches


@pytest.mark.parametrize("transform", [None, lambda x: x], ids=["plain", "transform"])
@pytest.mark.parametrize(
    ("count", "batch_size"), [(1, 1), (10, 10), (10, 3), (10, 1), (5, 100), (64, 32), (1000, 7)]
)
def test_every_row_once_with_its_label_and_only_the_last_batch_is_smaller(
    count, batch_size, transform
):
    images, labels = numbered(count)
    found = list(batches(images, labels, batch_size, np.random.default_rng(0), transform))
    sizes = [len(y) for _, y in found]
    assert sum(sizes) == count
    assert set(sizes[:-1]) <= {batch_size}
    assert 1 <= sizes[-1] <= batch_size
    for x, y in found:
        np.testing.assert_array_equal(read_numbers(x), y)
        assert (x.shape, x.dtype) == ((len(y), 784), np.float32)
    np.testing.assert_array_equal(np.sort(np.concatenate([y for _, y in found])), labels)


def test_each_epoch_has_a_new_order_of_single_rows():
    images, labels = numbered(1000)
    rng = np.random.default_rng(0)
    first, second = (
        np.concatenate([y for _, y in batches(images, labels, 10, rng)]) for _ in range(2)
    )
    assert np.mean(first == second) < 0.01
    assert np.mean(np.diff(first) == 1) < 0.01  # not whole batches in a new order
    again = np.concatenate([y for _, y in batches(images, labels, 10, np.random.default_rng(0))])
    np.testing.assert_array_equal(first, again)


def test_a_transform_gets_whole_batches_several_at_once_and_changes_neither_order_nor_data():
    images, labels = numbered(3000)
    images_before = images.copy()
    seen = []

    def invert(x):
        seen.append(len(x))
        np.subtract(1, x, out=x)
        return x

    plain = list(batches(images, labels, 10, np.random.default_rng(3)))
    changed = list(batches(images, labels, 10, np.random.default_rng(3), invert))
    assert seen == [2040, 960]  # 204 batches of 10, at most 2,048 images
    for (x, y), (inverted, same_y) in zip(plain, changed, strict=True):
        np.testing.assert_array_equal(inverted, 1 - x)
        np.testing.assert_array_equal(y, same_y)
    np.testing.assert_array_equal(images, images_before)


@pytest.mark.parametrize("transform", [None, lambda x: x], ids=["plain", "transform"])
def test_a_batch_begins_at_the_first_pixel_that_is_not_blank_in_all_of_it(digits, transform):
    whole = {tuple(x.ravel()) for x in scale(digits.images)}
    for x, _ in batches(digits.images, digits.labels, 7, np.random.default_rng(0), transform):
        assert x[:, 0].any()
        left_out = np.zeros((len(x), 784 - x.shape[1]), np.float32)
        assert {tuple(row) for row in np.hstack([left_out, x])} <= whole
    blank = np.zeros((3, 28, 28), np.uint8)
    ((x, _),) = batches(blank, np.arange(3), 3, np.random.default_rng(0), transform)
    assert x.shape == (3, 784)


def test_items_made_ahead_are_the_same_and_one_thread_makes_them_while_others_are_used():
    threads = set()

    def items():
        for number in range(5):
            threads.add(threading.current_thread())
            yield number

    assert list(ahead(items())) == [0, 1, 2, 3, 4]
    (thread,) = threads
    assert thread is not threading.current_thread()
    assert not thread.is_alive()


def test_an_exception_of_the_thread_comes_out_and_it_ends_with_whoever_stops_early():
    def items():
        yield 1
        yield 2
        raise ValueError("of the thread")

    before = threading.active_count()
    with pytest.raises(ValueError, match="of the thread"):
        list(ahead(items()))
    iterator = ahead(items())
    assert next(iterator) == 1
    iterator.close()  # as on Ctrl-C
    assert threading.active_count() == before


# --------------------------------------------------------------------------- pixels in order


def test_pixels_are_sorted_by_how_often_they_carry_ink_and_rows_of_weights_with_them(digits):
    images = digits.images.copy()
    order = ink_order(images)
    sort_pixels(images, order)
    np.testing.assert_array_equal(
        images.reshape(600, 784), digits.images.reshape(600, 784)[:, order]
    )
    assert (np.diff(np.count_nonzero(images.reshape(600, 784), axis=0)) >= 0).all()
    network = NeuralNetwork([784, 20, 10], dtype=np.float64)
    before = network.parameters.copy()
    logits, _ = network.forward(scale(digits.images, np.float64))
    with pytest.raises(KeyboardInterrupt), sorted_rows(network, order):
        np.testing.assert_array_equal(network.weights[0], network.split(before)[0][0][order])
        same, _ = network.forward(scale(images, np.float64))
        raise KeyboardInterrupt
    np.testing.assert_allclose(same, logits, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(network.parameters, before)


# --------------------------------------------------------------------------------- evaluate


@pytest.mark.parametrize("batch_size", [1, 7, 300, 1000])
def test_evaluating_in_batches_is_evaluating_all_at_once(digits, batch_size):
    images, labels = digits.images[:300], digits.labels[:300]
    network = NeuralNetwork([784, 20, 10], dtype=np.float64)
    loss, share = evaluate(network, images, labels, batch_size)
    logits, _ = network.forward(scale(images, np.float64))
    assert loss == pytest.approx(cross_entropy(logits, labels)[0], rel=1e-12)
    assert share == np.mean(network.predict(scale(images, np.float64)) == labels)


def test_a_network_that_always_says_seven(digits):
    network = NeuralNetwork([784, 10], initializer="zeros")
    network.biases[0][7] = 1
    loss, share = evaluate(network, digits.images, digits.labels)
    sevens = np.mean(digits.labels == 7)
    assert share == sevens
    assert loss == pytest.approx(np.log(np.e + 9) - sevens, rel=1e-6)


def test_of_no_images_both_are_nan(digits):
    network = NeuralNetwork([784, 10])
    assert np.isnan(evaluate(network, digits.images[:0], digits.labels[:0])).all()
