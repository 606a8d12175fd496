"""Does the cost grow as the arithmetic does? Speed and memory over width, depth, batch and data.

    python benchmarks/scaling.py            # 1 to 2 minutes

Around the reference network (784-128-64-10, batch size 64, 60,000 images) one thing is varied at a
time. Every setting runs in a process of its own, on one BLAS thread, so that its peak memory is its
own too. Writes scaling.csv and scaling.png to benchmarks/results/.
"""

import argparse
import json
from itertools import pairwise
from pathlib import Path

from common import RESULTS, ask_child, peak_megabytes, read_rows, write_rows

SECONDS = 1.5  # of training for each setting, or 3 steps if those take longer
REFERENCE = {"hidden": [128, 64], "batch_size": 64, "images": 60_000}
SETTINGS = {
    "width": [(w, {"hidden": [w, w]}) for w in (32, 64, 128, 256, 512, 1024, 2048)],
    "depth": [(d, {"hidden": [128] * d}) for d in (0, 1, 2, 4, 8, 16, 32)],
    "batch size": [(b, {"batch_size": b}) for b in (8, 16, 32, 64, 128, 256, 512, 1024)],
    "images": [(n, {"images": n}) for n in (1_000, 4_000, 15_000, 60_000, 240_000)],
}
AXES = {
    "width": "units in each of two hidden layers",
    "depth": "hidden layers of 128 units",
    "batch size": "batch size",
    "images": "training images",
}


def flop_per_image(sizes: list[int]) -> int:
    """Multiplications and additions of all matrix products of a training step, per image.

    Forward, and for the gradients of the weights, and of every layer's input but the image.
    """
    products = [2 * fan_in * fan_out for fan_in, fan_out in pairwise(sizes)]
    return 3 * sum(products) - products[0]


def child(hidden: list[int], batch_size: int, images: int) -> dict:
    """Train for a while and tell the speed and this process's peak memory."""
    import resource
    import time

    import numpy as np

    import train
    from src.digits.data import EMBEDDED, load_data
    from src.model import NeuralNetwork
    from src.utils import batches

    sizes = [784, *hidden, 10]
    data = load_data(EMBEDDED)
    x, labels = data.images[:images], data.labels[:images]
    if images > len(x):
        x, labels = np.resize(x, (images, 28, 28)), np.resize(labels, images)  # repeated
    network = NeuralNetwork(sizes)
    gradient, velocity = np.empty_like(network.parameters), np.zeros_like(network.parameters)
    config, rng = train.Config(hidden=hidden, batch_size=batch_size), np.random.default_rng(0)
    seconds, trained, steps = 0.0, 0, 0
    while seconds < SECONDS:
        start = time.perf_counter()
        for batch, y in batches(x, labels, batch_size, rng):
            if steps == 1:  # the first step has warmed up
                start, seconds, trained = time.perf_counter(), 0.0, 0
            train.training_step(network, batch, y, gradient, velocity, 0.01, config, rng)
            steps, trained = steps + 1, trained + len(y)
            if images > 10_000 and steps > 3 and time.perf_counter() - start > SECONDS:
                break
        seconds += time.perf_counter() - start
    flop, speed = flop_per_image(sizes), trained / seconds
    return {
        "layers": "-".join(map(str, sizes)) if len(sizes) < 8 else f"784-{len(hidden)}x128-10",
        "batch_size": batch_size,
        "images": images,
        "parameters": network.parameters.size,
        "flop_per_image": flop,
        "images_per_second": round(speed),
        "gflop_per_second": round(flop * speed / 1e9, 1),
        "picoseconds_per_flop": round(1e12 / (flop * speed), 1),
        "peak_megabytes": round(peak_megabytes(resource.getrusage(resource.RUSAGE_SELF))),
    }


def plot(folder: Path) -> None:
    """Above: time per image beside what the arithmetic predicts. Below: peak memory."""
    from src.figures.style import COLOURS, drawing

    title = "Cost of training on one core, around 784-128-64-10, batch size 64"
    with drawing(folder / "scaling.png", (11, 5.2), title, layout="constrained") as figure:
        grid = figure.subplots(2, 4, sharex="col", sharey="row")
        rows = read_rows(folder / "scaling.csv")
        for (above, below), (name, label) in zip(grid.T, AXES.items()):
            mine = [row for row in rows if row["varied"] == name]
            x = [int(row["value"]) for row in mine]
            times = [1e6 / float(row["images_per_second"]) for row in mine]
            fastest = max(float(row["gflop_per_second"]) for row in rows)
            least = [float(row["flop_per_image"]) / fastest / 1e3 for row in mine]
            above.plot(x, times, "o-", color=COLOURS[0], label="measured")
            above.plot(
                x, least, "--", color="black", lw=1, label=f"arithmetic at {fastest:.0f} GFLOP/s"
            )
            below.plot(x, [float(row["peak_megabytes"]) for row in mine], "o-", color=COLOURS[1])
            above.set(title=name, yscale="log", xscale="symlog" if name == "depth" else "log")
            below.set_xlabel(label)
            if name == "depth":
                above.set_xscale("symlog", base=2, linthresh=1)
            ticks = x if len(x) < 6 else x[:: 1 if name == "depth" else 2]
            below.set_xticks(
                ticks, [f"{tick // 1000}k" if tick > 9_999 else str(tick) for tick in ticks]
            )
            below.minorticks_off()
        grid[1, 0].set_ylim(0, 1.1 * max(float(row["peak_megabytes"]) for row in rows))
        grid[0, 0].yaxis.set_major_formatter("{x:g}")
        grid[0, 0].set_ylabel("µs an image (log scale)")
        grid[1, 0].set_ylabel("peak memory in MB")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)
    print(f"saved {folder / 'scaling.png'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--plot", action="store_true", help="only redraw scaling.png")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(**json.loads(arguments.child))))
        return
    if arguments.plot:
        plot(arguments.results)
        return
    rows = []
    for name, settings in SETTINGS.items():
        for value, changes in settings:
            row = {"varied": name, "value": value, **ask_child(__file__, **REFERENCE | changes)}
            rows.append(row)
            print(
                f"{name} {value:>7,}: {row['images_per_second']:>9,} images/s   "
                f"{row['flop_per_image'] / 1e6:7.2f} MFLOP an image   "
                f"{row['gflop_per_second']:5.1f} GFLOP/s   "
                f"{row['picoseconds_per_flop']:6.1f} ps per FLOP   {row['peak_megabytes']:4d} MB",
                flush=True,
            )
    write_rows(arguments.results / "scaling.csv", rows)
    plot(arguments.results)


if __name__ == "__main__":
    main()
