"""The runs that tables need, which of them are stored, and how long the others take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from posekit.workbook.studies.execution import Job, training_id
from posekit.workbook.studies.pool import estimated_seconds
from posekit.workbook.studies.setting import Setting

# What a run takes whose network another run has trained, for planning.
EVALUATION_SECONDS = 2.0


@dataclass(frozen=True)
class PlannedRun:
    """One run that tables need.

    Attributes:
        job: the run.
        rows: paths of the rows that show it.
        cached: whether it is stored.
        trains: whether it trains its network; of runs that share one, the first does.
    """

    job: Job
    rows: tuple[str, ...]
    cached: bool
    trains: bool

    @property
    def name(self) -> str:
        """The run's id; where its data have not been read, without the hash at its end."""
        return self.job.id if self.job.config["data"] else self.job.id.rpartition("-")[0]

    @property
    def seconds(self) -> float:
        """Estimated computing time on the run's own device: one CPU core, or one GPU."""
        return self.seconds_on(self.job.device)

    def seconds_on(self, device: str) -> float:
        """Estimated computing time on "cpu" or "cuda", whether there is one or not."""
        return estimated_seconds(self.job, device) if self.trains else EVALUATION_SECONDS


@dataclass(frozen=True)
class Plan:
    """All runs of a study or of some of its tables; prints what is to do."""

    runs: tuple[PlannedRun, ...]

    @property
    def missing(self) -> tuple[PlannedRun, ...]:
        """The runs that are not stored yet."""
        return tuple(run for run in self.runs if not run.cached)

    @property
    def seconds(self) -> float:
        """Estimated computing time of the missing runs, one after the other."""
        return sum(run.seconds for run in self.missing)

    def seconds_on(self, device: str) -> float:
        """The same on one core ("cpu") or one GPU ("cuda"), whether there is one or not."""
        return sum(run.seconds_on(device) for run in self.missing)

    def __str__(self) -> str:
        return (
            f"{len(self.runs)} runs, {len(self.missing)} of them not stored yet,\n"
            f"about {self.seconds:.0f} s of computing for those, spread over the cores of this "
            "machine."
        )

    __repr__ = __str__


def plan_runs(setting: Setting, tables: Iterable[str] | None = None, *, read: bool = True) -> Plan:
    """The runs of the setting's rows, longest first; counted tables need none.

    Args:
        setting: which rows are wanted.
        tables: all their rows instead, whether wanted or not.
        read: whether data are read, or made, to name runs that are not stored; see
            ``Setting.job``.

    Raises:
        StorageError: the folder of runs cannot be made.
    """
    setting.store.make()
    paper = setting.paper
    among = [row for name in tables for row in paper.table(name).rows] if tables else ()
    rows: dict[str, list[str]] = {}
    jobs: dict[str, Job] = {}
    for row in among or setting.wanted_rows:
        if row.run is None or paper.table(row.table).counted:
            continue
        for seed in setting.seeds:
            job = setting.job(row, seed, read=read)
            jobs[job.id] = job
            rows.setdefault(job.id, []).append(row.path)
    planned, trainings = [], set()
    for name, job in jobs.items():
        training = training_id(job)
        planned.append(
            PlannedRun(
                job=job,
                rows=tuple(dict.fromkeys(rows[name])),
                cached=setting.store.load(name) is not None,
                trains=training not in trainings,
            )
        )
        trainings.add(training)
    return Plan(tuple(sorted(planned, key=lambda run: -run.seconds)))
