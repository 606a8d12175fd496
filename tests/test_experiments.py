"""The sweep: what is missing is trained, what is finished is kept, and the tables are right."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import experiments
from experiments import EXPERIMENTS, compare, configs_of, load_run, run_folder
from src.digits.data import Data
from src.errors import InputError
from src.network_file import load_network
from tests.conftest import ROOT
from train import Config

CLOCK = {"seconds", "seconds_std", "images_per_second"}  # measured, so never the same twice


def run(results: Path, data: Path, *arguments: str) -> subprocess.CompletedProcess:
    """experiments.py as its user runs it, from some other folder."""
    command = [sys.executable, str(ROOT / "experiments.py"), "--data", str(data), "--epochs", "2"]
    command += ["--results", str(results), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=results.parent, timeout=120)


def without_clock(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return [{k: v for k, v in row.items() if k not in CLOCK} for row in csv.DictReader(file)]


def folders(results: Path) -> dict[str, int]:
    """Each finished run, and when its network was written."""
    return {
        path.parent.name: path.stat().st_mtime_ns for path in results.glob("runs/*/network.npz")
    }


@pytest.fixture(scope="module")
def swept(small_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a small default sweep, two seeds, two jobs."""
    results = tmp_path_factory.mktemp("sweep") / "results"
    finished = run(results, small_npz, "--seeds", "2", "--jobs", "2")
    assert finished.returncode == 0, finished.stderr
    assert "16 runs, 0 of them finished before" in finished.stdout
    return results


def test_the_table_names_every_experiment_the_project_promises() -> None:
    promised = "hidden_layers learning_rates batch_sizes activations initializers optimizers"
    assert {*promised.split(), "techniques"} <= set(EXPERIMENTS)
    architectures = [c["hidden"] for c in EXPERIMENTS["hidden_layers"]["curves"].values()]
    assert architectures == [
        [],
        [32],
        [64],
        [128],
        [128, 64],
        [256, 128],
        [512, 256],
        [256, 128, 64],
    ]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_curve_is_a_valid_config_that_no_other_equals(name: str) -> None:
    curves = configs_of(name, seeds=2, epochs=None)
    every = [config for configs in curves.values() for config in configs]
    assert len(set(every)) == len(every)


def test_an_unknown_experiment_or_hyperparameter_is_named() -> None:
    with pytest.raises(InputError, match=r"no experiment 'layers'; there are: hidden_layers"):
        configs_of("layers", 1, None)
    EXPERIMENTS["wrong"] = {"question": "?", "curves": {"a": {"learn_rate": 1}}}
    try:
        with pytest.raises(InputError, match=r"'wrong', curve 'a': 'learn_rate' is no hyperp"):
            configs_of("wrong", 1, None)
    finally:
        del EXPERIMENTS["wrong"]


def test_figures_and_tables_are_written(swept: Path) -> None:
    folder = swept / "hidden_layers"
    pictures = {path.name for path in folder.glob("*.png")}
    curves = {f"curves_{label}.png" for label in EXPERIMENTS["hidden_layers"]["curves"]}
    assert pictures == {"comparison.png", "answer.png", *curves}
    rows = without_clock(folder / "summary.csv")
    assert [row["configuration"] for row in rows] == list(EXPERIMENTS["hidden_layers"]["curves"])
    assert [int(row["parameters"]) for row in rows][:2] == [7850, 25450]
    assert {row["runs"] for row in rows} == {"2"}
    tidy = without_clock(folder / "curves.csv")
    assert len(tidy) == 8 * 2 * 3  # configurations, seeds, epochs from 0


def test_the_summary_is_the_mean_of_the_runs(swept: Path) -> None:
    tidy = without_clock(swept / "hidden_layers" / "curves.csv")
    last = [
        float(row["validation_accuracy"])
        for row in tidy
        if row["configuration"] == "128-64" and row["epoch"] in ("2", "2.0")
    ]
    row = next(
        row
        for row in without_clock(swept / "hidden_layers" / "summary.csv")
        if row["configuration"] == "128-64"
    )
    assert float(row["last_validation_accuracy"]) == pytest.approx(np.mean(last))
    assert float(row["last_validation_accuracy_std"]) == pytest.approx(np.std(last, ddof=1))


def test_a_second_sweep_trains_nothing_and_says_the_same(swept: Path, small_npz: Path) -> None:
    before, table = folders(swept), (swept / "hidden_layers" / "summary.csv").read_bytes()
    again = run(swept, small_npz, "--seeds", "2")
    assert "16 runs, 16 of them finished before" in again.stdout
    assert folders(swept) == before
    assert (swept / "hidden_layers" / "summary.csv").read_bytes() == table


def test_jobs_and_order_do_not_change_a_bit(swept: Path, small_npz: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    assert run(results, small_npz, "--seeds", "2", "--jobs", "1").returncode == 0
    assert set(folders(results)) == set(folders(swept))
    for name in folders(results):
        one, other = results / "runs" / name, swept / "runs" / name
        assert without_clock(one / "history.csv") == without_clock(other / "history.csv")
        assert (one / "layers.csv").read_bytes() == (other / "layers.csv").read_bytes()
        parameters = [load_network(run / "network.npz")[0].parameters for run in (one, other)]
        assert parameters[0].tobytes() == parameters[1].tobytes()


def test_damaged_and_foreign_folders_are_named_and_done_again(
    small_npz: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    run(results, small_npz, "--seeds", "1")
    names = sorted(folders(results))
    (results / "runs" / names[0] / "network.npz").write_bytes(b"not a network")
    (results / "runs" / names[1] / "history.csv").write_text("epoch\n0\n")
    (results / "runs" / names[2] / "metrics.json").unlink()
    (results / "runs" / "my notes").mkdir()
    (results / "runs" / "my notes" / "note.txt").write_text("mine")
    again = run(results, small_npz, "--seeds", "1")
    assert "8 runs, 5 of them finished before" in again.stdout
    assert again.stderr.count("ignoring and redoing") == 3
    assert (results / "runs" / "my notes" / "note.txt").read_text() == "mine"
    for name in names:
        load_run(results / "runs" / name)


def test_fresh_trains_again(small_npz: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    run(results, small_npz, "--seeds", "1")
    before = folders(results)
    assert run(results, small_npz, "--seeds", "1", "--fresh").returncode == 0
    after = folders(results)
    assert set(after) == set(before)
    assert all(after[name] > before[name] for name in before)


def test_the_folder_depends_on_config_data_seed_and_code() -> None:
    base = Config()
    variants = [
        (base, "data", "code"),
        (base.with_(learning_rate=0.2), "data", "code"),
        (base.with_(seed=1), "data", "code"),
        (base, "other data", "code"),
        (base, "data", "edited code"),
    ]
    assert len({run_folder(Path(), *variant) for variant in variants}) == len(variants)


def test_edited_code_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = experiments.code_fingerprint()
    (tmp_path / "src").mkdir()
    for path in (ROOT / "src").glob("*.py"):
        pass
    monkeypatch.setattr(experiments, "ROOT", tmp_path)
    assert experiments.code_fingerprint() == before
    path = tmp_path / "src" / "activations.py"
    path.write_text(path.read_text().replace("LEAK = 0.01", "LEAK = 0.02"))
    assert experiments.code_fingerprint() != before


def test_runs_with_one_seed_share_split_and_batches(digits: Data) -> None:
    """Of two runs that differ in the width of a layer, both have seen the same batches."""
    seen = []
    for hidden in ([4], [8]):
        batches_seen: list[bytes] = []
        original = experiments.training_step

        def spy(network, x, labels, *rest, batches_seen=batches_seen, original=original):
            batches_seen.append(labels.tobytes())
            return original(network, x, labels, *rest)

        module = sys.modules["train"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "training_step", spy)
            module.train(Config(hidden=hidden, epochs=1), digits)
        seen.append(batches_seen)
    assert seen[0] == seen[1]


def test_a_diverging_configuration_is_reported_and_the_others_go_on(
    small_npz: Path, tmp_path: Path
) -> None:
    """Executed as a script with another table, as a user edits it."""
    script = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import experiments;"
        "experiments.EXPERIMENTS['mine'] = {'question': 'Mine?', 'curves': {"
        "'calm': {}, 'wild': {'learning_rate': 1000, 'activation': 'leaky_relu'}}};"
        "experiments.run_script(experiments.main)"
    )
    results = tmp_path / "results"
    command = [sys.executable, "-c", script, str(ROOT), "mine", "--data", str(small_npz)]
    command += ["--epochs", "3", "--seeds", "2", "--results", str(results), "--jobs", "2"]
    finished = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert finished.returncode == 1, finished.stderr
    calm, wild = without_clock(results / "mine" / "summary.csv")
    assert (calm["runs"], calm["failed"]) == ("2", "")
    assert wild["runs"] == "0"
    assert "not finite" in wild["failed"]
    assert "failed: epoch 1" in finished.stdout


def test_compare_tells_noise_from_difference() -> None:
    def runs(*accuracies: float) -> list[dict]:
        return [{"metrics": {"last_validation_accuracy": value}} for value in accuracies]

    lines = compare(
        {
            "good": runs(0.980, 0.982, 0.984),
            "near": runs(0.982, 0.979, 0.983),
            "bad": runs(0.970, 0.972, 0.9741),
        }
    )
    assert lines[0] == "best: good, 98.20% of the validation images"
    assert lines[1].startswith("near: 0.07 points behind (within the noise")
    assert lines[2].startswith("bad: 1.00 points behind (larger than the noise of 0.01")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no experiment 'nothing'"),
        (["--seeds", "0"], "--seeds 0"),
        (["--jobs", "-1"], "--jobs -1"),
        (["--epochs", "0"], "epochs = 0"),
        (["--scheduler", "tcp://127.0.0.1:1"], "Dask"),
    ],
)
def test_wrong_arguments_end_in_one_line(
    arguments: list[str], message: str, small_npz: Path, tmp_path: Path
) -> None:
    finished = run(tmp_path / "results", small_npz, *arguments)
    assert finished.returncode == 2
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stderr.strip().splitlines()[-1].startswith("error: ")


def test_a_second_sweep_in_the_same_folder_is_refused(small_npz: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    results = tmp_path / "results"
    results.mkdir()
    with FileLock(results / ".lock"):
        refused = run(results, small_npz)
    assert refused.returncode == 2
    assert "another sweep is writing there" in refused.stderr
    assert run(results, small_npz, "--seeds", "1").returncode == 0


def test_list_names_the_questions(tmp_path: Path) -> None:
    finished = run(tmp_path / "results", tmp_path / "no file needed", "--list")
    assert finished.returncode == 0
    assert all(name in finished.stdout for name in EXPERIMENTS)
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"curves": {"a": {}}}, "needs a question"),
        ({"question": "?", "curvs": {"a": {}}}, "'curvs' is not question, curves or answer"),
        ({"question": "?", "curves": {}}, "needs a question, and curves"),
        ({"question": "?", "curves": {"a": 3}}, "curve 'a': give a dict of changes"),
        ({"question": "?", "curves": {"a": {"recipe": "bset"}}}, "curve 'a': no recipe 'bset'"),
        ({"question": "?", "answer": "cots", "curves": {"a": {}}}, "answer is ranking"),
        ({"question": "?", "curves": {"a/b": {}, "a_b": {}}}, "the same file name"),
    ],
)
def test_a_table_edited_wrongly_is_refused_before_anything_trains(
    entry: dict, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXPERIMENTS, "mine", entry)
    with pytest.raises(InputError, match=message):
        configs_of("mine", 1, None)
