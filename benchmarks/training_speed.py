"""How fast is one epoch, beside PyTorch, scikit-learn and JAX?

    python benchmarks/training_speed.py             # everything, 10 to 15 minutes
    python benchmarks/training_speed.py --quick     # two batch sizes, one thread, one repeat

Everyone does the same work: 784-128-64-10, float32, He-uniform weights, biases of 0, one shuffled
pass over the 60,000 training images, no evaluation; with plain SGD, and with Nesterov momentum and
weight decay. In every repeat each contestant starts with a fresh network and takes its turn, so
that a busy moment of the machine hits all alike. Writes training_speed.csv, training_speed.png and
environment.csv to benchmarks/results/.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from common import (
    RESULTS,
    ROOT,
    cores,
    processor,
    read_rows,
    stay_on_one_core,
    stopwatch,
    thread_environment,
    write_rows,
)

SIZES = [784, 128, 64, 10]
BATCH_SIZES = [32, 64, 128, 256]
PLAIN, MOMENTUM = "plain SGD", "Nesterov, weight decay"
MOMENTA = {"learning_rate": 0.03, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}
TRAINING = {PLAIN: {"learning_rate": 0.1}, MOMENTUM: MOMENTA}  # in the words of src/runs/config.py
FLOOR = "matrix products only"
OURS = "ours"
BEST = "ours, recipe best"
TORCH = "PyTorch eager"
COMPILED = "PyTorch compiled"
SKLEARN = "scikit-learn"
JAX_STEP = "JAX, jitted step"
JAX_SCAN = "JAX, jitted epoch"

# A contestant is (digits, batch size, hyperparameters) -> a function that makes a fresh network and
# returns `epoch()`, which is timed, or tells the seconds itself, and `predict()`, the answers for
# the test images.
Fresh = Callable[[], tuple[Callable[[], Any], Callable[[], Any]]]


class Digits:
    """MNIST as it is, for us, and as float32 in [0, 1], ready in memory, for everybody else."""

    def __init__(self) -> None:
        import numpy as np

        from src.digits.data import EMBEDDED, load_data

        self.data = load_data(EMBEDDED)
        self.labels, self.test_labels = self.data.labels, self.data.test_labels
        self.x = self.data.images.reshape(-1, 784).astype(np.float32) / np.float32(255)
        self.x_test = self.data.test_images.reshape(-1, 784).astype(np.float32) / np.float32(255)


def floor(digits: Digits, batch_size: int, _: dict) -> Fresh:
    """The eight matrix products of a step on all 784 pixels, into arrays that are already there.

    Three forward, three for the gradients of the weights, two for those of the hidden layers; the
    gradient of the image is needed by nobody. The same batch over and over, which stays in the
    processor's cache.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    a, dz = ([rng.random((batch_size, size), np.float32) for size in SIZES] for _ in range(2))
    weights = [rng.random(shape, np.float32) / np.float32(shape[0]) for shape in pairwise(SIZES)]
    gradients = [np.empty_like(w) for w in weights]

    def epoch() -> None:
        for _ in range(0, len(digits.x), batch_size):
            for layer in (0, 1, 2):
                np.matmul(a[layer], weights[layer], out=a[layer + 1])
            for layer in (2, 1, 0):
                np.matmul(a[layer].T, dz[layer + 1], out=gradients[layer])
                if layer > 0:
                    np.matmul(dz[layer + 1], weights[layer].T, out=dz[layer])

    return lambda: (epoch, lambda: None)


def ours(recipe_name: str, digits: Digits, batch_size: int, training: dict) -> Fresh:
    """This project's own training loop, with a recipe and the hyperparameters of this training."""
    import train
    from src.digits.preprocessing import PREPROCESSING
    from src.runs.recipes import recipe
    from src.utils import scale

    config = recipe(recipe_name).with_(epochs=1, batch_size=batch_size, **training)
    config = config.with_(validation_fraction=0)
    test_images = PREPROCESSING[config.preprocessing](digits.data.test_images)

    def fresh() -> tuple[Callable, Callable]:
        clock = stopwatch()

        def epoch() -> float:
            train.train(config, digits.data, clock)
            return clock.seconds[-1]

        return epoch, lambda: clock.network.predict(scale(test_images))

    return fresh


def pytorch(compiled: bool, digits: Digits, batch_size: int, training: dict) -> Fresh:
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
            torch.nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            torch.nn.init.zeros_(layer.bias)
        model = torch.nn.Sequential(*layers[:-1])
        lr, decay = training["learning_rate"], training.get("weight_decay", 0.0)
        groups = [
            {"params": [layer.weight for layer in layers[0::2]], "weight_decay": decay},
            {"params": [layer.bias for layer in layers[0::2]]},  # not decayed
        ]
        optimizer = torch.optim.SGD(
            groups, lr, training.get("momentum", 0), nesterov=training.get("nesterov", False)
        )
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


def sklearn(digits: Digits, batch_size: int, training: dict) -> Fresh:
    """MLPClassifier.partial_fit, which is one pass in batches.

    Its weights and biases are replaced by those of everybody else. It divides its penalty by the
    batch size, so alpha is the weight decay times that.
    """
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    def fresh() -> tuple[Callable, Callable]:
        model = MLPClassifier(
            tuple(SIZES[1:-1]),
            solver="sgd",
            momentum=training.get("momentum", 0),
            nesterovs_momentum=training.get("nesterov", False),
            alpha=training.get("weight_decay", 0.0) * batch_size,
            batch_size=batch_size,
            learning_rate_init=training["learning_rate"],
            random_state=0,
        )
        first = digits.x[:batch_size], digits.labels[:batch_size]
        model.partial_fit(*first, classes=np.arange(10))
        for w, b, he in zip(model.coefs_, model.intercepts_, he_uniform(), strict=True):
            w[...], b[...] = he, 0
        for velocity in model._optimizer.velocities:
            velocity[...] = 0

        def epoch() -> None:
            model.partial_fit(digits.x, digits.labels)

        return epoch, lambda: model.predict(digits.x_test)

    return fresh


def he_uniform() -> list:
    """First weights, as float32."""
    import numpy as np

    from src.initializers import INITIALIZERS

    rng = np.random.default_rng(0)
    return [INITIALIZERS["he_uniform"](rng, *s).astype(np.float32) for s in pairwise(SIZES)]


def jax(whole_epoch: bool, digits: Digits, batch_size: int, training: dict) -> Fresh:
    """A jitted SGD step, called for every batch, or with lax.scan over all of them in one call."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    jax.config.update("jax_platforms", "cpu")
    x, labels, x_test = map(jnp.asarray, (digits.x, digits.labels, digits.x_test))
    full, rate = len(digits.x) // batch_size, training["learning_rate"]
    mu, decay = training.get("momentum", 0.0), training.get("weight_decay", 0.0)

    def forward(parameters: list, a: jax.Array) -> jax.Array:
        for w, b in parameters[:-1]:
            a = jax.nn.relu(a @ w + b)
        w, b = parameters[-1]
        return a @ w + b

    def mean_loss(parameters: list, a: jax.Array, y: jax.Array) -> jax.Array:
        log_p = jax.nn.log_softmax(forward(parameters, a))
        return -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()

    def step(state: tuple, x: jax.Array, labels: jax.Array, rows: jax.Array) -> tuple:
        parameters, velocity = state
        gradient = jax.grad(mean_loss)(parameters, x[rows], labels[rows])
        if not mu:
            return jax.tree.map(lambda p, g: p - rate * g, parameters, gradient), velocity
        gradient = [(dw + decay * w, db) for (dw, db), (w, _) in zip(gradient, parameters)]
        velocity = jax.tree.map(lambda v, g: mu * v - rate * g, velocity, gradient)
        ahead = jax.tree.map(lambda p, v, g: p + mu * v - rate * g, parameters, velocity, gradient)
        return ahead, velocity

    def scan(state: tuple, x: jax.Array, labels: jax.Array, rows: jax.Array) -> tuple:
        return jax.lax.scan(lambda s, r: (step(s, x, labels, r), None), state, rows)[0]

    jitted_step, jitted_scan = jax.jit(step, donate_argnums=0), jax.jit(scan, donate_argnums=0)

    def fresh() -> tuple[Callable, Callable]:
        rng = np.random.default_rng(0)
        parameters = [(jnp.asarray(w), jnp.zeros(w.shape[1], jnp.float32)) for w in he_uniform()]
        state = parameters, jax.tree.map(jnp.zeros_like, parameters) if mu else ()

        def epoch() -> None:
            nonlocal state
            order = rng.permutation(len(digits.x)).astype(np.int32)
            rows, ragged = order[: full * batch_size].reshape(full, -1), order[full * batch_size :]
            if whole_epoch:
                state = jitted_scan(state, x, labels, rows)
            else:
                for batch in rows:
                    state = jitted_step(state, x, labels, batch)
            if len(ragged):
                state = jitted_step(state, x, labels, ragged)
            jax.block_until_ready(state)

        return epoch, lambda: np.asarray(forward(state[0], x_test).argmax(axis=1))

    return fresh


CONTESTANTS: dict[str, Callable[[Digits, int, dict], Fresh]] = {
    FLOOR: floor,
    OURS: partial(ours, "plain"),
    TORCH: partial(pytorch, False),
    COMPILED: partial(pytorch, True),
    SKLEARN: sklearn,
    JAX_STEP: partial(jax, False),
    JAX_SCAN: partial(jax, True),
}


def line_up(digits: Digits, batch_size: int, skipped: set[str]) -> dict[tuple[str, str], Fresh]:
    """Who takes part: {(training, contestant): fresh}. Each warms up, which also compiles."""
    entries = [(kind, *one) for kind in TRAINING for one in CONTESTANTS.items()]
    entries.append(("recipe best", BEST, partial(ours, "best")))
    ready = {}
    for kind, name, contestant in entries:
        if name in skipped or (kind, name) == (MOMENTUM, FLOOR):
            continue
        try:
            ready[kind, name] = contestant(digits, batch_size, TRAINING.get(kind, {}))
            ready[kind, name]()[0]()
        except Exception as error:  # a peer that is missing or broken must not stop the others
            if name in (FLOOR, OURS, BEST):
                raise
            del ready[kind, name]
            skipped.add(name)
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"  {name}: skipped ({first_line[:100]})", flush=True)
    return ready


def measure(digits: Digits, batch_size: int, repeats: int, skipped: set[str]) -> Iterator[dict]:
    """One row for each contestant and training."""
    ready = line_up(digits, batch_size, skipped)
    seconds: dict[tuple[str, str], list[float]] = {name: [] for name in ready}
    accuracy = dict.fromkeys(ready, "")
    for _ in range(repeats):
        for name, fresh in ready.items():
            epoch, predict = fresh()
            start = time.perf_counter()
            told = epoch()
            seconds[name].append(told or time.perf_counter() - start)
            answers = predict()
            if answers is not None:
                accuracy[name] = f"{(answers == digits.test_labels).mean():.4f}"
    for (training, name), times in seconds.items():
        mine = seconds[training if training in TRAINING else PLAIN, OURS]
        yield {
            "batch_size": batch_size,
            "training": training,
            "contestant": name,
            "median_seconds": round(median(times), 6),
            "min_seconds": round(min(times), 6),
            "max_seconds": round(max(times), 6),
            "it_over_ours": round(median(b / a for a, b in zip(mine, times)), 4),
            "test_accuracy": accuracy[training, name],
            "repeats": repeats,
        }


def child(threads: int, batch_sizes: list[int], repeats: int, output: Path) -> None:
    """All measurements with one thread setting, in this process."""
    if threads == 1:
        stay_on_one_core()
    digits, skipped, rows = Digits(), set(), []
    for batch_size in batch_sizes:
        print(f"batch size {batch_size}, {threads} thread{'s' * (threads > 1)}", flush=True)
        for row in measure(digits, batch_size, repeats, skipped):
            rows.append({"threads": threads, **row})
            print(
                f"  {row['training']:22s} {row['contestant']:20s} {row['median_seconds']:7.3f} s "
                f"({row['min_seconds']:.3f} to {row['max_seconds']:.3f})   it / ours "
                f"{row['it_over_ours']:.2f}   test accuracy {row['test_accuracy']}",
                flush=True,
            )
    output.write_text(json.dumps(rows), encoding="utf-8")


def environment() -> Iterator[dict]:
    """What the figures were measured on."""
    from importlib.metadata import PackageNotFoundError, version

    first = {"processor": processor(), "cores": cores(), "Python": sys.version.split()[0]}
    yield from ({"what": what, "value": value} for what, value in first.items())
    for name in ("numpy", "torch", "scikit-learn", "jax"):
        try:
            yield {"what": name, "value": version(name)}
        except PackageNotFoundError:
            yield {"what": name, "value": "not installed"}
    yield {"what": "date", "value": time.strftime("%Y-%m-%d")}


def plot(folder: Path) -> None:
    """One group of bars for each batch size, one thread, plain SGD: each one's time over ours."""
    from matplotlib.figure import Figure

    rows = [
        row
        for row in read_rows(folder / "training_speed.csv")
        if (row["threads"], row["training"]) == ("1", PLAIN)
    ]
    colours = {
        JAX_SCAN: "#E69F00",
        OURS: "#0072B2",
        JAX_STEP: "#F5D48A",
        TORCH: "#D55E00",
        COMPILED: "#F0A884",
        SKLEARN: "#009E73",
    }
    names = [name for name in colours if any(row["contestant"] == name for row in rows)]
    sizes = list(dict.fromkeys(row["batch_size"] for row in rows))
    figure = Figure((9, 4.4), layout="constrained")
    axes = figure.subplots()
    width = 0.86 / len(names)
    for number, name in enumerate(names):
        found = {row["batch_size"]: row for row in rows if row["contestant"] == name}
        places = [group + (number - (len(names) - 1) / 2) * width for group in range(len(sizes))]
        heights = [float(found[size]["it_over_ours"]) for size in sizes]
        bars = axes.bar(places, heights, 0.92 * width, color=colours[name], label=name)
        white = {"boxstyle": "square,pad=0.05", "fc": "white", "ec": "none"}
        axes.bar_label(bars, fmt="%.2f", fontsize=8, padding=3, bbox=white)
    axes.axhline(1, color="black", lw=1, ls="--", zorder=0.9)
    axes.set_xticks(range(len(sizes)), [f"batch size {size}" for size in sizes])
    axes.set(xlim=(-0.5, len(sizes) - 0.5), ylabel="time of an epoch, ours = 1")
    axes.set_title("One epoch of 784-128-64-10 with plain SGD on one core: lower is faster")
    axes.tick_params(axis="x", length=0)
    figure.legend(loc="outside lower center", ncols=6, fontsize=9, columnspacing=1.2)
    figure.savefig(folder / "training_speed.png", dpi=150)
    print(f"saved {folder / 'training_speed.png'}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=BATCH_SIZES)
    parser.add_argument("--threads", type=int, nargs="+", help="default: 1, then all cores")
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    repeats, batch_sizes = arguments.repeats, arguments.batch_sizes
    threads = arguments.threads or sorted({1, cores()})
    if arguments.child:
        child(threads[0], batch_sizes, repeats, arguments.child)
        return
    if arguments.quick:
        repeats, batch_sizes, threads = 1, [64, 256], [1]
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
