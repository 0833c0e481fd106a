"""Hounsfield units, iodine, noise, timing and geometry of a simulated CT perfusion series."""

import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from reperfuse.simulation import ct
from reperfuse.simulation.anatomy import Head
from reperfuse.simulation.attenuation import AIR_HU, HOUNSFIELD, INJURY_HU, CtScene
from reperfuse.simulation.ct import CT_BOLUS, CtProtocol, CtSeries, acquire_ct, even_times
from reperfuse.simulation.ct_patients import ct_patient
from reperfuse.simulation.geometry import moving_oversampling, rigid, sample_points, world_points
from reperfuse.simulation.hemodynamics import BRAIN_DENSITY_G_ML, HAEMATOCRIT_FACTOR, arterial_curve
from reperfuse.simulation.physiology import Flow, perfusion_at
from reperfuse.simulation.protocols import TINY, Matrix, make_grid, plan_session
from reperfuse.simulation.study import simulate_study
from reperfuse.simulation.truth import SessionTruth

GRID = make_grid(Matrix((56, 56, 10), (4.2, 4.2, 8.0)))
POSE = rigid((3, -4, 5), (2, -1, 3))
PROTOCOL = CtProtocol(even_times(24, 2.0), mas=0.0, padding_hu=None, holder=False)
FLOW = Flow(bolus=CT_BOLUS)
PATIENT = ct_patient("ct", core_ml=40.0, deficit_ml=120.0, lesion_ml=60.0)


def record(protocol: CtProtocol = PROTOCOL, motion: np.ndarray | None = None, **kw) -> CtSeries:
    rest = np.tile(np.eye(4), (protocol.frames, 1, 1))
    given = {"flow": FLOW, "grid": GRID, "pose": POSE, "seed": 1} | kw
    return acquire_ct(Head(), protocol=protocol, motion=rest if motion is None else motion, **given)


@pytest.fixture(scope="module")
def scene() -> CtScene:
    points = sample_points(GRID, POSE, Head(), moving_oversampling(GRID))
    return CtScene(points, FLOW, np.arange(24) * 2.0, PATIENT.injuries("baseline"))


@pytest.mark.parametrize("kind", ["white", "csf", "scalp", "arteries", "sinuses"])
def test_pure_tissue_has_its_own_attenuation(scene: CtScene, kind: str) -> None:
    pure = getattr(scene.tissues, kind) > 0.9999
    assert pure.sum() > 10
    expected = HOUNSFIELD.get(kind, HOUNSFIELD["blood"])
    assert np.median(scene.still[pure]) == pytest.approx(expected, abs=0.2)


def test_bone_lies_between_brain_and_scalp_and_air_outside(scene: CtScene) -> None:
    from reperfuse.simulation import anatomy

    outside = anatomy.outside_mm(sample_points(GRID, POSE, Head(), moving_oversampling(GRID)))
    assert np.median(scene.still[(outside > 3.5) & (outside < 4.5)]) == pytest.approx(HOUNSFIELD["bone"], abs=1)
    assert (scene.still[outside > 13] == AIR_HU).all()
    assert scene.still[outside < 0].max() < 60


def test_injured_tissue_is_darker(scene: CtScene) -> None:
    points = sample_points(GRID, POSE, Head(), moving_oversampling(GRID))
    (injury,) = PATIENT.injuries("baseline")
    inside = (injury.region.radius(points) < 1) & (scene.tissues.white > 0.9999)
    assert np.median(scene.still[inside]) == pytest.approx(HOUNSFIELD["white"] + INJURY_HU, abs=0.01)


def test_enhancement_of_arteries_is_the_bolus_and_that_of_tissue_its_blood() -> None:
    points = sample_points(GRID, POSE, Head(), moving_oversampling(GRID))
    once = replace(CT_BOLUS, recirculation=0.0, tail=0.0)
    scene = CtScene(points, Flow(bolus=once), np.arange(24) * 2.0)
    images = np.stack([scene.image(number) - scene.still for number in range(24)], axis=1)
    artery = images[scene.tissues.arteries > 0.9999].mean(axis=0)
    np.testing.assert_allclose(artery, arterial_curve(np.arange(24) * 2.0, once), atol=0.5)
    assert 250 < artery.max() < 400
    white = scene.tissues.white > 0.9999
    cbf, mtt, _ = perfusion_at(points[white], "white", ())
    expected = (cbf * mtt / 6000).mean() * BRAIN_DENSITY_G_ML / HAEMATOCRIT_FACTOR
    assert images[white].mean(axis=0).sum() / artery.sum() == pytest.approx(expected, rel=0.03)


def test_sinuses_enhance_less_where_asked() -> None:
    points = sample_points(GRID, POSE, Head(), (2, 2, 4))
    times = np.arange(24) * 2.0
    usual, less = (CtScene(points, FLOW, times, venous_ratio=ratio) for ratio in (1.0, 0.7))
    sinus = usual.tissues.sinuses > 0.9999
    rise = [(scene.image(10) - scene.still)[sinus].mean() for scene in (usual, less)]
    assert rise[1] == pytest.approx(0.7 * rise[0], rel=1e-3)
    artery = usual.tissues.arteries > 0.9999
    np.testing.assert_array_equal(usual.image(10)[artery], less.image(10)[artery])


@pytest.mark.parametrize("voxel_mm", [(0.5, 0.5, 5.0), (2.0, 2.0, 5.0), (4.0, 4.0, 8.0)])
def test_noise_is_what_it_is_said_to_be(voxel_mm: tuple[float, float, float]) -> None:
    protocol = CtProtocol()
    grid = make_grid(Matrix((64, 64, 3), voxel_mm))
    sigma = protocol.sigma_hu(voxel_mm)
    noise = ct.correlated_noise((64, 64, 3, 20), grid, sigma, 5)
    assert noise.std() == pytest.approx(sigma, rel=0.01)
    along = [float(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1])]
    along += [float(np.corrcoef(noise[..., :-1, :].ravel(), noise[..., 1:, :].ravel())[0, 1])]
    along += [float(np.corrcoef(noise[..., :-1].ravel(), noise[..., 1:].ravel())[0, 1])]
    assert abs(along[1]) < 0.02
    assert abs(along[2]) < 0.02
    assert along[0] > 0.5 if voxel_mm[0] < 1 else along[0] < 0.1


def test_noise_follows_dose_voltage_and_voxel() -> None:
    usual = CtProtocol().sigma_hu((0.5, 0.5, 5.0))
    assert usual == pytest.approx(7.0)
    assert CtProtocol(mas=50.0).sigma_hu((0.5, 0.5, 5.0)) == pytest.approx(2 * usual)
    assert CtProtocol(mas=30.0).sigma_hu((0.5, 0.5, 5.0)) == pytest.approx(35 / 1.9, rel=0.05)  # Krissak's other tube
    at_voltage = [CtProtocol(kvp=kvp).sigma_hu((0.5, 0.5, 5.0)) for kvp in (70, 80, 100)]
    assert (np.diff(at_voltage) < 0).all()
    assert 2 < CtProtocol().sigma_hu((2.0, 2.0, 5.0)) < usual
    noisy = record(replace(PROTOCOL, mas=200.0))
    residual = (noisy.series - noisy.still)[10:40, 10:40]
    assert residual.std() == pytest.approx(noisy.sigma, rel=0.02)


def test_a_head_at_rest_is_recorded_as_it_is() -> None:
    recorded = record()
    np.testing.assert_allclose(recorded.series, recorded.still, atol=0.05)


def test_uneven_frames_are_those_of_the_even_times() -> None:
    times = (*even_times(12, 1.0), *even_times(6, 4.0, first_s=14.0))
    protocol = replace(PROTOCOL, times_s=times)
    assert protocol.even_spacing_s is None
    assert ct.sidecar(protocol)["VolumeTiming"] == list(times)
    recorded = record(protocol)
    true = np.searchsorted(protocol.truth_times_s, times)
    np.testing.assert_allclose(recorded.series, recorded.still[..., true], atol=0.05)


def test_the_upper_half_of_a_shuttle_is_later() -> None:
    shuttle = record(replace(PROTOCOL, late_half_s=2.0)).series
    usual = record().series
    np.testing.assert_allclose(shuttle[:, :, :5], usual[:, :, :5], atol=1e-3)
    np.testing.assert_allclose(shuttle[:, :, 5:, :-1], usual[:, :, 5:, 1:], atol=1e-3)
    assert np.abs(shuttle[:, :, 5:] - usual[:, :, 5:]).max() > 50


def test_a_head_that_moves_leaves_the_holder_behind() -> None:
    motion = np.tile(np.eye(4), (PROTOCOL.frames, 1, 1))
    motion[12:] = rigid((0, 0, 0), (4.2, 0, 0))
    held = replace(PROTOCOL, holder=True)
    moved = record(held, motion).series
    holder = ct.head_holder(GRID, POSE) > -500
    assert holder.sum() > 200
    far = holder & (record().series.max(axis=-1) < -999)
    np.testing.assert_allclose(moved[far][:, 12:].T, ct.head_holder(GRID, POSE)[far][None].repeat(12, 0), atol=1)
    shifted = np.roll(record().series[..., 14], 1 if GRID.affine[0, 0] > 0 else -1, axis=0)
    bone = (shifted > 300)[4:-4, :, 2:-2]
    np.testing.assert_allclose(moved[4:-4, :, 2:-2, 14][bone], shifted[4:-4, :, 2:-2][bone], atol=3)


def test_outside_the_circle_is_padding() -> None:
    series = record(replace(PROTOCOL, padding_hu=-3024.0)).series
    assert (series[0, 0] == -3024).all()
    assert (series[28, 0] > -1100).all()
    assert 1 - (series[..., 0] == -3024).mean() == pytest.approx(np.pi / 4, rel=0.01)


def test_a_tilted_gantry_shears_the_slices_along_the_table() -> None:
    grid = ct.tilted_gantry(GRID, 15.0)
    np.testing.assert_allclose(grid.centre, GRID.centre)
    np.testing.assert_allclose(grid.affine[:3, 2], GRID.affine[:3, 2])
    assert grid.affine[:3, 1] @ grid.affine[:3, 2] == pytest.approx(4.2 * 8.0 * np.sin(np.deg2rad(15)))
    upright, tilted = record().still[..., 0], record(grid=grid).still[..., 0]
    index = np.linalg.inv(GRID.affine) @ np.c_[world_points(grid), np.ones(tilted.size)].T
    near = np.rint(index[:3]).astype(int)
    inside = ((near >= 2) & (near < np.array(GRID.shape)[:, None] - 2)).all(axis=0)
    same = upright[tuple(near[:, inside])], tilted.ravel()[inside]
    assert np.corrcoef(*same)[0, 1] > 0.9


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    protocol = replace(TINY, ctp=replace(TINY.ctp, gantry_deg=10.0))
    return simulate_study(tmp_path_factory.mktemp("ct") / "study", [PATIENT], protocol, seed=3)


def test_a_study_holds_the_series_its_times_and_its_truth(study) -> None:
    path = study / "sub-ct" / "ses-baseline" / "ct" / "sub-ct_ses-baseline_ctp.nii.gz"
    image = nib.load(path)
    assert image.shape == (56, 56, 12, 33)
    assert image.header.get_zooms()[3] == pytest.approx(2.0)
    assert image.header["qform_code"] == 0  # it cannot hold a sheared grid
    assert json.loads(path.with_name("sub-ct_ses-baseline_ctp.json").read_text())["RepetitionTime"] == 2.0
    assert "**/ct/" in (study / ".bidsignore").read_text()
    truth = study / "derivatives" / "truth" / "sub-ct" / "ses-baseline"
    names = {path.name.removeprefix("sub-ct_ses-baseline_") for path in truth.rglob("*.nii.gz")}
    assert {"desc-core_mask.nii.gz", "desc-tmax6_mask.nii.gz", "space-dscref_desc-core_mask.nii.gz"} <= names
    joint = truth.parent / "ses-followup" / "dwi" / "sub-ct_ses-followup_from-dwi_to-baselinedscref_mode-points_xfm.tsv"
    assert joint.is_file()


def test_the_core_of_a_ct_session_is_its_low_flow(study) -> None:
    lines = (study / "derivatives" / "truth" / "sessions.tsv").read_text().splitlines()
    row = dict(zip(lines[0].split("\t"), lines[1].split("\t"), strict=True))
    assert row["core_ml"] == row["rcbf30_ml"]
    assert float(row["core_ml"]) == pytest.approx(40, rel=0.2)
    assert float(row["tmax6_ml"]) == pytest.approx(120, rel=0.2)
    assert row["defuse2"] == "target"
    lines = (study / "derivatives" / "truth" / "patients.tsv").read_text().splitlines()
    patient = dict(zip(lines[0].split("\t"), lines[1].split("\t"), strict=True))
    assert float(patient["growth_ml"]) == pytest.approx(float(patient["infarct_followup_ml"]) - float(row["core_ml"]))
    assert patient["growth_voxelwise_ml"] == "n/a"


def test_the_core_is_where_the_tissue_has_less_than_a_third_of_the_flow_of_normal_tissue() -> None:
    """No artery counts as normal tissue: with arteries, normal flow would be too high and the core 12 % too large."""
    patient = ct_patient("ct", core_ml=25.0, deficit_ml=95.0)
    plan = plan_session(patient, "baseline", TINY, 5)
    rest = np.tile(np.eye(4), (TINY.ctp.frames, 1, 1))
    quiet, pose, head = replace(TINY.ctp, mas=0.0), plan.poses["ctp"], patient.head("baseline")
    found = acquire_ct(head, plan.flow, plan.grids["ctp"], pose, quiet, rest, 0)
    truth = SessionTruth(patient, "baseline", plan)
    truth.add_ct_perfusion(found.still, TINY.ctp.truth_times_s)
    (flow, grid), (deficit, _) = truth.images["perf", "cbf"], truth.images["perf", "desc-tmax6_mask"]
    right = ((world_points(grid) - pose[:3, 3]) @ pose[:3, 0]).reshape(grid.shape) > 0
    tissue = truth.images["perf", "desc-brain_mask"][0]
    core = deficit & (flow < 0.3 * np.nanmean(flow[tissue & right & ~deficit]))
    assert truth.row["core_ml"] == pytest.approx(core.sum() * grid.voxel_ml, rel=0.08)


def test_voltage_changes_the_enhancement() -> None:
    peaks = []
    for kvp in (70, 80, 100):
        protocol = replace(TINY, ctp=replace(TINY.ctp, kvp=kvp))
        peaks.append(plan_session(PATIENT, "baseline", protocol, 1).flow.bolus.peak)
    assert peaks[0] > peaks[1] > peaks[2]
    assert peaks[1] == CT_BOLUS.peak
