"""A sweep without tables and figures, for tests: argv is data, folder, jobs, configs as JSON."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from src.common.script import run_script, start

start(__name__)
if "wait" in sys.argv:  # until the test has done something to the sources
    print("started", flush=True)
    sys.stdin.readline()

import json


def main() -> None:
    data, folder, jobs, configs = sys.argv[1:5]
    if (ROOT / "experiments.py").exists():  # it may add an activation
        import experiments  # noqa: F401
    from src.digits.data import load_data
    from src.runs.config import Config
    from src.runs.history import Run
    from src.runs.report import Results
    from src.runs.sweep import sweep

    asked = {label: [Config(**config)] for label, config in json.loads(configs).items()}
    scheduler = sys.argv[5] if "tcp:" in sys.argv[-1] else None

    class Printed(Results):
        def add(self, label: str, outcome: Run | str) -> None:
            loss = outcome if isinstance(outcome, str) else outcome.metrics["last_train_loss"]
            print("RESULT", json.dumps([label, loss]), flush=True)

    results: list = [Printed(asked, {}, Path(folder))]
    for _ in sweep(results, load_data(data), Path(folder), int(jobs), scheduler):
        pass


if __name__ == "__main__":
    run_script(main)
