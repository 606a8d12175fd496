"""Build mnist.npz from the four original MNIST files, after checking that they are the originals.

    python data/make_mnist.py FOLDER    # FOLDER holds the four *-ubyte.gz files

You need this only to convince yourself where data/mnist.npz comes from: the file is in the repo.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np

# name in mnist.npz: file, MD5 of the unpacked file as published, bytes of header, shape
SOURCES = {
    "x_train": ("train-images-idx3-ubyte", "6bbc9ace898e44ae57da46a324031adb", 16, (60000, 28, 28)),
    "y_train": ("train-labels-idx1-ubyte", "a25bea736e30d166cdddb491f175f624", 8, (60000,)),
    "x_test": ("t10k-images-idx3-ubyte", "2646ac647ad5339dbf082846283269ea", 16, (10000, 28, 28)),
    "y_test": ("t10k-labels-idx1-ubyte", "27ae3e4e09519cfbb04c329615203637", 8, (10000,)),
}


def read_idx(path: Path, md5: str, header: int, shape: tuple[int, ...]) -> np.ndarray:
    """The values of one gzipped IDX file as uint8; a file with another checksum ends the script."""
    content = gzip.decompress(path.read_bytes())
    found = hashlib.md5(content).hexdigest()
    if found != md5:
        sys.exit(f"{path}: MD5 is {found}, the original's is {md5}")
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python data/make_mnist.py FOLDER")
    folder = Path(sys.argv[1])
    target = Path(__file__).with_name("mnist.npz")
    arrays = {}
    for key, (name, md5, header, shape) in SOURCES.items():
        path = folder / f"{name}.gz"
        if not path.is_file():
            sys.exit(f"{path} is not there; FOLDER has to hold the four original .gz files")
        arrays[key] = read_idx(path, md5, header, shape)
    np.savez_compressed(target, **arrays)
    print(f"{target}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
