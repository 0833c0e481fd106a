"""Invariants that hold exactly, whatever the values: inverses, files, axis orders, units, labels, classes."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from reperfuse.diffusion.units import convert_adc
from reperfuse.files.itk import read_itk, write_itk
from reperfuse.files.tables import format_cell, read_columns, read_rows, table_text
from reperfuse.mismatch.criteria import VOLUMES, classify, needs
from reperfuse.mismatch.stability import stability, thresholds
from reperfuse.study import options
from reperfuse.study.settings import ConfigError, check_config
from reperfuse.study.yaml_lines import read_yaml
from reperfuse.volumes.geometry import rigid_matrix
from reperfuse.volumes.morphology import closed, opened, pieces_with, remove_small
from reperfuse.volumes.transforms import Displacement, Transform

settings.register_profile(
    "reperfuse", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.load_profile("reperfuse")

CATALOGUE = read_yaml(options.CRITERIA)
HALF_WIDTHS = {name: option.default for name, option in options.options("stability").items()}
finite = st.floats(-1e6, 1e6, allow_nan=False)
points = arrays.arrays(float, (7, 3), elements=st.floats(-120, 120))


@st.composite
def poses(draw: st.DrawFn) -> np.ndarray:
    shift, angle = (draw(arrays.arrays(float, 3, elements=st.floats(-most, most))) for most in (60, 3))
    return rigid_matrix(shift, angle, draw(arrays.arrays(float, 3, elements=st.floats(-50, 50))))


@st.composite
def transforms(draw: st.DrawFn) -> Transform:
    """Chains of poses and of displacements so gentle that each has one inverse."""
    steps: list[np.ndarray | Displacement] = []
    for _ in range(draw(st.integers(1, 3))):
        steps.append(draw(poses()))
        if draw(st.booleans()):
            vectors = np.zeros((5, 6, 4, 3))  # none at its border, where a point would fall out of it
            vectors[1:-1, 1:-1, 1:-1] = draw(arrays.arrays(float, (3, 4, 2, 3), elements=st.floats(-2, 2)))
            spacing = draw(st.floats(20, 40))
            affine = np.diag([spacing, spacing, spacing, 1.0])
            affine[:3, 3] = -2.0 * spacing
            steps.append(Displacement(vectors, affine))
    return Transform(tuple(steps))


@given(transforms(), points)
def test_a_transform_and_its_inverse_lead_back(transform: Transform, where: np.ndarray) -> None:
    np.testing.assert_allclose(transform.inverse()(transform(where)), where, atol=1e-3)


@given(transforms(), transforms(), points)
def test_one_after_another_is_a_chain(first: Transform, second: Transform, where: np.ndarray) -> None:
    np.testing.assert_array_equal(first.then(second)(where), second(first(where)))


@given(transforms(), points)
def test_an_itk_file_keeps_a_transform(tmp_path: Path, transform: Transform, where: np.ndarray) -> None:
    write_itk(tmp_path / "x.txt", transform)
    np.testing.assert_allclose(read_itk(tmp_path / "x.txt")(where), transform(where), atol=1e-6)


@given(st.lists(st.tuples(finite, st.one_of(st.none(), finite)), min_size=1))
def test_a_table_of_numbers_keeps_its_digits_and_gaps(tmp_path: Path, rows: list[tuple[float, float | None]]) -> None:
    path = tmp_path / "x.tsv"
    path.write_text(table_text(["a", "b"], ([format_cell(cell) for cell in row] for row in rows)), encoding="utf-8")
    for name, values in zip(("a", "b"), zip(*rows, strict=True), strict=True):
        expected = [math.nan if value is None else value for value in values]
        np.testing.assert_allclose(read_columns(path)[name], expected, rtol=1e-5, atol=1e-300)


@given(st.lists(st.tuples(*[st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")))] * 2)))
@example([('a "quoted" word', "it's")])
def test_a_table_of_text_keeps_it(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    path = tmp_path / "x.tsv"
    cells = [[format_cell(cell) for cell in row] for row in rows]
    path.write_text(table_text(["a", "b"], cells), encoding="utf-8")
    assert [[row["a"], row["b"]] for row in read_rows(path)] == cells


def test_text_of_a_cell_stays_in_its_cell(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text(table_text(["a", "b"], [[format_cell("one\ttwo\nthree"), "4"]]), encoding="utf-8")
    assert read_rows(path) == [{"a": "one two three", "b": "4"}]


VOXEL = np.array([2.0, 3.0, 5.0])
MASKS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "opened": lambda mask, voxel: opened(mask, 3.0, voxel),
    "closed": lambda mask, voxel: closed(mask, 4.0, voxel),
    "without small pieces": lambda mask, voxel: remove_small(mask, 0.1, voxel),
    "pieces with evidence": lambda mask, _: pieces_with(
        mask, mask & (np.cumsum(mask.ravel()) % 7 == 1).reshape(mask.shape)
    ),
}


@pytest.mark.parametrize("name", ["opened", "closed", "without small pieces"])
@given(
    mask=arrays.arrays(bool, (7, 6, 5)),
    order=st.permutations([0, 1, 2]),
    flips=st.sets(st.sampled_from([0, 1, 2])),
)
def test_the_order_of_axes_changes_no_mask(name: str, mask: np.ndarray, order: list[int], flips: set[int]) -> None:
    turned = MASKS[name](np.flip(mask.transpose(order), tuple(flips)), VOXEL[order])
    np.testing.assert_array_equal(turned, np.flip(MASKS[name](mask, VOXEL).transpose(order), tuple(flips)))


@given(arrays.arrays(bool, (7, 6, 5)))
def test_opening_takes_closing_adds_and_both_settle(mask: np.ndarray) -> None:
    less, more = MASKS["opened"](mask, VOXEL), MASKS["closed"](mask, VOXEL)
    assert not (less & ~mask).any()
    assert not (mask & ~more).any()
    np.testing.assert_array_equal(MASKS["opened"](less, VOXEL), less)
    assert not (MASKS["pieces with evidence"](mask, VOXEL) & ~mask).any()


@given(
    arrays.arrays(float, (4, 4, 4), elements=st.floats(0.4e-3, 2.9e-3)),
    st.sampled_from([(1.0, "mm2/s"), (1e-3, "1e-3 mm^2/s"), (1e-6, "µm²/s")]),
)
def test_the_unit_of_an_adc_map_does_not_change_it(adc: np.ndarray, unit: tuple[float, str]) -> None:
    assume(0.5e-3 < np.median(adc) < 1.5e-3)
    assume(np.ptp(adc) > 0)
    factor, name = unit
    np.testing.assert_allclose(convert_adc(adc / factor, name)[0], adc, rtol=1e-5)
    np.testing.assert_allclose(convert_adc(adc / factor)[0], adc, rtol=1e-5)


@given(st.text(min_size=1))
def test_a_label_is_letters_and_digits_or_refused(label: str) -> None:
    config: dict[str, Any] = read_yaml(options.CONFIG)
    config["sessions"]["post"] = label
    if label.isascii() and label.isalnum():
        check_config(config, options.CONFIG_SCHEMA)
    else:
        with pytest.raises(ConfigError, match="should be a BIDS label"):
            check_config(config, options.CONFIG_SCHEMA)


volumes = st.floats(0, 500).map(lambda value: round(value, 1))
QUANTITIES = sorted({name for criterion in CATALOGUE.values() for name in needs(criterion)})


@pytest.mark.parametrize("name", sorted(CATALOGUE))
@given(data=st.data())
def test_a_class_is_one_of_the_criterions_and_needs_all_it_asks_for(name: str, data: st.DataObject) -> None:
    criterion = CATALOGUE[name]
    asked = needs(criterion)
    quantities = {quantity: data.draw(volumes, quantity) for quantity in QUANTITIES}
    found, missing = classify(criterion, quantities)
    assert found in {*(candidate["name"] for candidate in criterion["classes"]), criterion["otherwise"]}
    assert not missing
    lost = data.draw(st.sampled_from(sorted(asked)))
    unknown, missing = classify(criterion, quantities | {lost: math.nan})
    assert unknown is None
    assert lost in missing


@pytest.mark.parametrize("name", sorted(CATALOGUE))
@given(data=st.data())
def test_a_stable_class_is_the_same_all_over_the_band(name: str, data: st.DataObject) -> None:
    criterion = CATALOGUE[name]
    quantities = {quantity: data.draw(volumes, quantity) for quantity in QUANTITIES}
    sources = {source for source, _ in VOLUMES.values() if source in HALF_WIDTHS} | {"coreg_tmax", "coreg_adc"}
    curves = {}
    for source in sorted(sources):
        map_name = source.removeprefix("coreg_")
        limits = thresholds(map_name, HALF_WIDTHS[map_name], 620e-6)
        curves[source] = [(limit, data.draw(volumes, source)) for limit in limits]
    nominal, _ = classify(criterion, quantities)
    for found in stability(criterion, quantities, curves, HALF_WIDTHS, 620e-6):
        source, threshold = VOLUMES[found.parameter]
        middle = 620e-6 if threshold is None else threshold
        if found.stable is None:
            continue
        assert found.low <= middle <= found.high
        if found.stable and found.parameter in needs(criterion) and "mismatch_coreg_ml" not in needs(criterion):
            for limit, ml in curves[source]:
                if found.low <= limit <= found.high:
                    assert classify(criterion, quantities | {found.parameter: ml})[0] == nominal
