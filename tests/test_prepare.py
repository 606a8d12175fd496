"""What a run trains on and what it is validated on."""

import numpy as np

from src.digits.data import Data
from src.runs.config import Config
from src.runs.history import prepare

COUNT = 200
IMAGES = np.zeros((COUNT, 28, 28), np.uint8)
IMAGES[:, 0, 0] = np.arange(COUNT)  # the first pixel is the number of the image
DATA = Data("numbered", IMAGES, np.arange(COUNT) % 10, np.full_like(IMAGES, 255), np.ones(COUNT))


def test_every_image_keeps_its_label():
    parts = prepare(Config(validation_fraction=0.25), DATA)
    for (images, labels), count in zip(parts, (150, 50), strict=True):
        assert len(images) == count
        np.testing.assert_array_equal(images[:, 0, 0] % 10, labels)


def test_the_test_set_takes_no_part():
    training, validation = prepare(Config(validation_fraction=0.25), DATA)
    seen = np.concatenate([training[0], validation[0]])[:, 0, 0]
    np.testing.assert_array_equal(np.sort(seen), np.arange(COUNT))
