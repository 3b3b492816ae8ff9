"""Verdicts from what a study, or a stored reference run, has measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from posekit.workbook.evidence import (
    NOT_ASSESSED,
    Evidence,
    PairedErrors,
    Verdict,
    judge_paper,
)
from posekit.workbook.papers import COST_METRICS, Claim
from posekit.workbook.studies.costs import published_costs
from posekit.workbook.studies.measured import Measured
from posekit.workbook.studies.references import Reference
from posekit.workbook.studies.row_evidence import RowEvidence
from posekit.workbook.studies.setting import Setting

Rows = Callable[[str], RowEvidence | None]


def judge_study(setting: Setting, measured: Measured, doubled: Measured) -> tuple[Verdict, ...]:
    """The verdicts of a study's own runs, which are none where its profile carries none.

    Args:
        setting: of the study.
        measured: what its stored runs say.
        doubled: what the runs of twice the steps say, as far as they are there.
    """

    def rows(path: str) -> RowEvidence | None:
        return measured.evidence(setting.paper.row(path)) if setting.profile.verdicts else None

    def after_twice_the_steps(path: str) -> RowEvidence | None:
        return doubled.evidence(setting.paper.row(path))

    basis = f"this run ({setting.basis})"

    def left_out(path: str) -> str:
        return measured.left_out(setting.paper.row(path))

    verdicts = _judged(setting, rows, after_twice_the_steps, left_out, basis)
    if setting.profile.verdicts:
        return verdicts
    seeds = "one seed: " if len(setting.seeds) == 1 else ""
    why = f"{seeds}profile {setting.profile.name} carries no verdict"
    return tuple(
        replace(verdict, reason=why)
        if verdict.verdict == NOT_ASSESSED and verdict.basis == basis
        else verdict
        for verdict in verdicts
    )


def judge_reference(setting: Setting, reference: Reference, *, stale: bool) -> tuple[Verdict, ...]:
    """The verdicts of a reference run, which say that they are its, and whether it is stale."""
    kept = reference.rows
    return _judged(
        setting,
        lambda path: kept[path].evidence if path in kept else None,
        lambda path: kept[path].doubled if path in kept else None,
        reference.left_out,
        reference.basis(stale=stale),
    )


def _judged(
    setting: Setting, rows: Rows, doubled: Rows, left_out: Callable[[str], str], basis: str
) -> tuple[Verdict, ...]:
    paper = setting.paper

    def read(path: str, metric: str) -> PairedErrors | float:
        if metric in COST_METRICS:
            run = paper.row(path).run
            assert run is not None
            return published_costs(run, setting.store.root)[metric]
        return _there(rows(path)).paired(metric)

    def twice(path: str, metric: str) -> PairedErrors | None:
        found = doubled(path)
        return None if found is None else found.paired(metric)

    evidence = Evidence(
        read=read,
        available=lambda path: rows(path) is not None,
        learning=lambda path: _there(rows(path)).learning,
        slope=lambda path: _there(rows(path)).slope,
        doubled=twice,
        same_run=setting.same_run,
        published=lambda path, metric: paper.row(path).published.get(metric),
        at_published_scale=setting.at_published_scale,
        basis=basis,
    )
    verdicts = judge_paper(paper, evidence)
    claims = zip(verdicts, paper.claims, strict=True)
    return tuple(_with_left_out(verdict, claim, left_out) for verdict, claim in claims)


def _with_left_out(verdict: Verdict, claim: Claim, left_out: Callable[[str], str]) -> Verdict:
    """The verdict with a word on seeds of the claim's rows that collapsed."""
    told = [f"{said} in {path}" for path in claim.rows if (said := left_out(path))]
    if not told:
        return verdict
    return replace(verdict, reason="; ".join([verdict.reason, *told]))


def _there(found: RowEvidence | None) -> RowEvidence:
    assert found is not None, "asked for a row without runs"
    return found
