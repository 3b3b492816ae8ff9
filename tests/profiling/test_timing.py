"""Sizes equal to those measured on the releases, and benchmarks that say what they measured."""

import pytest
import torch

from posekit.errors import InvalidParameter
from posekit.evaluation.optimisation import Optimisation
from posekit.geometry.skeletons import HUMAN36M_17
from posekit.models import MODELS, build
from posekit.profiling import timing as profiling
from posekit.profiling.counting import count_products, measure_size, size_of
from posekit.profiling.timing import (
    PUBLISHED_LIFTERS,
    Measurement,
    bench_table,
    benchmark,
    benchmark_optimisation,
    describe_machine,
    lifter_table,
)

SMALL = {"frames": 9, "embed_dim": 16, "depth": 2, "heads": 2}

# Model, frames, parameters and 10^9 MACs of all matrix products, measured on the released code.
RELEASED = [
    ("mixste", 27, 33_673_219, 15.57),
    ("mixste", 81, 33_700_867, 47.31),
    ("mixste", 243, 33_783_811, 147.42),
    ("mixste", 351, 33_839_107, 218.22),
    ("ktpformer", 27, 34_765_014, 16.08),
    ("ktpformer", 81, 34_859_622, 49.01),
    ("ktpformer", 243, 35_213_430, 153.89),
    ("ktpformer", 351, 35_507_622, 228.88),
    ("d3dp", 243, 34_835_459, 147.43),
]


@pytest.fixture(autouse=True)
def small_matrices(monkeypatch):
    monkeypatch.setattr(profiling, "MATRIX_SIZE", 64)
    monkeypatch.setattr(profiling, "SECONDS_PER_SAMPLE", 0.0)


@pytest.mark.parametrize(("model", "frames", "parameters", "gigamacs"), RELEASED)
def test_published_sizes(model, frames, parameters, gigamacs):
    size = size_of(model, frames=frames)
    assert size.parameters == parameters
    assert round(size.product_macs / 1e9, 2) == gigamacs


@pytest.mark.parametrize("model", ["mixste", "ktpformer", "d3dp"])
def test_linear_only_count_is_the_one_that_papers_print(model):
    assert round(size_of(model, frames=243).layer_macs / 1e9, 1) == 138.6


@pytest.mark.parametrize(
    ("options", "millions"),
    [({"depth": 4}, 22.60), ({"depth": 8}, 39.42), ({"embed_dim": 256}, 9.02)],
)
def test_sizes_of_ktpformer_by_depth_and_width(options, millions):
    assert round(size_of("ktpformer", frames=243, **options).parameters / 1e6, 2) == millions


def test_counting_leaves_the_network_alone():
    network = build("ktpformer", skeleton=HUMAN36M_17, **SMALL).train()
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    measure_size(network)
    assert network.training
    assert next(network.parameters()).device.type == "cpu"
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())


def test_cost_grows_with_the_batch_and_with_sampling():
    network = build("d3dp", skeleton=HUMAN36M_17, **SMALL)
    one = count_products(network)
    assert count_products(network, batch=3) == pytest.approx(3 * one, rel=0.01)
    network.hypotheses, network.iterations = 2, 3
    assert count_products(network, "inference") == pytest.approx(2 * 2 * 3 * one, rel=0.05)


def test_a_pass_that_runs_counts_as_one_on_shapes_alone():
    network = build("ktpformer", skeleton=HUMAN36M_17, **{**SMALL, "frames": 81})
    assert count_products(network, "inference") == count_products(network, "training")


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
    monkeypatch.setattr(
        profiling, "_time", lambda step, operations, probe, samples: (2.0, 0.5, operations)
    )
    network = build("gumlp", skeleton=HUMAN36M_17, embed_dim=16, depth=1)
    row = benchmark_optimisation(
        network, batch=6, settings=Optimisation(iterations=3), device="cpu"
    )
    # Both halves: one pass before and three after a step, three backwards.
    assert row.peak_rate == 2 * 14 * count_products(network, "inference", 6)
    assert (row.batch, row.frames_per_second) == (6, 3.0)
    assert row.model == "GUMLP and 3 iterations"
    assert row.memory > 0


def test_optimisation_is_timed():
    row = benchmark_optimisation("gumlp", embed_dim=16, depth=1, samples=1, device="cpu")
    assert row.frames_per_second == pytest.approx(1 / row.latency)


def test_the_table_of_all_lifters_holds_every_model_at_its_published_size(monkeypatch):
    assert {model for model, _ in PUBLISHED_LIFTERS.values()} == set(MODELS)

    def unmeasured(model, *, batch, device, samples, **options):
        return Measurement(model, 1, batch, "inference", "float32", False, device)

    monkeypatch.setattr(profiling, "benchmark", unmeasured)
    sizes = {name: size for name, size, _ in lifter_table(device="cpu")}
    assert list(sizes) == list(PUBLISHED_LIFTERS)
    assert sizes["HoT w. MixSTE"].parameters == 35_000_323
    assert sizes["GLA-GCN"].parameters == 1_348_856
    assert sizes["GUMLP (UAO)"].parameters == 4_509_059
    assert sizes["TPC w. MHFormer"].layer_macs == pytest.approx(4.11e9, rel=1e-3)
