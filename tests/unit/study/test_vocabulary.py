"""What a study's tables say, in words as people write them: only what is certain is understood."""

from collections.abc import Callable

import pytest
from reperfuse.study import vocabulary
from reperfuse.study.columns import read_own


@pytest.mark.parametrize(
    ("read", "written", "meant"),
    [
        (vocabulary.read_sex, "F", "female"),
        (vocabulary.read_sex, "male", "male"),
        (vocabulary.read_site, "M1", "M1"),
        (vocabulary.read_site, "MCA  m2", "M2"),
        (vocabulary.read_site, "Carotid T", "ICA-T"),
        (vocabulary.read_anaesthesia, "General", True),
        (vocabulary.read_anaesthesia, "conscious sedation", False),
        (vocabulary.read_anaesthesia, "1", True),
        (vocabulary.read_anaesthesia, "no", False),
        (lambda text: vocabulary.read_score(text, 0, 6), "mRS 3", 3),
        (lambda text: vocabulary.read_score(text, 0, 6), "3.0", 3),
        (lambda text: vocabulary.read_score(text, 0, 42), "NIHSS: 12", 12),
        (read_own, "12,5", 12.5),
        (read_own, "yes", 1),
    ],
)
def test_what_is_understood(read: Callable[[str], object], written: str, meant: object) -> None:
    assert read(written) == meant


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (vocabulary.read_sex, "1"),  # of whom is that?
        (vocabulary.read_sex, "x"),
        (vocabulary.read_site, "middle"),
        (vocabulary.read_site, "M1 or M2"),
        (vocabulary.read_anaesthesia, "Dr. Smith"),
        (lambda text: vocabulary.read_score(text, 0, 6), "2-3"),
        (lambda text: vocabulary.read_score(text, 0, 6), "7"),
        (lambda text: vocabulary.read_score(text, 0, 6), "2.5"),
        (lambda text: vocabulary.read_score(text, 0, 6), "nan"),
        (read_own, "Jane Doe"),
        (read_own, "inf"),
    ],
)
def test_what_is_not(read: Callable[[str], object], written: str) -> None:
    with pytest.raises(vocabulary.NotUnderstood):
        read(written)
