"""Which tasks compare networks on other data than those they were trained on."""

import pytest

from posekit.workbook.studies import Study
from posekit.workbook.tasks import find_task
from posekit.workbook.tasks.own_test import ComparesElsewhere


@pytest.mark.parametrize(("name", "elsewhere"), [("adaptation", True), ("lifting", False)])
def test_only_adaptation_compares_elsewhere(name, elsewhere):
    assert isinstance(find_task(name), ComparesElsewhere) is elsewhere


def test_a_study_asks_for_the_baselines_where_the_lifter_is_the_sources_alone(tmp_path):
    """At smoke errors mean nothing, and nobody asks."""
    study = Study("poseda", "synthetic", "smoke", runs=tmp_path)
    rows = [study.paper.row(path) for path in ("table-components/none", "table-components/gpa")]
    assert [study.setting.own_baselines(row) for row in rows] == [None, None]
