"""experiments.py with a table of its own: the tests hold whatever is edited in the shipped one."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from src.common.script import start

start(__name__)

import experiments
from src.runs.questions import grid

experiments.BASELINE = {"epochs": 2, "batch_size": 32, "learning_rate": 0.1}
sizes = [[], [16], [32], [48], [32, 16], [64, 32], [96, 48], [64, 32, 16]]
experiments.EXPERIMENTS = {
    "hidden_layers": {"question": "Which?", "configurations": grid(hidden=sizes)},
    "wild": {
        "question": "How wild?",
        "baseline": {"hidden": [8]},
        "configurations": {"calm": {}, "wild": {"learning_rate": 1000, "activation": "leaky_relu"}},
    },
    "expected": {
        "question": "How wild?",
        "may_fail": True,
        "configurations": {"wild": {"learning_rate": 1000, "activation": "leaky_relu"}},
    },
    "grid": {
        "question": "Which pair?",
        "configurations": grid(hidden=[[4], [8]], batch_size=[16, 32]),
    },
    "zeros": {
        "question": "Which first weights?",
        "configurations": grid(initializer=["he_uniform", "zeros"]),
    },
    "tested": {
        "question": "How good?",
        "score_test": True,
        "baseline": {"hidden": [8], "validation_fraction": 0},
        "configurations": {"a": {}, "b": {"seed": 7}},
    },
}

if __name__ == "__main__":
    experiments.run_script(experiments.main)
