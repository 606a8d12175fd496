"""How fast is one epoch, beside hand-tuned NumPy, PyTorch, scikit-learn and JAX?

    python benchmarks/training_speed.py             # everything, 6 to 9 minutes
    python benchmarks/training_speed.py --quick     # two batch sizes, one thread, one repeat

Everyone does the same work: 784-128-64-10, float32, plain SGD, one shuffled pass over the 60,000
training images, no evaluation. In every repeat each contestant starts with a fresh network and
takes its turn, so that a busy moment of the machine hits all alike. Writes training_speed.csv,
training_speed.png and environment.csv to benchmarks/results/.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

from common import (
    RESULTS,
    ROOT,
    cores,
    processor,
    read_rows,
    stay_on_one_core,
    thread_environment,
    write_rows,
)

SIZES = [784, 128, 64, 10]
LEARNING_RATE = 0.1
BATCH_SIZES = [32, 64, 128, 256]
FLOOR = "matrix products only"
STREAM = "the same, on all images"
OURS = "ours"
TUNED = "NumPy without a reader"
MOMENTUM = "ours, with momentum"
BEST = "ours, recipe best"
TORCH = "PyTorch eager"
COMPILED = "PyTorch compiled"
SKLEARN = "scikit-learn"
JAX_STEP = "JAX, jitted step"
JAX_SCAN = "JAX, jitted epoch"

# A contestant is (digits, batch size) -> a function that makes a fresh network and returns the two
# functions `epoch()`, which is timed, and `predict()`, its answers for the test images.
Fresh = Callable[[], tuple[Callable[[], object], Callable[[], object]]]


class Digits:
    """MNIST as uint8, for us, and as float32 in [0, 1], ready in memory, for everybody else."""

    def __init__(self) -> None:
        import numpy as np

        from src.digits.data import EMBEDDED, load_data

        data = load_data(EMBEDDED)
        self.images, self.labels = data.images, data.labels
        self.test_images, self.test_labels = data.test_images, data.test_labels
        self.x = self.images.reshape(-1, 784).astype(np.float32) / np.float32(255)
        self.x_test = self.test_images.reshape(-1, 784).astype(np.float32) / np.float32(255)


def floor(all_images: bool, digits: Digits, batch_size: int) -> Fresh:
    """The eight matrix products of a step, into arrays that are already there, and nothing else.

    Three forward, three for the gradients of the weights, two for those of the hidden layers; the
    gradient of the image is needed by nobody. The same images over and over, which stay in the
    processor's cache, or all 60,000 in order, which have to come from memory as in any training.
    """
    import numpy as np

    rng = np.random.default_rng(0)

    def layers(rows: int) -> list[np.ndarray]:
        return [rng.standard_normal((rows, size), np.float32) for size in SIZES]

    weights = [
        rng.standard_normal(shape, np.float32) / np.float32(shape[0]) for shape in pairwise(SIZES)
    ]
    gradients = [np.empty_like(w) for w in weights]
    full, ragged = divmod(len(digits.x), batch_size)
    arrays = [(layers(batch_size), layers(batch_size))] * full
    arrays += [(layers(ragged), layers(ragged))] * (ragged > 0)
    work = []
    for number, (a, dz) in enumerate(arrays):
        start = number * batch_size * all_images
        work.append(([digits.x[start : start + len(a[0])], *a[1:]], dz))

    def epoch() -> None:
        for a, dz in work:
            for layer in (0, 1, 2):
                np.matmul(a[layer], weights[layer], out=a[layer + 1])
            for layer in (2, 1, 0):
                np.matmul(a[layer].T, dz[layer + 1], out=gradients[layer])
                if layer > 0:
                    np.matmul(dz[layer + 1], weights[layer].T, out=dz[layer])

    return lambda: (epoch, lambda: None)


def ours(recipe: str, changes: dict, digits: Digits, batch_size: int) -> Fresh:
    """This project's own batches and training step, with a recipe of train.py."""
    import numpy as np

    import train
    from src.digits.augmentation import augment
    from src.digits.preprocessing import PREPROCESSING
    from src.model import NeuralNetwork
    from src.utils import batches, scale

    config = train.recipe(recipe).with_(hidden=SIZES[1:-1], batch_size=batch_size, **changes)
    preprocess = PREPROCESSING[config.preprocessing]
    images, test_images = preprocess(digits.images), preprocess(digits.test_images)

    def fresh() -> tuple[Callable, Callable]:
        network = NeuralNetwork(SIZES, config.activation, config.initializer)
        gradient = np.empty_like(network.parameters)
        velocity = np.zeros_like(network.parameters)
        rng = np.random.default_rng(0)
        transform = None
        if config.augmentation != "none":
            transform = partial(
                augment, name=config.augmentation, strength=config.augmentation_strength, rng=rng
            )

        def epoch() -> None:
            for x, y in batches(images, digits.labels, batch_size, rng, transform):
                train.training_step(
                    network, x, y, gradient, velocity, config.learning_rate, config, rng
                )
            return network.parameters

        return epoch, lambda: network.predict(scale(test_images))

    return fresh


def tuned(digits: Digits, batch_size: int) -> Fresh:
    """Our step as fast as NumPy lets us: no allocation, no loop over layers, no function of ours.

    The price of code that is written to be read is the difference. The same operations in the same
    order, so the parameters after an epoch are ours to the last bit; if not, this raises.
    """
    import numpy as np

    from src.model import NeuralNetwork
    from src.utils import scale

    take, multiply, matmul, add = np.take, np.multiply, np.matmul, np.add
    subtract, maximum, greater, exp, log = np.subtract, np.maximum, np.greater, np.exp, np.log
    total, largest = np.add.reduce, np.maximum.reduce
    images, labels = digits.images.reshape(-1, 784), digits.labels
    pixel, zero = np.float32(1 / 255), np.float32(0)

    def buffers(n: int) -> tuple[np.ndarray, ...]:
        """All that a step on n images writes, but for the gradient."""
        rows = [np.empty((n, size), np.float32) for size in (784, 128, 128, 64, 64, 10)]
        rows += [np.empty((n, size), np.float32) for size in (128, 64)]
        gates = [np.empty((n, size), bool) for size in (128, 64)]
        columns = [np.empty((10, n), np.float32), *np.empty((3, n), np.float32)]
        return (
            np.empty((n, 784), np.uint8),
            np.empty(n, np.int64),
            np.arange(n),
            (*rows, *gates, *columns),
        )

    full, ragged = buffers(batch_size), buffers(len(images) % batch_size)

    def fresh() -> tuple[Callable, Callable]:
        network = NeuralNetwork(SIZES)
        parameters, gradient = network.parameters, np.empty_like(network.parameters)
        (w1, w2, w3), (b1, b2, b3) = network.weights, network.biases
        w2_t, w3_t = w2.T, w3.T
        (dw1, dw2, dw3), (db1, db2, db3) = network.split(gradient)
        rng, rate = np.random.default_rng(0), np.float32(LEARNING_RATE)

        def epoch() -> np.ndarray:
            order = rng.permutation(len(images))
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                n = len(rows)
                bytes_, y, places, floats = full if n == batch_size else ragged
                x, z1, a1, z2, a2, logits, d1, d2, gate1, gate2, p, top, sums, loss = floats
                take(images, rows, 0, bytes_, "clip")
                take(labels, rows, 0, y, "clip")
                multiply(bytes_, pixel, x)
                # forward
                matmul(x, w1, z1)
                add(z1, b1, z1)
                maximum(z1, zero, out=a1)
                matmul(a1, w2, z2)
                add(z2, b2, z2)
                maximum(z2, zero, out=a2)
                matmul(a2, w3, logits)
                add(logits, b3, logits)
                # loss; its value is computed, as ours is, and looked at by nobody
                p[...] = logits.T
                largest(p, 0, None, top)
                subtract(p, top, p)
                target = p[y, places]
                exp(p, p)
                total(p, 0, None, sums)
                np.divide(p, sums, p)
                log(sums, loss)
                subtract(loss, target, loss)
                total(loss, 0, np.float64)
                p[y, places] -= 1
                np.divide(p, n, p)
                dz = p.T
                # backward
                matmul(a2.T, dz, dw3)
                total(dz, 0, None, db3)
                matmul(dz, w3_t, d2)
                greater(z2, zero, gate2)
                multiply(d2, gate2, d2)
                matmul(a1.T, d2, dw2)
                total(d2, 0, None, db2)
                matmul(d2, w2_t, d1)
                greater(z1, zero, gate1)
                multiply(d1, gate1, d1)
                matmul(x.T, d1, dw1)
                total(d1, 0, None, db1)
                # update
                multiply(gradient, rate, gradient)
                subtract(parameters, gradient, parameters)
            return parameters

        return epoch, lambda: network.predict(scale(digits.test_images))

    (epoch, _), (our_epoch, _) = fresh(), CONTESTANTS[OURS](digits, batch_size)()
    np.testing.assert_array_equal(epoch(), our_epoch())
    return fresh


def pytorch(compiled: bool, digits: Digits, batch_size: int) -> Fresh:
    """A Sequential, cross_entropy and torch.optim.SGD; torch.compile for forward and backward."""
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    x, labels = torch.from_numpy(digits.x), torch.from_numpy(digits.labels)
    x_test = torch.from_numpy(digits.x_test)

    def fresh() -> tuple[Callable, Callable]:
        layers: list[torch.nn.Module] = []
        for fan_in, fan_out in pairwise(SIZES):
            layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
        for layer in layers[0::2]:
            torch.nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")  # He, as for ours
            torch.nn.init.zeros_(layer.bias)
        model = torch.nn.Sequential(*layers[:-1])
        optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
        forward = torch.compile(model) if compiled else model

        def epoch() -> None:
            for rows in torch.randperm(len(x)).split(batch_size):
                optimizer.zero_grad()
                logits = forward(x.index_select(0, rows))
                loss = torch.nn.functional.cross_entropy(logits, labels.index_select(0, rows))
                loss.backward()
                optimizer.step()

        return epoch, lambda: model(x_test).argmax(dim=1).numpy()

    return fresh


def sklearn(digits: Digits, batch_size: int) -> Fresh:
    """MLPClassifier, stopped after one pass."""
    from sklearn.neural_network import MLPClassifier

    def fresh() -> tuple[Callable, Callable]:
        model = MLPClassifier(
            tuple(SIZES[1:-1]),
            solver="sgd",
            momentum=0,
            nesterovs_momentum=False,
            alpha=0,
            batch_size=batch_size,
            learning_rate_init=LEARNING_RATE,
            max_iter=1,
            shuffle=True,
            random_state=0,
        )
        return lambda: model.fit(digits.x, digits.labels), lambda: model.predict(digits.x_test)

    return fresh


def jax(whole_epoch: bool, digits: Digits, batch_size: int) -> Fresh:
    """A jitted SGD step, called for every batch, or with lax.scan over all of them in one call."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    jax.config.update("jax_platforms", "cpu")
    x, labels, x_test = (
        jnp.asarray(digits.x),
        jnp.asarray(digits.labels),
        jnp.asarray(digits.x_test),
    )
    full = len(digits.x) // batch_size

    def forward(parameters: list, a: jax.Array) -> jax.Array:
        for w, b in parameters[:-1]:
            a = jax.nn.relu(a @ w + b)
        w, b = parameters[-1]
        return a @ w + b

    def mean_loss(parameters: list, a: jax.Array, y: jax.Array) -> jax.Array:
        log_p = jax.nn.log_softmax(forward(parameters, a))
        return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()

    def step(parameters: list, x: jax.Array, labels: jax.Array, rows: jax.Array) -> list:
        gradient = jax.grad(mean_loss)(parameters, x[rows], labels[rows])
        return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, parameters, gradient)

    def scan(parameters: list, x: jax.Array, labels: jax.Array, rows: jax.Array) -> list:
        return jax.lax.scan(lambda p, r: (step(p, x, labels, r), None), parameters, rows)[0]

    jitted_step, jitted_scan = jax.jit(step, donate_argnums=0), jax.jit(scan, donate_argnums=0)

    def fresh() -> tuple[Callable, Callable]:
        rng = np.random.default_rng(0)
        parameters = []
        for fan_in, fan_out in pairwise(SIZES):
            limit = np.sqrt(6 / fan_in)
            w = rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32)
            parameters.append((jnp.asarray(w), jnp.zeros(fan_out, jnp.float32)))

        def epoch() -> None:
            nonlocal parameters
            order = rng.permutation(len(digits.x)).astype(np.int32)
            rows, ragged = order[: full * batch_size].reshape(full, -1), order[full * batch_size :]
            if whole_epoch:
                parameters = jitted_scan(parameters, x, labels, rows)
            else:
                for batch in rows:
                    parameters = jitted_step(parameters, x, labels, batch)
            if len(ragged):
                parameters = jitted_step(parameters, x, labels, ragged)
            jax.block_until_ready(parameters)

        return epoch, lambda: np.asarray(forward(parameters, x_test).argmax(axis=1))

    return fresh


CONTESTANTS: dict[str, Callable[[Digits, int], Fresh]] = {
    FLOOR: partial(floor, False),
    STREAM: partial(floor, True),
    OURS: partial(ours, "plain", {"learning_rate": LEARNING_RATE}),
    TUNED: tuned,
    MOMENTUM: partial(ours, "plain", {"momentum": 0.9, "nesterov": True, "learning_rate": 0.03}),
    BEST: partial(ours, "best", {}),
    TORCH: partial(pytorch, False),
    COMPILED: partial(pytorch, True),
    SKLEARN: sklearn,
    JAX_STEP: partial(jax, False),
    JAX_SCAN: partial(jax, True),
}


def measure(digits: Digits, batch_size: int, repeats: int, skipped: set[str]) -> Iterator[dict]:
    """One row a contestant. Every one warms up with an untimed epoch, which also compiles."""
    ready: dict[str, Fresh] = {}
    for name, contestant in CONTESTANTS.items():
        if name in skipped:
            continue
        try:
            fresh = contestant(digits, batch_size)
            epoch, _ = fresh()
            epoch()
            ready[name] = fresh
        except Exception as error:  # a peer that is missing or broken must not stop the others
            if name in (FLOOR, STREAM, OURS, TUNED, MOMENTUM, BEST):
                raise
            skipped.add(name)
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"  {name}: skipped ({first_line[:100]})", flush=True)
    seconds: dict[str, list[float]] = {name: [] for name in ready}
    accuracy = {}
    for _ in range(repeats):
        for name, fresh in ready.items():
            epoch, predict = fresh()
            start = time.perf_counter()
            epoch()
            seconds[name].append(time.perf_counter() - start)
            answers = predict()
            accuracy[name] = None if answers is None else (answers == digits.test_labels).mean()
    for name, times in seconds.items():
        yield {
            "batch_size": batch_size,
            "contestant": name,
            "median_seconds": round(median(times), 6),
            "min_seconds": round(min(times), 6),
            "max_seconds": round(max(times), 6),
            "images_per_second": round(len(digits.images) / median(times)),
            "floor_over_it": round(median(seconds[FLOOR]) / median(times), 4),
            "it_over_ours": round(median(times) / median(seconds[OURS]), 4),
            "test_accuracy": "" if accuracy[name] is None else round(float(accuracy[name]), 4),
            "repeats": repeats,
        }


def child(threads: int, batch_sizes: list[int], repeats: int, output: Path) -> None:
    """All measurements with one thread setting, in this process."""
    if threads == 1:
        stay_on_one_core()
    warnings.filterwarnings("ignore", message="Stochastic Optimizer: Maximum iterations")
    digits, skipped, rows = Digits(), set(), []
    for batch_size in batch_sizes:
        print(f"batch size {batch_size}, {threads} thread{'s' * (threads > 1)}", flush=True)
        for row in measure(digits, batch_size, repeats, skipped):
            rows.append({"threads": threads, **row})
            accuracy = row["test_accuracy"]
            print(
                f"  {row['contestant']:22s} {row['median_seconds']:7.3f} s "
                f"({row['min_seconds']:.3f} to {row['max_seconds']:.3f})   "
                f"floor / it {row['floor_over_it']:.2f}   it / ours {row['it_over_ours']:.2f}   "
                f"{'' if accuracy == '' else f'test accuracy {accuracy:.2%}'}",
                flush=True,
            )
    output.write_text(json.dumps(rows), encoding="utf-8")


def environment() -> Iterator[dict]:
    """What the figures were measured on."""
    from importlib.metadata import PackageNotFoundError, version

    yield {"what": "processor", "value": processor()}
    yield {"what": "cores", "value": cores()}
    yield {"what": "Python", "value": sys.version.split()[0]}
    for name in ("numpy", "torch", "scikit-learn", "jax"):
        try:
            yield {"what": name, "value": version(name)}
        except PackageNotFoundError:
            yield {"what": name, "value": "not installed"}


def plot(folder: Path) -> None:
    """One group of bars for each batch size, one thread: the floor's time over each one's time."""
    from src.figures.style import drawing

    rows = [row for row in read_rows(folder / "training_speed.csv") if row["threads"] == "1"]
    colours = {
        OURS: "#0072B2",
        TUNED: "#7FB8D9",
        JAX_SCAN: "#E69F00",
        JAX_STEP: "#F5D48A",
        TORCH: "#D55E00",
        COMPILED: "#F0A884",
        SKLEARN: "#009E73",
    }
    names = [name for name in colours if any(row["contestant"] == name for row in rows)]
    sizes = list(dict.fromkeys(row["batch_size"] for row in rows))
    path = folder / "training_speed.png"
    title = "One epoch of 784-128-64-10 on one core: higher is faster"
    with drawing(path, (9, 4.4), title, layout="constrained") as figure:
        axes = figure.subplots()
        width = 0.86 / len(names)
        for number, name in enumerate(names):
            found = {row["batch_size"]: row for row in rows if row["contestant"] == name}
            places = [
                group + (number - (len(names) - 1) / 2) * width for group in range(len(sizes))
            ]
            heights = [float(found[size]["floor_over_it"]) for size in sizes]
            axes.bar(places, heights, 0.92 * width, color=colours[name], label=name)
            for place, height in zip(places, heights):
                axes.annotate(
                    f"{height:.2f}",
                    (place, height),
                    (0, 2),
                    textcoords="offset points",
                    ha="center",
                    fontsize=8,
                    fontweight="bold" if name == OURS else "normal",
                    bbox={"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none"},
                )
        axes.axhline(1, color="black", lw=1, ls="--", zorder=0.9)
        axes.text(len(sizes) - 0.5, 1.015, "matrix products only", ha="right", fontsize=9)
        axes.set_xticks(range(len(sizes)), [f"batch size {size}" for size in sizes])
        axes.set(ylim=(0, 1.12), xlim=(-0.5, len(sizes) - 0.5), ylabel="speed, 1 = bare products")
        axes.grid(False, axis="x")
        axes.tick_params(axis="x", length=0)
        figure.legend(loc="outside lower center", ncols=4, fontsize=9, columnspacing=1.2)
    print(f"saved {path}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch-sizes", type=int, nargs="+", help="default: 32 64 128 256")
    parser.add_argument("--threads", type=int, nargs="+", help="default: 1, then all cores")
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    repeats, batch_sizes = arguments.repeats, arguments.batch_sizes or BATCH_SIZES
    threads = arguments.threads or sorted({1, cores()})
    if arguments.child:
        child(threads[0], batch_sizes, repeats, arguments.child)
        return
    if arguments.quick:
        repeats, batch_sizes, threads = 1, arguments.batch_sizes or [64, 256], [1]
    rows = []
    for count in threads:  # every setting in a process of its own: libraries read it when they load
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "rows.json"
            command = [sys.executable, __file__, "--child", str(output), "--threads", str(count)]
            command += ["--repeats", str(repeats), "--batch-sizes", *map(str, batch_sizes)]
            subprocess.run(command, cwd=ROOT, env=thread_environment(count), check=True)
            rows += json.loads(output.read_text(encoding="utf-8"))
    arguments.results.mkdir(parents=True, exist_ok=True)
    write_rows(arguments.results / "training_speed.csv", rows)
    write_rows(arguments.results / "environment.csv", environment())
    if 1 in threads:
        plot(arguments.results)


if __name__ == "__main__":
    main()
