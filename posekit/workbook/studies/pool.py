"""Executing several runs: processes of one thread on a CPU, one after the other on a GPU."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker

import torch

from posekit.errors import PosekitError, RunFailedError
from posekit.machine.progress import Progress
from posekit.workbook.studies.execution import Job, execute

# Starting a worker costs about as much as this many seconds of computing.
WORKER_SECONDS = 5.0


def execute_all(jobs: Sequence[Job], *, label: str, workers: int | None = None) -> None:
    """Execute runs, with progress.

    Args:
        jobs: the runs.
        label: what to call them in progress reports.
        workers: processes; by default one per core, and none if they would not pay off.

    Raises:
        PosekitError: the only job failed.
        RunFailedError: some of several jobs failed, or a process was killed.
    """
    if not jobs:
        return
    workers = workers or _workers(jobs)
    failures: list[tuple[str, str]] = []
    with Progress(label, len(jobs)) as progress:
        if workers == 1:
            for job in jobs:
                _attempt(job, failures, alone=len(jobs) == 1)
                progress.advance(job.id)
        else:
            _execute_in_processes(jobs, workers, failures, progress)
    if failures:
        raise RunFailedError(_summary(failures, len(jobs)))


def _summary(failures: Sequence[tuple[str, str]], jobs: int) -> str:
    """One line about the runs that failed: each cause once, with the first run that it befell."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for run, cause in failures:
        alike.setdefault(cause.replace(run, ""), []).append((run, cause))
    told = []
    for (run, cause), *others in alike.values():
        more = f" and {len(others)} more" if others else ""
        told.append(f"{run}{more}: {cause.rstrip('.')}")
    return f"{len(failures)} of {jobs} runs failed: {'; '.join(told)}."


def estimated_seconds(job: Job, device: str) -> float:
    """Rough computing time of a run, to plan with: one CPU core, or one GPU."""
    return job.task.seconds(job.config, torch.device(device))


def _workers(jobs: Sequence[Job]) -> int:
    if torch.device(jobs[0].device).type != "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if sum(estimated_seconds(job, job.device) for job in jobs) < WORKER_SECONDS:
        return 1
    return max(1, min(cores or 1, len(jobs)))


def _attempt(job: Job, failures: list[tuple[str, str]], *, alone: bool) -> None:
    try:
        execute(job)
    except Exception as error:
        if alone:
            raise
        failures.append((job.id, _cause(error)))


def _execute_in_processes(
    jobs: Sequence[Job], workers: int, failures: list[tuple[str, str]], progress: Progress
) -> None:
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_start_worker, initargs=(os.getpid(),))
    try:
        with _interrupts_held_back():
            futures = {pool.submit(_execute_quietly, job): job for job in jobs}
        for future in as_completed(futures):
            error = future.result()
            if error is not None:
                failures.append((futures[future].id, error))
            progress.advance(futures[future].id)
    except BrokenProcessPool as error:
        raise RunFailedError(
            "a process that computed a run was killed, perhaps for want of memory; finished runs "
            "are kept: start the same command again. (A script of your own must call this under "
            'if __name__ == "__main__".)'
        ) from error
    finally:
        # On Ctrl-C the workers end at once; what they were computing resumes from its snapshot.
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Workers started inside never hear Ctrl-C, not even while they import torch.

    A worker that did would print a traceback; the parent hears it when the block ends, and ends
    the workers.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    # Starting the tracker would unblock the signal again, so it starts first.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _execute_quietly(job: Job) -> str | None:
    """Execute a run in a worker; the message of its failure, if it fails."""
    try:
        execute(job)
    except Exception as error:
        return _cause(error)
    return None


def _cause(error: Exception) -> str:
    """One line; an error that nobody foresaw, such as of a full GPU, also by its kind."""
    if isinstance(error, PosekitError):
        return str(error)
    said = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _start_worker(parent: int) -> None:
    # The parent shows the progress of all runs; that of each would only tear its lines.
    sys.stdout = sys.stderr = io.StringIO()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    """A worker whose parent was killed would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
