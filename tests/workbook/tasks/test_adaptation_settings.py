"""Settings of a row of adaptation: what they are by default, and what cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from posekit.datasets import DATASETS
from posekit.errors import InvalidParameter
from posekit.workbook.papers import RowRun
from posekit.workbook.tasks.adaptation_settings import OTHERWISE, SOURCE_OF, Settings, source_of


def settings_of(**settings: Any) -> Settings:
    row = RowRun(task="adaptation", model="simple_baseline", recipe={}, settings=settings)
    return Settings.of(row)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gpa": "some"}, "unknown alignment 'some'"),
        ({"source": "nowhere"}, "unknown source 'nowhere'"),
        ({"protocol": "mine"}, "unknown protocol 'mine'"),
        ({"lpa": True, "operations": ["angle", "jump"]}, "unknown operation 'jump'"),
        ({"anchor_3d": "target"}, "unknown anchor_3d 'target'"),
        ({"mix_source": 1.5}, "mix_source is 1.5; choose a share, 0 to 1"),
        ({"feedback": True}, "feedback is to a generator; add lpa: true"),
        ({"lpa": True, "operations": ["translation"]}, "alignment 'full' undoes the operation"),
    ],
)
def test_what_cannot_be_is_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameter, match=message) as found:
        settings_of(**settings)
    assert "\n" not in str(found.value)


def test_what_is_no_setting_is_an_option_of_the_lifter() -> None:
    assert settings_of().options == {"frames": 1}
    found = settings_of(frames=27, embed_dim=64, gpa="scale")
    assert found.options == {"frames": 27, "embed_dim": 64}
    assert found.gpa == "scale"


def test_a_source_is_named_usual_or_the_target_itself() -> None:
    assert source_of(settings_of(source="cmu"), "synthetic") == "cmu"
    assert source_of(settings_of(source="target"), "synthetic") == "synthetic"
    for target in DATASETS:
        assert source_of(settings_of(), target) == SOURCE_OF.get(target, OTHERWISE)
    assert set(SOURCE_OF.values()) <= DATASETS.keys()
