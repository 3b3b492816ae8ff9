"""``python -m posekit`` is ``posekit``."""

from posekit.cli import main

if __name__ == "__main__":
    main()
