"""Benchmarks that say what they measured."""

import os
import subprocess
import sys

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.evaluation.optimisation import Optimisation
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import MODELS, build, network
from posekit.profiling import timing as profiling
from posekit.profiling.counting import count_products
from posekit.profiling.timing import (
    Measurement,
    bench_table,
    benchmark,
    benchmark_optimisation,
    describe_machine,
    lifter_table,
)

SMALL = {"frames": 9, "embed_dim": 16, "depth": 2, "heads": 2}


@pytest.fixture(autouse=True)
def small_matrices(monkeypatch):
    monkeypatch.setattr(profiling, "MATRIX_SIZE", 64)
    monkeypatch.setattr(profiling, "SECONDS_PER_SAMPLE", 0.0)


@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_benchmark_fills_every_figure(mode, precision):
    row = benchmark("ktpformer", batch=2, mode=mode, precision=precision, samples=1, **SMALL)
    assert (row.frames, row.batch, row.device, row.note) == (9, 2, row.device, "")
    assert row.frames_per_second == pytest.approx(2 * 9 / row.latency)
    assert row.share > 0
    assert row.peak_rate > 0
    if mode == "training":
        assert row.mpjpe_change is None
    elif precision == "float32":
        assert row.mpjpe_change == 0.0
    else:
        assert 0.0 < abs(row.mpjpe_change) < 10.0


def test_memory_counts_weights_moments_and_activations():
    network = build("mixste", skeleton=HUMAN36M_17, **SMALL)
    weights = sum(4 * parameter.numel() for parameter in network.parameters())
    memory = {
        (mode, batch): benchmark(network, mode=mode, batch=batch, samples=1, device="cpu").memory
        for mode in profiling.MODES
        for batch in (1, 8)
    }
    tokens = 4 * 9 * 17 * 16
    assert weights + tokens < memory["inference", 1] < memory["inference", 8]
    assert memory["inference", 8] - memory["inference", 1] > 7 * 3 * tokens  # at least q, k, v
    assert memory["training", 1] > 4 * weights  # with two moments and gradients
    assert memory["training", 8] > memory["inference", 8] + 3 * weights


def test_table_yields_every_combination_and_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(profiling.shutil, "which", lambda _name: None)
    rows = list(
        bench_table("mixste", frames=9, width=16, depth=1, heads=2, samples=1, device="cpu")
    )
    assert [(row.compiled, row.mode, row.precision) for row in rows] == [
        (compiled, mode, precision)
        for compiled in (False, True)
        for mode in ("inference", "training")
        for precision in ("float32", "bf16")
    ]
    assert all(row.frames_per_second and not row.note for row in rows[:4])
    assert all(row.frames_per_second is None and "install g++" in row.note for row in rows[4:])


@pytest.mark.parametrize("mode", ["inference", "training"])
def test_a_lifter_of_single_frames_is_counted_by_the_poses_it_gives(mode):
    row = benchmark("gla_gcn", frames=9, embed_dim=8, batch=3, mode=mode, samples=1, device="cpu")
    assert row.frames_per_second == pytest.approx(3 / row.latency)


def test_rows_come_as_they_are_done(monkeypatch):
    done = []

    def record(model, **options):
        done.append((options["mode"], options["precision"]))
        return Measurement(model, 9, 1, options["mode"], options["precision"], False, "cpu")

    monkeypatch.setattr(profiling, "benchmark", record)
    next(bench_table("mixste", frames=9, device="cpu"))
    assert done == [("inference", "float32")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "dream"}, "mode 'dream'; choose one of: inference, training"),
        ({"precision": "int4"}, "precision 'int4'; choose one of: float32, bf16"),
        ({"wings": 2}, "no option 'wings'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(InvalidParameter, match=message):
        benchmark("mixste", **arguments)


def test_options_of_a_built_network_are_refused():
    with pytest.raises(InvalidParameter, match="drop frames"):
        benchmark(build("mixste", skeleton=HUMAN36M_17, **SMALL), frames=27)


def test_machine_is_described_without_names():
    machine = describe_machine("cpu")
    assert set(machine) == {
        "processor", "system", "cores", "threads", "memory_gigabytes", "gpu", "torch",
    }  # fmt: skip
    assert machine["memory_gigabytes"] > 0.1
    assert machine["gpu"] is None


def test_machine_rate_is_positive():
    assert profiling.matrix_product_rate("bf16", "cpu", repetitions=1) > 0


def test_optimisation_counts_every_pass(monkeypatch):
    monkeypatch.setattr(profiling, "sample", lambda *arguments: ([2.0], [4.0]))
    network = build("gumlp", skeleton=HUMAN36M_17, embed_dim=16, depth=1)
    row = benchmark_optimisation(
        network, batch=6, settings=Optimisation(iterations=3), device="cpu"
    )
    # Both halves: one pass before and three after a step, three backwards.
    assert row.share == 2 * 14 * count_products(network, "inference", 6) / 2.0 / 4.0
    assert (row.batch, row.frames_per_second, row.peak_rate) == (6, 3.0, 4.0)
    assert row.model == "GUMLP and 3 iterations"
    assert row.memory > 0


def test_optimisation_is_timed():
    row = benchmark_optimisation("gumlp", embed_dim=16, depth=1, samples=1, device="cpu")
    assert row.frames_per_second == pytest.approx(1 / row.latency)


def test_the_table_of_all_lifters_holds_every_model_at_its_published_size(monkeypatch):
    assert all(network(model).published for model in MODELS)

    def unmeasured(model, *, batch, device, samples, **options):
        return Measurement(model, 1, batch, "inference", "float32", False, device)

    monkeypatch.setattr(profiling, "benchmark", unmeasured)
    sizes = {name: size for name, size, _ in lifter_table(device="cpu")}
    assert list(sizes) == [name for model in MODELS for name in network(model).published]
    assert len(sizes) == 19
    assert sizes["HoT w. MixSTE"].parameters == 35_000_323
    assert sizes["GLA-GCN"].parameters == 1_348_856
    assert sizes["GUMLP (UAO)"].parameters == 4_509_059
    assert sizes["TPC w. MHFormer"].layer_macs == pytest.approx(4.11e9, rel=1e-3)


def test_importing_sets_no_variable_and_the_profiler_is_quiet():
    code = (
        "import os, posekit.profiling.timing as timing\n"
        "assert 'KINETO_LOG_LEVEL' not in os.environ\n"
        "timing.MATRIX_SIZE, timing.SECONDS_PER_SAMPLE = 64, 0.0\n"
        "size = {'frames': 1, 'embed_dim': 8, 'depth': 1}\n"
        "print(timing.benchmark('gumlp', samples=1, device='cpu', **size).memory > 0)\n"
        "assert 'KINETO_LOG_LEVEL' not in os.environ\n"
    )
    environment = {name: os.environ[name] for name in os.environ if name != "KINETO_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def test_a_benchmark_leaves_the_callers_random_state():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    benchmark("simple_baseline", device="cpu", samples=1)
    torch.testing.assert_close(torch.rand(1), expected, atol=0, rtol=0)
