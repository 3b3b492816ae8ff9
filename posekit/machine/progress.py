"""Progress with the time left: a tqdm bar in a terminal, sparse lines in a log or a notebook."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """Counts steps of known number and says how long the rest will take.

    In a terminal it is a tqdm bar. Elsewhere (papermill, CI) carriage returns would flood the
    output, so a line is printed at most every ``SECONDS_BETWEEN_LINES`` seconds.
    """

    def __init__(self, label: str, total: int, *, done: int = 0) -> None:
        self.label, self.total, self.done = label, total, done
        self._initial, self._start = done, time.monotonic()
        self._last_line = self._start
        self._bar = None
        if sys.stderr.isatty():
            self._bar = tqdm(total=total, initial=done, desc=label, leave=False, dynamic_ncols=True)

    def advance(self, note: str = "") -> None:
        """One step is done; ``note`` is shown beside it."""
        self.done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update()
        elif time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            print(f"{self.label}: {self.done}/{self.total}, {self._remaining()} {note}", flush=True)

    def _remaining(self) -> str:
        per_step = (time.monotonic() - self._start) / max(1, self.done - self._initial)
        return f"about {per_step * (self.total - self.done):.0f} s left"

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
