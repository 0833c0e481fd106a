"""The folder of the results, and the name of the study."""

from pathlib import Path

import pytest
from reperfuse.study.results import dataset_name


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"Name": " Stroke in Μόναχο "}', "Stroke in Μόναχο"),
        ('{"Name": "A </script>\\n<b>"}', "A ‹/script› ‹b›"),
        ('{"Name": null}', ""),
        ('{"Name": ["a"]}', ""),
        ("{}", ""),
        ("[]", ""),
        ("{", ""),
        (None, ""),
    ],
)
def test_a_study_has_the_name_it_gives_itself(tmp_path: Path, content: str | None, name: str) -> None:
    if content is not None:
        (tmp_path / "dataset_description.json").write_text(content, encoding="utf-8")
    assert dataset_name(tmp_path) == name
