"""The command line.

Heavy imports stand inside the commands, so that ``--help`` and completion answer at once.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, NoReturn

import click

from posekit import __version__
from posekit.errors import PosekitError, unknown
from posekit.machine.memory import freed_memory_kept
from posekit.machine.storage import repository_root

if TYPE_CHECKING:
    from posekit.workbook.studies import Study

OK, FAILED, MISTAKE, INTERRUPTED = 0, 1, 2, 130

EPILOGUE = """\b
Exit codes: 0 all went well; 1 a notebook or a run failed, the others were finished;
2 a mistake in the command or in a file, told in one line; 130 stopped by Ctrl-C.

\b
Completion of commands, papers and data sets with the Tab key:
  bash  eval "$(_POSEKIT_COMPLETE=bash_source posekit)"   in ~/.bashrc
  zsh   eval "$(_POSEKIT_COMPLETE=zsh_source posekit)"    in ~/.zshrc
  fish  _POSEKIT_COMPLETE=fish_source posekit | source    in ~/.config/fish/config.fish
"""


class Known(click.ParamType):
    """A name out of a list that is only read when it is needed."""

    def __init__(self, kind: str, choices: Callable[[], Collection[str]]) -> None:
        self.name = kind
        self.choices = choices

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> str:
        """The name itself, or a usage error with the nearest valid one."""
        choices = self.choices()
        return value if value in choices else self.fail(unknown(self.name, value, choices))

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Names that begin with what has been typed."""
        return [
            click.shell_completion.CompletionItem(choice)
            for choice in self.choices()
            if choice.startswith(incomplete)
        ]


def _named(place: str) -> Callable[[], Collection[str]]:
    """The names in a table of the package, or that a function of it gives, read when asked for."""

    def names() -> Collection[str]:
        found = resolve_name(place)
        return tuple(found() if callable(found) else found)

    return names


_datasets = _named("posekit.datasets:DATASETS")
_models = _named("posekit.models:MODELS")
RENDERER = "renderer"  # which `bench` measures beside networks
_notebooks = _named("posekit.workbook.reports.running:available_notebooks")
_papers = _named("posekit.workbook.papers:list_papers")
_profiles = _named("posekit.workbook.papers.profiles:PROFILES")


def _measured() -> Collection[str]:
    from posekit.profiling.picture_networks import picture_methods

    return [*_models(), *picture_methods(), RENDERER]


def _standins() -> Collection[str]:
    from posekit.datasets import DATASETS

    return tuple(source.name for source in DATASETS.values() if source.standin)


def _scale_options(command: Callable) -> Callable:
    """Options that decide what is run: data set, profile, seeds, device, claims, rows."""
    for option in (
        click.option(
            "--rows", default="", help="Rows to run besides, TABLE/ROW, separated by commas."
        ),
        click.option(
            "--claims",
            default="auto",
            type=Known("choice of claims", _named("posekit.workbook.studies.setting:CLAIMS")),
            help="Rows to run: those of headline claims, or all.  [as the profile]",
        ),
        click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1 ...  [auto]"),
        click.option(
            "--seeds", default=0, type=click.IntRange(0), help="Seeds per row; 0 as the profile."
        ),
        click.option(
            "--profile",
            default="auto",
            type=Known("profile", lambda: ("auto", *_profiles())),
            help="smoke (seconds), quick (minutes), standard (hours, verdicts), paper.  [auto]",
        ),
        click.option(
            "--dataset",
            default="synthetic",
            type=Known("data set", _datasets),
            help="synthetic, cmu, h36m, mpi_inf_3dhp, humaneva ...  [synthetic]",
        ),
    ):
        command = option(command)
    return command


@click.group(epilog=EPILOGUE, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="posekit")
def posekit() -> None:
    """A reproducibility workbook for 3D human pose estimation.

    \b
    posekit report                      run all notebooks, write reports/html/index.html
    posekit report PAPER --dataset cmu --profile standard
    posekit data status                 which data sets are here, how to get the others
    posekit plan PAPER                  the runs that a report needs, and which are stored
    posekit evaluate NETWORK --datasets A,B     trained on each, tested on each
    """


@posekit.command(short_help="Execute notebooks, write their reports.")
@click.argument("papers", nargs=-1, type=Known("notebook", _notebooks))
@_scale_options
@click.option("--checkpoint", default="", help="A file of the authors to evaluate as well.")
@click.option(
    "--update-reference",
    "keep",
    is_flag=True,
    help="Keep the results as the stored reference run (profile standard or larger).",
)
def report(papers: tuple[str, ...], checkpoint: str, keep: bool, **scale: Any) -> None:
    """Execute paper notebooks and write their HTML reports (all of them by default).

    A notebook that fails is kept with its error and linked; the others go on.

    \b
    posekit report
    posekit report PAPER --profile standard --seeds 3 --update-reference
    """
    from posekit.workbook.papermill_engine import forget_abandoned_cells
    from posekit.workbook.reports.index import build_index
    from posekit.workbook.reports.page import build_report
    from posekit.workbook.reports.running import reports_folder, run_notebook
    from posekit.workbook.studies import update_reference

    if keep:
        _check_reference(scale["profile"], checkpoint)
    forget_abandoned_cells()
    folder = reports_folder()
    file = str(Path(checkpoint).expanduser().resolve()) if checkpoint else ""
    failed = {}
    for paper in papers or _notebooks():
        click.echo(f"{paper}: running on {scale['dataset']}, profile {scale['profile']} ...")
        run = run_notebook(paper, {**scale, "checkpoint": file}, folder / "executed")
        page = build_report(run.notebook, folder / "html" / f"{run.notebook.stem}.html")
        state = f"failed: {run.error}" if run.error else "done"
        click.echo(f"{paper}: {state} after {run.seconds:.0f} s, see {page}")
        if run.error:
            failed[paper] = run.error
        elif keep and paper in _papers():
            try:
                kept = update_reference(_study(paper, scale))
            except PosekitError as error:
                failed[paper] = str(error)
            else:
                click.echo(f"{paper}: reference results in {kept}")
    index = build_index(folder / "executed", folder / "html" / "index.html")
    click.echo(f"index of all reports: {index}")
    if failed:
        for paper, error in failed.items():
            click.echo(f"failed: {paper}: {error}", err=True)
        raise click.exceptions.Exit(FAILED)


def _check_reference(profile: str, checkpoint: str) -> None:
    """Find out before any work whether its results can be kept as a reference."""
    from posekit.workbook.papers.profiles import PROFILES

    fit = [name for name, known in PROFILES.items() if known.verdicts]
    if profile not in fit:
        raise click.UsageError(
            f"--update-reference keeps results of --profile {' or '.join(fit)}, not of {profile}."
        )
    if checkpoint:
        raise click.UsageError("--update-reference trains; leave out --checkpoint.")


@posekit.command(short_help="The runs that reports need, and which are stored.")
@click.argument("papers", nargs=-1, type=Known("paper", _papers))
@_scale_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object per run, for schedulers.")
def plan(papers: tuple[str, ...], as_json: bool, **scale: Any) -> None:
    """Show the runs that reports need, which of them are stored, and how long the rest takes."""
    for paper in papers or _papers():
        study = _study(paper, scale)
        planned = study.plan(read=as_json)  # names that last need the data
        for run in planned.runs if as_json else ():
            content = {"run": run.job.id, "paper": paper, "rows": run.rows, "stored": run.cached}
            click.echo(json.dumps({**content, "seconds": round(run.seconds, 1)}))
        if as_json:
            continue
        rows = [
            (run.name, "stored" if run.cached else f"{run.seconds:.0f} s", _shortened(run.rows))
            for run in planned.runs
        ]
        click.echo(aligned(("run", "time", "shown in"), rows))
        click.echo(
            f"{study.title}: {len(planned.runs)} runs, {len(planned.missing)} to do, "
            f"about {planned.seconds_on('cpu'):.0f} s on one core or "
            f"{planned.seconds_on('cuda'):.0f} s on one GPU.\n"
        )


@posekit.command(short_help="Train for twice the steps, to see whether differences settled.")
@click.argument("papers", nargs=-1, type=Known("paper", _papers))
@_scale_options
def double(papers: tuple[str, ...], **scale: Any) -> None:
    """Run the rows of a scaled profile once more with twice the steps, for fewer seeds.

    The next report reads these runs: a difference between rows that keeps its sign and moves by
    less than half of the smallest effect of interest counts as settled (the lamp "converged").
    """
    for paper in papers or _papers():
        study = _study(paper, scale)
        if study.profile.steps is None:
            raise click.UsageError(f"profile {study.profile.name} is not scaled; name another.")
        twin = study.doubled()
        planned = twin.run_all()
        click.echo(f"{twin.title}: {len(planned.runs)} runs are there.")


def _study(paper: str, scale: Mapping[str, Any]) -> Study:
    from posekit.workbook.studies import Study

    rows = [path.strip() for path in scale["rows"].split(",") if path.strip()]
    return Study(paper, **{**scale, "rows": rows})


class KnownList(Known):
    """Names out of a list, separated by commas."""

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> Any:
        """The names, or a usage error about the first that is unknown."""
        names = [name.strip() for name in value.split(",") if name.strip()]
        return tuple(super(KnownList, self).convert(name, parameter, context) for name in names)

    def shell_complete(
        self, context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Lists whose last name begins with what has been typed."""
        before, comma, last = incomplete.rpartition(",")
        return [
            click.shell_completion.CompletionItem(f"{before}{comma}{item.value}")
            for item in super().shell_complete(context, parameter, last)
        ]


@posekit.command(short_help="Train a lifter on each of several data sets, test it on all.")
@click.argument("network", type=Known("model", _models))
@click.option(
    "--datasets",
    required=True,
    type=KnownList("data set", _datasets),
    metavar="A,B,...",
    help="Two or more, separated by commas.",
)
@click.option(
    "--matched",
    default="no",
    show_default=True,
    type=Known("choice of matched", _named("posekit.workbook.studies.matrix:MATCHINGS")),
    metavar="no|yes|both",
    help="Root position and size of the training 2D: no, as they are; yes, moved to the target's "
    "(its 2D and cameras, never its 3D); both, two matrices.",
)
@click.option("--keypoints", default="gt", show_default=True, help="2D input: gt, cpn ...")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of the network, kept as given; others are scaled by the profile. Repeatable.",
)
@click.option(
    "--profile",
    default="quick",
    show_default=True,
    type=Known("profile", _profiles),
    help="smoke (seconds), quick (minutes), standard (hours), gpu, paper.",
)
@click.option(
    "--seeds", default=0, type=click.IntRange(0), help="Seeds per cell; 0 as the profile."
)
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1 ...  [auto]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of the table.")
def evaluate(network: str, options: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Train NETWORK on each of several data sets and test it on each of them.

    Prints MPJPE in millimetres: rows were trained on, columns tested on, so that the diagonal is
    the error within a data set. Beside every cell stands a linear map fitted on the same source; a
    network that does not beat it by 20 % on its own data set has not learned. Writes the matrix
    with heat maps and the protocol of every cell to reports/html/matrix-NETWORK.html, and a JSON
    file beside it.

    Trainings are kept: after Ctrl-C the same command goes on, and more data sets cost only the
    new cells.

    \b
    posekit evaluate simple_baseline --datasets synthetic,synthetic_3dhp_rig
    posekit evaluate mixste --datasets synthetic,cmu --matched both --option frames=9 --seeds 3
    """
    from posekit.workbook.reports.index import build_index
    from posekit.workbook.reports.matrix import matrix_json, matrix_table, write_matrix
    from posekit.workbook.reports.running import reports_folder
    from posekit.workbook.studies import cross_evaluate

    folder = reports_folder()
    with redirect_stdout(sys.stderr):  # progress, which is no part of the answer
        matrix = cross_evaluate(network, options=_network_options(options), **asked)
    page, data = write_matrix(matrix, folder / "html")
    build_index(folder / "executed", folder / "html" / "index.html")
    if as_json:
        click.echo(json.dumps(matrix_json(matrix)))
        return
    click.echo(matrix_table(matrix).to_text())
    click.echo(f"\nsee {page}, and {data.name} beside it")


def _network_options(given: Sequence[str]) -> dict[str, Any]:
    """Options as typed, ``frames=9``: numbers and true or false are told by their form."""
    options = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise click.UsageError(f"--option is {text!r}; give NAME=VALUE, such as frames=9.")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


@posekit.command(short_help="Measure a network's speed and memory, or the renderer's speed.")
@click.argument("model", type=Known("model", _measured), required=False)
@click.option(
    "--all", "every", is_flag=True, help="One row for each network at its published size."
)
@click.option("--frames", type=click.IntRange(1), help="[as published]")
@click.option("--width", type=click.IntRange(1), help="[as published]")
@click.option("--depth", type=click.IntRange(1), help="Pairs of blocks.  [as published]")
@click.option("--heads", type=click.IntRange(1), help="[as published]")
@click.option("--batch", type=click.IntRange(1), help="[1; 16 bodies for the renderer]")
@click.option("--samples", default=5, type=click.IntRange(1), show_default=True)
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1 ...  [auto]")
def bench(model: str | None, every: bool, **options: Any) -> None:
    """Measure a network's speed, memory and share of the machine's matrix-product rate.

    Or the soft renderer's speed, in products of two 4096 x 4096 matrices: all channels in one
    pass, and one by one.

    \b
    posekit bench MODEL
    posekit bench MODEL --frames 27 --width 64 --depth 4 --batch 32
    posekit bench dsr --batch 8
    posekit bench --all
    posekit bench renderer
    """
    from posekit.profiling.picture_networks import picture_methods
    from posekit.profiling.timing import describe_machine

    if (model is None) != every:
        raise click.UsageError("name a model, or say --all.")
    sizes = [name for name in ("frames", "width", "depth", "heads") if options[name] is not None]
    if every and sizes:
        raise click.UsageError(f"--all measures published sizes; leave out --{sizes[0]}.")
    if model == RENDERER and sizes:
        raise click.UsageError(f"the renderer is no network; leave out --{sizes[0]}.")
    sees_pictures = model in picture_methods()
    if sees_pictures and sizes:
        raise click.UsageError(f"{model} is measured as published; leave out --{sizes[0]}.")
    if options["batch"] is None:
        options["batch"] = 16 if model == RENDERER else 1
    machine = describe_machine(options["device"])
    click.echo(", ".join(f"{name} {value}" for name, value in machine.items() if value is not None))
    if every:
        _echo_fixed(SIZES, _sizes(options))
        click.echo()
        _echo_fixed(PICTURES, _pictures(picture_methods(), options))
    elif sees_pictures:
        _echo_fixed(PICTURES, _pictures((model,), options))
    elif model == RENDERER:
        _echo_fixed(RENDERINGS, _renderings(options))
    else:
        assert model is not None
        _echo_fixed(SPEEDS, _speeds(model, options))


# Columns and their widths: rows are shown as they are measured, before the widest is known.
SIZES = {
    **{"lifter": 32, "frames": 6, "params": 9, "MACs, layers": 12, "MACs, all": 10},
    **{"ms": 9, "memory": 9},
}
SPEEDS = {
    **{"pass": 9, "precision": 9, "mode": 8, "frames/s": 9, "ms": 9, "of peak": 7},
    **{"memory": 9, "MPJPE change": 12},
}
PICTURES = {
    **{"network": 10, "crop": 7, "params": 9, "MACs, layers": 12, "MACs, all": 10},
    **{"precision": 9, "pictures/s": 10, "ms": 9, "of peak": 7, "memory": 9},
}
RENDERINGS = {
    **{"channels": 9, "passes": 6, "forward ms": 10, "backward ms": 11, "products": 8},
    **{"pairs": 9, "pairs/s": 11},
}


def _sizes(options: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    from posekit.profiling.timing import lifter_table

    taken = {name: options[name] for name in ("batch", "samples", "device")}
    for name, size, row in lifter_table(**taken):
        yield (
            *(name, str(row.frames)),
            f"{size.parameters / 1e6:.3f} M",
            f"{size.layer_macs / 1e9:.3f} G",
            f"{size.product_macs / 1e9:.3f} G",
            f"{1000 * row.latency:,.1f}",
            f"{row.memory / 2**20:,.0f} MB",
        )


def _pictures(models: Sequence[str], options: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    from posekit.profiling.picture_networks import benchmark_pictures

    taken = {name: options[name] for name in ("batch", "samples", "device")}
    for model in models:
        for row in benchmark_pictures(model, **taken):
            yield (
                *(model, f"{row.crop_px} px", f"{row.size.parameters / 1e6:.3f} M"),
                f"{row.size.layer_macs / 1e9:.3f} G",
                f"{row.size.product_macs / 1e9:.3f} G",
                *(row.precision, f"{row.pictures_per_second:,.1f}", f"{1000 * row.latency:,.1f}"),
                *(f"{row.share:.0%}", f"{row.memory / 2**20:,.0f} MB"),
            )


def _renderings(options: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    from posekit.profiling.rendering import benchmark_renderer

    taken = {name: options[name] for name in ("batch", "samples", "device")}
    for row in benchmark_renderer(**taken):
        yield (
            *(f"{row.channels} a pass", str(row.passes)),
            *(f"{1000 * row.forward:,.0f}", f"{1000 * row.backward:,.0f}"),
            *(f"{row.products:.2f}", f"{row.pairs:,}", f"{row.pairs_per_second:,.0f}"),
        )


def _speeds(model: str, options: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    from posekit.profiling.timing import bench_table

    for row in bench_table(model, **options):
        measured = (row.mode, row.precision, "compiled" if row.compiled else "eager")
        if row.note:
            yield (*measured, row.note)
            continue
        yield (
            *measured,
            f"{row.frames_per_second:,.0f}",
            f"{1000 * row.latency:,.1f}",
            f"{row.share:.0%}",
            f"{row.memory / 2**20:,.0f} MB",
            "-" if row.mpjpe_change is None else f"{row.mpjpe_change:+.3f} mm",
        )


@posekit.command("list", short_help="List the papers.")
def list_papers() -> None:
    """List the papers: title, venue, tables, claims, and whether a notebook is there."""
    from posekit.workbook.papers import load_paper
    from posekit.workbook.reports.running import notebook_files

    root = repository_root()
    there = notebook_files() if root else {}
    rows = []
    for key in _papers():
        paper = load_paper(key)
        short = paper.title.partition(":")[0]
        counts = (str(len(paper.tables)), str(len(paper.claims)))
        notebook = str(there.get(key, "not yet")).removeprefix(f"{root}{os.sep}")
        rows.append((key, short, f"{paper.venue} {paper.year}", *counts, notebook))
    click.echo(aligned(("paper", "title", "venue", "tables", "claims", "notebook"), rows))


@posekit.group()
def data() -> None:
    """Data sets: what is on disk, how to get what is not."""


@data.command()
def status() -> None:
    """Show which data sets are here, and what to do about the missing ones."""
    from posekit.datasets.rendered.inventory import made
    from posekit.datasets.status import data_status

    found = data_status()
    rows = [(row.name, row.state, _size(row.size), row.contents) for row in found]
    rows += [("rendered", row.state, _size(row.bytes), row.name) for row in made()]
    click.echo(aligned(("data set", "state", "size", "contents"), rows))
    for row in found:
        if row.remedy:
            click.echo(f"\n{row.name} ({row.title}), {row.licence}\n  {row.remedy}")


@data.command()
@click.argument("name", type=click.Choice(["cmu"]))
@click.option("--root", type=click.Path(path_type=Path), help="Data folder.  [POSEKIT_DATA]")
@click.option("--sha256", help="Expected hash of the archive, from a copy you trust.")
def download(name: str, root: Path | None, sha256: str | None) -> None:
    """Fetch a free data set from its official page; continues where it was interrupted."""
    from posekit.datasets.download import download_cmu
    from posekit.machine.storage import data_root

    folder = download_cmu(data_root(root), expected_sha256=sha256, report=click.echo)
    click.echo(f"{name}: ready in {folder}; try posekit report --dataset {name}")


@data.command()
@click.option(
    "--motion",
    default="synthetic",
    show_default=True,
    type=Known("motion", _named("posekit.datasets.rendered:MOTIONS")),
    help="Where poses come from: synthetic or cmu.",
)
@click.option(
    "--size",
    default="quick",
    show_default=True,
    type=Known("size", _named("posekit.datasets:SIZES")),
    help="smoke, quick, standard or full.",
)
@click.option("--crop", default=64, show_default=True, type=click.IntRange(1), help="Pixels.")
@click.option("--root", type=click.Path(path_type=Path), help="Data folder.  [POSEKIT_DATA]")
def render(motion: str, size: str, crop: int, root: Path | None) -> None:
    """Make the pictures of dressed bodies that image-to-body papers are run on.

    Studies make what they need by themselves; after Ctrl-C the same command goes on.

    \b
    posekit data render --size standard
    posekit data render --motion cmu --crop 128
    """
    from posekit.datasets import SPLITS
    from posekit.datasets.rendered import CACHE, load_rendered
    from posekit.machine.storage import data_root

    folder = data_root(root)
    for split in SPLITS:
        images = load_rendered(
            split, size=size, crop_px=crop, motion=motion, cache=folder / CACHE, data=folder
        )
        click.echo(f"{motion} {split}: {len(images)} pictures in {folder / CACHE}")


@data.command()
@click.argument("name", type=Known("data set", _standins))
@click.option("--root", type=click.Path(path_type=Path), help="Data folder.  [POSEKIT_DATA]")
@click.option(
    "--motion",
    default="synthetic",
    type=click.Choice(["synthetic", "cmu"]),
    help="What moves in it; cmu for h36m only.  [synthetic]",
)
@click.option("--size", default="quick", type=click.Choice(["smoke", "quick", "standard"]))
def standin(name: str, root: Path | None, motion: str, size: str) -> None:
    """Write a STAND-IN: the exact files of a licensed data set with other motion in them.

    Everything that is computed from it is labelled STAND-IN.

    \b
    posekit data standin h36m --root /tmp/standin
    POSEKIT_DATA=/tmp/standin posekit report PAPER --dataset h36m --profile smoke
    """
    from posekit.datasets import DATASETS
    from posekit.machine.storage import data_root

    if motion != "synthetic" and name != "h36m":
        raise click.UsageError(f"a stand-in for {name} holds synthetic motion; leave out --motion.")
    write_standin = import_module(DATASETS[name].standin).write_standin
    chosen = {"motion": motion} if name == "h36m" else {}
    click.echo(f"{name}: writing a stand-in from {motion} motion, up to a minute ...")
    folder = write_standin(data_root(root), size=size, **chosen)
    click.echo(f"{name}: STAND-IN in {folder}; use it with POSEKIT_DATA={folder.parent}")


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A plain text table, columns as wide as their widest cell."""
    lines = [columns, *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return "\n".join(_fixed(line, widths) for line in lines)


def _echo_fixed(columns: Mapping[str, int], rows: Iterable[Sequence[str]]) -> None:
    for line in itertools.chain([tuple(columns)], rows):
        click.echo(_fixed(line, columns.values()))


def _shortened(names: Sequence[str]) -> str:
    more = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more


def _fixed(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)).rstrip()


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count else "-"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    told = ""
    try:
        with freed_memory_kept():
            code = posekit.main(arguments, prog_name="posekit", standalone_mode=False) or OK
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        code = MISTAKE
    except click.ClickException as error:
        code, told = MISTAKE, error.format_message()
    except PosekitError as error:
        code, told = MISTAKE, str(error)
    except (click.Abort, KeyboardInterrupt):
        code, told = INTERRUPTED, "stopped; the same command goes on where it was."
    if told:
        click.echo(f"posekit: {told}", err=True)
    sys.exit(code)
