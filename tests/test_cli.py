"""The command line: exit codes, one-line mistakes, completion, and what the commands print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from posekit import cli
from posekit.errors import InvalidData
from posekit.profiling import timing
from posekit.workbook import papermill_engine, papers, studies
from posekit.workbook.reports import index, page, running
from posekit.workbook.studies.matrix import Cell
from posekit.workbook.studies.measured import Figure

ACROSS = ("--datasets", "synthetic,synthetic_3dhp_rig")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "posekit", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=120,
    )


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    return stopped.value.code


def test_help_shows_commands_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--help") == cli.OK
    text = capsys.readouterr().out
    commands = ("report", "data", "plan", "evaluate", "bench", "list")
    for word in (*commands, "Exit codes", "_POSEKIT_COMPLETE"):
        assert word in text


def test_bench_renderer_prints_both_ways(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "MATRIX_SIZE", 64)
    arguments = ("--batch", "1", "--samples", "1", "--device", "cpu")
    assert exit_code("bench", "renderer", *arguments) == cli.OK
    _machine, head, together, apart = capsys.readouterr().out.splitlines()
    assert head.split()[-3:] == ["products", "pairs", "pairs/s"]
    assert together.startswith("8 a pass   1 ")
    assert apart.startswith("1 a pass   8 ")


def test_bench_of_a_network_that_sees_pictures_prints_a_row_for_each_precision(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "MATRIX_SIZE", 64)
    monkeypatch.setattr(timing, "SECONDS_PER_SAMPLE", 0.01)
    assert exit_code("bench", "dsr", "--samples", "1", "--device", "cpu") == cli.OK
    _machine, head, single, half = capsys.readouterr().out.splitlines()
    assert head.split()[:2] == ["network", "crop"]
    assert single.split()[:4] == ["dsr", "224", "px", "26.978"]
    assert ("float32" in single, "bf16" in half) == (True, True)


@pytest.mark.parametrize("command", [(), ("data",)], ids=["posekit", "data"])
def test_a_group_without_command_shows_its_help(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*command) == cli.MISTAKE
    assert "Usage: posekit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("report", "ktpfromer"), "did you mean 'ktpformer'?"),
        (("report", "--dataset", "h36"), "did you mean 'h36m'?"),
        (("report", "--profile", "fast"), "auto, smoke, quick, standard, gpu, paper"),
        (("report", "--seeds", "-1"), "-1 is not in the range"),
        (("plan", "nothing"), "choose one of: "),
        (("bench", "resnet"), "choose one of: convformer, d3dp"),
        (("bench", "mixste", "--device", "tpu"), "unknown device 'tpu'"),
        (("bench",), "name a model, or say --all"),
        (("bench", "--all", "--frames", "9"), "leave out --frames"),
        (("bench", "dsr", "--width", "8"), "dsr is measured as published; leave out --width"),
        (("bench", "renderer", "--heads", "2"), "the renderer is no network; leave out --heads"),
        (("evaluate",), "Missing argument 'NETWORK'"),
        (("evaluate", "mixste"), "Missing option '--datasets'"),
        (("evaluate", "mixte", *ACROSS), "did you mean 'mixste'?"),
        (("evaluate", "mixste", "--datasets", "synthetic,cm"), "did you mean 'cmu'?"),
        (("evaluate", "mixste", "--datasets", "synthetic"), "give two or more different ones"),
        (("evaluate", "mixste", "--datasets", "cmu,cmu"), "data sets are cmu, cmu; give two"),
        (("evaluate", "mixste", "--datasets", ","), "data sets are none; give two or more"),
        (("evaluate", "mixste", *ACROSS, "--matched", "yse"), "did you mean 'yes'?"),
        (("evaluate", "mixste", *ACROSS, "--profile", "auto"), "unknown profile 'auto'"),
        (("evaluate", "mixste", *ACROSS, "--option", "frames"), "give NAME=VALUE"),
        (("evaluate", "mixste", *ACROSS, "--option", "frame=9"), "mixste has no option 'frame'"),
        (("evaluate", "mixste", *ACROSS, "--option", "frames=x"), "expected int, as in frames="),
        (("evaluate", "mixste", *ACROSS, "--device", "tpu"), "unknown device 'tpu'"),
        (("evaluate", "mixste", *ACROSS, "--keypoints", "gtt"), "2D keypoints of synthetic"),
        (("evaluate", "d3dp", *ACROSS), "draws hypotheses"),
        (("unheard-of",), "No such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line(
    arguments: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*arguments) == cli.MISTAKE
    error = capsys.readouterr().err
    assert error.startswith("posekit: ")
    assert expected in error
    assert error.count("\n") == 1


def test_a_mistake_shows_no_traceback_in_a_process(tmp_path: Path) -> None:
    result = run("plan", "ktpformer", "--dataset", "h36m", POSEKIT_DATA=str(tmp_path))
    assert result.returncode == cli.MISTAKE
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("posekit: ")
    assert result.stderr.count("\n") == 1
    assert "data_3d_h36m.npz" in result.stderr


def test_a_process_of_posekit_keeps_freed_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    @contextmanager
    def kept() -> Iterator[None]:
        begun.append(True)
        yield

    monkeypatch.setattr(cli, "freed_memory_kept", kept)
    assert exit_code("--version") == cli.OK
    assert begun == [True]


def test_interruption_has_its_own_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "aligned", stop)
    assert exit_code("list") == cli.INTERRUPTED
    assert "stopped" in capsys.readouterr().err


def test_completion_offers_names() -> None:
    result = run(
        _POSEKIT_COMPLETE="bash_complete", COMP_WORDS="posekit report --dataset ", COMP_CWORD="3"
    )
    assert {"plain,synthetic", "plain,cmu", "plain,h36m"} <= set(result.stdout.split())


def test_list_names_papers() -> None:
    result = CliRunner().invoke(cli.posekit, ["list"])
    assert "ktpformer" in result.output
    assert "CVPR 2024" in result.output


def test_list_names_the_notebook_of_a_paper_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = (Path(papers.__file__).parent / "uao.yaml").read_text("utf-8")
    (tmp_path / "own.yaml").write_text(paper.replace("key: uao", "key: own", 1))
    (tmp_path / "own.ipynb").touch()
    monkeypatch.setenv("POSEKIT_PAPERS", str(tmp_path))
    lines = CliRunner().invoke(cli.posekit, ["list"]).output.splitlines()
    shown = {line.split()[0]: line.split()[-1] for line in lines}
    assert shown["own"] == str(tmp_path / "own.ipynb")
    assert shown["uao"] == "notebooks/uao.ipynb"


def test_status_names_what_is_missing_and_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path))
    text = CliRunner().invoke(cli.posekit, ["data", "status"]).output
    assert "posekit data download cmu" in text
    for name in ("h36m", "h36m_motionbert", "mpi_inf_3dhp", "humaneva", "poseaug_3dhp", "pw3d"):
        assert f"posekit data standin {name}" in text


def test_pictures_are_made_where_the_data_lie_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def load(split: str, **options: object) -> str:
        asked.append((split, options["motion"], options["size"], options["crop_px"]))
        assert options["cache"] == tmp_path / "cache"
        return "three"

    monkeypatch.setattr("posekit.datasets.rendered.load_rendered", load)
    command = ("data", "render", "--size", "smoke", "--crop", "128", "--root", str(tmp_path))
    assert exit_code(*command) == cli.OK
    assert asked == [(split, "synthetic", "smoke", 128) for split in ("train", "test")]
    assert "synthetic test: 5 pictures in" in capsys.readouterr().out
    assert exit_code("data", "render", "--motion", "h36m") == cli.MISTAKE
    assert "unknown motion 'h36m'" in capsys.readouterr().err
    (tmp_path / "cache" / "rendered" / "synthetic-test-smoke-64px-0").mkdir(parents=True)
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path))
    assert exit_code("data", "status") == cli.OK
    (line,) = (row for row in capsys.readouterr().out.splitlines() if row.startswith("rendered"))
    assert line.split(maxsplit=3)[1:] == ["outdated", "-", "synthetic test, smoke, 64 px, pictures"]


def test_motion_capture_is_fetched_to_the_folder_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "cmu" / "all_asfamc" / "subjects" / "02"
    there.mkdir(parents=True)
    (there / "02.asf").touch()
    assert exit_code("data", "download", "cmu", "--root", str(tmp_path)) == cli.OK
    assert f"already in {there.parent}" in capsys.readouterr().out


def test_plan_as_json_has_one_object_per_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEKIT_RUNS", str(tmp_path))
    result = CliRunner().invoke(cli.posekit, ["plan", "ktpformer", "--json"])
    runs = [json.loads(line) for line in result.output.splitlines()]
    assert len({run["run"] for run in runs}) == len(runs) > 10
    assert all(run["paper"] == "ktpformer" and not run["stored"] for run in runs)
    assert any("kpa-tpa/both" in run["rows"] for run in runs)


def test_all_missing_data_sets_of_a_matrix_are_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSEKIT_DATA", str(tmp_path))
    wanted = "synthetic,cmu,mpi_inf_3dhp"
    assert exit_code("evaluate", "simple_baseline", "--datasets", wanted) == cli.MISTAKE
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cmu (posekit data download cmu; http://mocap.cs.cmu.edu)" in error
    assert "mpi_inf_3dhp (see the page; to try without: posekit data standin" in error
    assert "synthetic (" not in error


@pytest.fixture
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What ``posekit evaluate`` asks for; the matrix it gets was made without a run."""
    asked: list[dict[str, object]] = []

    def cross_evaluate(network: str, **options: object) -> studies.Matrix:
        asked.append({"network": network, **options})
        print("progress")
        names = options["datasets"]
        cells = {
            (source, target, False): Cell(
                source=source,
                target=target,
                matched=False,
                figures={"mpjpe": Figure.of((50.0,))},
                baselines={"linear": {"mpjpe": 80.0}},
                learned=True,
                remarks=(),
                ran="1 frame",
                protocol={},
                evidence="synthetic",
                runs=(),
            )
            for source in names
            for target in names
        }
        return studies.Matrix(network, names, (False,), "gt", "quick", True, (0,), cells)

    monkeypatch.setattr(studies, "cross_evaluate", cross_evaluate)
    monkeypatch.setattr(running, "reports_folder", lambda: tmp_path)
    return asked


def test_evaluate_prints_a_table_and_writes_page_data_and_index(
    evaluated: list[dict[str, object]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--option", "frames=9", "--option", "kpa=true", "--option", "host=mixste")
    assert exit_code("evaluate", "mixste", *ACROSS, *options, "--seeds", "2") == cli.OK
    (asked,) = evaluated
    assert asked["datasets"] == ("synthetic", "synthetic_3dhp_rig")
    assert asked["options"] == {"frames": 9, "kpa": True, "host": "mixste"}
    assert (asked["matched"], asked["profile"], asked["seeds"]) == ("no", "quick", 2)
    shown = capsys.readouterr()
    assert "| synthetic | as it is | 50.0 (linear 80.0) |" in shown.out
    assert shown.err == "progress\n"
    pages = {path.name for path in (tmp_path / "html").iterdir()}
    assert pages == {"index.html", "matrix-mixste.html", "matrix-mixste.json"}
    assert 'href="matrix-mixste.html"' in (tmp_path / "html" / "index.html").read_text("utf-8")


def test_evaluate_as_json_prints_nothing_else(
    evaluated: list[dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("evaluate", "mixste", *ACROSS, "--json") == cli.OK
    content = json.loads(capsys.readouterr().out)
    assert len(content["cells"]) == 4


def test_completion_offers_the_last_name_of_a_list() -> None:
    result = run(
        _POSEKIT_COMPLETE="bash_complete",
        COMP_WORDS="posekit evaluate mixste --datasets cmu,synthetic_3",
        COMP_CWORD="4",
    )
    assert result.stdout.split() == ["plain,cmu,synthetic_3dhp_rig"]


@pytest.fixture
def reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """What ``posekit report`` asks papermill for, which runs nothing and fails with "alpha"."""
    ran: list[tuple[str, object]] = []

    def execute(paper: str, values: dict[str, object], folder: Path) -> running.NotebookRun:
        ran.append((paper, values["dataset"]))
        error = "InvalidData: broken." if paper == "alpha" else ""
        return running.NotebookRun(paper, "cmu", folder / f"{paper}-cmu.ipynb", error, 1.0)

    monkeypatch.setattr(running, "available_notebooks", lambda: ("alpha", "beta", "uao"))
    monkeypatch.setattr(running, "reports_folder", lambda: tmp_path)
    monkeypatch.setattr(running, "run_notebook", execute)
    monkeypatch.setattr(page, "build_report", lambda notebook, target: target)
    monkeypatch.setattr(index, "build_index", lambda executed, target: target)
    return ran


def test_report_goes_on_after_a_failure_and_names_it(
    reported: list[tuple[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = []
    monkeypatch.setattr(papermill_engine, "forget_abandoned_cells", lambda: quiet.append(True))
    result = CliRunner().invoke(cli.posekit, ["report", "--dataset", "cmu"])
    assert quiet == [True]
    assert reported == [("alpha", "cmu"), ("beta", "cmu"), ("uao", "cmu")]
    assert result.exit_code == cli.FAILED
    assert "failed: alpha: InvalidData: broken." in result.output
    assert "beta: done" in result.output


def test_results_of_papers_are_kept_as_reference(
    reported: list[tuple[str, object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "update_reference", lambda study: tmp_path / study.paper.key)
    options = ["--profile", "standard", "--update-reference"]
    result = CliRunner().invoke(cli.posekit, ["report", "beta", "uao", *options])
    assert result.exit_code == cli.OK
    assert f"uao: reference results in {tmp_path / 'uao'}" in result.output
    assert "beta: reference" not in result.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--profile", "quick"], "results of --profile standard or gpu or paper, not of quick"),
        (["--profile", "standard", "--checkpoint", "a.bin"], "leave out --checkpoint"),
    ],
)
def test_a_reference_that_could_not_be_kept_is_refused_before_any_work(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posekit.workbook.reports.running.run_notebook", None)
    result = CliRunner().invoke(cli.posekit, ["report", "uao", "--update-reference", *options])
    assert result.exit_code == cli.MISTAKE
    assert said in " ".join(result.output.split())


def test_list_needs_no_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "repository_root", lambda: None)
    result = CliRunner().invoke(cli.posekit, ["list"])
    assert (result.exit_code, result.output.count("not yet")) == (0, len(cli._papers()))


def test_pages_need_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "repository_root", lambda: None)
    with pytest.raises(InvalidData, match="clone"):
        page.render("index.html.j2")


def test_stand_ins_are_written_by_name(tmp_path: Path) -> None:
    wanted = ["data", "standin", "humaneva", "--root", str(tmp_path), "--size", "smoke"]
    result = CliRunner().invoke(cli.posekit, wanted)
    assert f"STAND-IN in {tmp_path / 'humaneva'}" in result.output
    assert (tmp_path / "humaneva" / "data_3d_humaneva15.npz").is_file()
    refused = CliRunner().invoke(cli.posekit, [*wanted, "--motion", "cmu"])
    assert refused.exit_code == cli.MISTAKE
    assert "leave out --motion" in refused.output
    unknown = CliRunner().invoke(cli.posekit, ["data", "standin", "cmu"])
    assert "choose one of: h36m, h36m_motionbert" in unknown.output
