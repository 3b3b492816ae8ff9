"""What networks cost: parameters and operations counted, speed and memory measured."""

from posekit.profiling.counting import (
    PassSize,
    Size,
    count_products,
    measure_pass,
    measure_size,
    size_of,
)
from posekit.profiling.picture_networks import (
    PictureSpeed,
    benchmark_pictures,
    picture_methods,
)
from posekit.profiling.rendering import RendererSpeed, benchmark_renderer
from posekit.profiling.timing import (
    Measurement,
    bench_table,
    benchmark,
    benchmark_optimisation,
    describe_machine,
    latency,
    lifter_table,
    matrix_product_rate,
)

__all__ = [
    "Measurement",
    "PassSize",
    "PictureSpeed",
    "RendererSpeed",
    "Size",
    "bench_table",
    "benchmark",
    "benchmark_optimisation",
    "benchmark_pictures",
    "benchmark_renderer",
    "count_products",
    "describe_machine",
    "latency",
    "lifter_table",
    "matrix_product_rate",
    "measure_pass",
    "measure_size",
    "picture_methods",
    "size_of",
]
