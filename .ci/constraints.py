"""Write .constraints.txt from the environment that this runs in: `make constraints`.

Pins what ``posekit[test]`` needs, directly or not. torch and the CUDA packages it brings are left
out, so that whoever installs posekit chooses the build that fits the machine.
"""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

FILE = Path(__file__).resolve().parents[1] / ".constraints.txt"
UNPINNED = re.compile(r"^(torch|triton|nvidia-.*|cuda-.*|posekit)$")
HEADER = "# Exact versions, tested together; written by `make constraints`. torch is left out.\n"


def canonical(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_closure(requirement: str) -> dict[str, str]:
    """Versions of every distribution that ``requirement`` needs here, by canonical name."""
    versions: dict[str, str] = {}
    waiting, seen = [Requirement(requirement)], set()
    while waiting:
        wanted = waiting.pop()
        key = (canonical(wanted.name), frozenset(wanted.extras))
        if key in seen or key[0].startswith(("nvidia-", "cuda-", "triton")):
            continue
        seen.add(key)
        found = distribution(wanted.name)
        versions[key[0]] = found.version
        for text in found.requires or []:
            needed = Requirement(text)
            if any(_applies(needed, extra) for extra in ("", *wanted.extras)):
                waiting.append(needed)
    return {name: versions[name] for name in sorted(versions) if not UNPINNED.match(name)}


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


if __name__ == "__main__":
    pins = installed_closure("posekit[test]")
    FILE.write_text(HEADER + "".join(f"{name}=={version}\n" for name, version in pins.items()))
    print(f"{FILE.name}: {len(pins)} pins")
