"""What is exactly known about a simulated study: maps, masks, volumes and transforms."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from reperfuse.simulation import anatomy, scanner
from reperfuse.simulation.anatomy import Array, Head, Region
from reperfuse.simulation.geometry import world_points
from reperfuse.simulation.hemodynamics import arterial_curve
from reperfuse.simulation.patients import Patient
from reperfuse.simulation.physiology import perfusion_at
from reperfuse.simulation.protocols import Plan, perfusion_scan
from reperfuse.simulation.scanner import DscProtocol, Grid

Row = dict[str, object]


TMAX_THRESHOLDS_S = (4, 6, 8, 10)


VESSEL_CBV_RATIO = 2.5  # a voxel with more CBV than this times the median holds a vessel, as the workflow's default


IMR_CBV_RATIO = 0.85  # at or above this ratio to the mirrored side an island does not count as impaired reflow


class SessionTruth:
    """Truth of a session, gathered scan by scan.

    Attributes
    ----------
    images : dict
        (datatype, name) → (array, grid). Names are those of the files, without entities and extension.
    transforms : dict
        (datatype, name) → (n, 4, 4) matrices that take points (world mm) from the first to the second space.
    row : dict
        Volumes of the session, columns as in ``group/sessions.tsv``.
    """

    def __init__(self, patient: Patient, session: str, plan: Plan) -> None:
        self.patient, self.session = patient, session
        self.grids, self.poses, self.flow = plan.grids, plan.poses, plan.flow
        self.head: Head = patient.head(session)
        self.images: dict[tuple[str, str], tuple[Array, Grid]] = {}
        self.transforms: dict[tuple[str, str], Array] = {}
        scans = patient.scans[session]
        self.scan = perfusion_scan(scans)
        if self.scan in scans:
            self.transforms["perf", f"from-dscref_to-{self.scan}_mode-points"] = plan.motion
            self.transforms["perf", "from-head_to-dscref_mode-points"] = self.poses[self.scan][None]
            if "dwi" in scans:
                joint = self.poses[self.scan] @ np.linalg.inv(self.poses["dwi"])
                self.transforms["dwi", "from-dwi_to-dscref_mode-points"] = joint[None]
        if "dwi" in scans:
            self.transforms["dwi", "from-head_to-dwi_mode-points"] = self.poses["dwi"][None]
        if "flair" in scans:
            self.transforms["anat", "from-head_to-flair_mode-points"] = self.poses["flair"][None]
        volumes = [f"tmax{s}_ml" for s in TMAX_THRESHOLDS_S]
        names = ["core_ml", "deficit_ml", *volumes, "delay2_ml", "rcbf30_ml", "rmtt150_ml"]
        names += ["mismatch_ml", "mismatch_coreg_ml", "mismatch_ratio", "hir", "defuse2"]
        self.row: Row = {
            "participant_id": f"sub-{patient.label}",
            "session_id": f"ses-{session}",
            "role": session,
        }
        self.row |= dict.fromkeys(names)
        self.row["deficit_ml"] = volume_ml(self.head, patient.deficit(session))
        if "dwi" in scans:
            self.row["core_ml"] = volume_ml(self.head, patient.core(session))

    def add_perfusion(self, still: Array, protocol: DscProtocol) -> None:
        """Add perfusion maps: those of the tissue, and those of oSVD without noise and motion.

        Parameters
        ----------
        still : (x, y, z, t) array
            Signal at the reference pose without imperfections.
        protocol : DscProtocol
            Its timing.
        """
        times = np.arange(protocol.frames) * protocol.tr_s
        self._add_perfusion(
            times, lambda brain: -np.log(still[brain] / still[brain][:, :1]) / np.float32(protocol.te_s)
        )

    def add_ct_perfusion(self, still: Array, times_s: Array) -> None:
        """Add the same of CT.

        Parameters
        ----------
        still : (x, y, z, t) array
            HU at the reference pose without imperfections.
        times_s : (t,) array
            Times, s, evenly spaced.
        """
        self._add_perfusion(times_s, lambda brain: still[brain] - still[brain][:, :1])

    def _add_perfusion(self, times_s: Array, curves_in: Callable[[Array], Array]) -> None:
        from reperfuse.perfusion.deconvolution import deconvolve

        grid = self.grids[self.scan]
        parts = scanner.moving_oversampling(grid)
        points = scanner.sample_points(grid, self.poses[self.scan], self.head, parts)
        tissue, brain = self._add_tissue_perfusion(points, parts)
        self.images["perf", "desc-brain_mask"] = brain, grid
        aif = arterial_curve(times_s, self.flow.bolus)
        spacing_s = float(times_s[1] - times_s[0])
        maps = deconvolve(curves_in(brain), aif, spacing_s, method="osvd", oscillation_index=0.035)
        for name in ("cbf", "cbv", "mtt", "tmax"):
            image = np.full(grid.shape, np.nan, dtype=np.float32)
            image[brain] = getattr(maps, name)
            self.images["perf", f"desc-ideal_{name}"] = image, grid
        tmax = np.where(tissue >= 0.5, self.images["perf", "desc-ideal_tmax"][0], 0.0)
        for threshold in TMAX_THRESHOLDS_S:
            deficit = tmax > threshold
            self.images["perf", f"desc-tmax{threshold}_mask"] = deficit, grid
            self.row[f"tmax{threshold}_ml"] = float(deficit.sum() * grid.voxel_ml)
        self._add_relative_volumes(tissue >= 0.5)
        self._add_mismatch()

    def add_masks(self, scans: Sequence[str]) -> None:
        """Add the injury, the infarct and the island without reflow on the grids they are looked for on.

        Parameters
        ----------
        scans : sequence of str
            Scans the session has.
        """
        patient, core = self.patient, self.patient.core(self.session)
        name = "desc-lesion_mask" if self.session == "followup" else "desc-core_mask"
        if "dwi" in scans:
            self.images["dwi", name] = self._mask("dwi", core), self.grids["dwi"]
        if "flair" in scans:
            self.images["anat", name] = self._mask("flair", core), self.grids["flair"]
        if self.scan not in scans:
            return
        grid = self.grids[self.scan]
        self.images["dwi", f"space-dscref_{name}"] = self._mask(self.scan, core), grid
        if self.session == "post":
            lesion = patient.core("followup") if "followup" in patient.scans else None
            self.images["perf", "space-dscref_desc-lesion_mask"] = self._mask(self.scan, lesion), grid
            self.images["perf", "desc-imr_mask"] = self._mask(self.scan, patient.island("post")), grid

    def add_session(self, session: str, pose: Array) -> None:
        """Add the transforms of the scans into the perfusion space of another session.

        Parameters
        ----------
        session : str
            The other session.
        pose : (4, 4) array
            Head → world of its perfusion reference. Swelling is not part of the (rigid) transform.
        """
        for datatype, scan, space in (("perf", self.scan, "dscref"), ("dwi", "dwi", "dwi")):
            if scan in self.patient.scans[self.session]:
                name = f"from-{space}_to-{session}dscref_mode-points"
                self.transforms[datatype, name] = (pose @ np.linalg.inv(self.poses[scan]))[None]

    def _add_tissue_perfusion(self, points: Array, parts: Sequence[int]) -> tuple[Array, Array]:
        """Add CBF, CBV, MTT and delay of the tissue in each voxel; return its share and the brain mask."""
        grid, zones = self.grids[self.scan], self.flow.zones
        shares = anatomy.tissues(points)
        sums = {name: np.zeros(len(points), dtype=np.float32) for name in ("cbf", "cbv", "delay")}
        for kind, share in (("grey", shares.grey), ("white", shares.white)):
            here = np.flatnonzero(share > 0)
            cbf, mtt, delay = perfusion_at(points[here], kind, zones)
            for name, value in (("cbf", cbf), ("cbv", cbf * mtt / 60), ("delay", delay)):
                sums[name][here] += share[here] * value
        tissue = scanner.average_voxels(shares.grey + shares.white, grid, parts)
        brain = scanner.average_voxels(shares.grey + shares.white + shares.csf + shares.blood, grid, parts) >= 0.5
        known = np.where(tissue > 0.05, tissue, np.nan)
        maps = {name: scanner.average_voxels(values, grid, parts) / known for name, values in sums.items()}
        maps["mtt"] = 60 * maps["cbv"] / maps["cbf"]
        for name, image in maps.items():
            self.images["perf", name] = image, grid
        return tissue, brain

    def _add_relative_volumes(self, tissue: Array) -> None:
        """Add the volumes that lie beyond normal tissue: later, with less flow, with a longer transit.

        Normal is tissue outside deficit and core, on the other side unless the deficit is on both, without voxels that
        hold a large vessel: one in a hundred, they would raise its mean flow by 8 %. Only tissue whose perfusion was
        changed counts: elsewhere a long transit is that of a vein in the same voxel. On CT without diffusion the core
        is where there is little flow.
        """
        grid, patient, pose = self.grids[self.scan], self.patient, self.poses[self.scan]
        cbf, cbv, tmax = (self.images["perf", f"desc-ideal_{name}"][0] for name in ("cbf", "cbv", "tmax"))
        deficit = self.images["perf", "desc-tmax6_mask"][0]
        core = self._mask(self.scan, patient.core(self.session))
        normal = tissue & ~deficit & ~core
        delay = tmax - np.nanmedian(tmax[normal])
        if deficit.any() and not patient.bilateral:
            world = world_points(grid) - pose[:3, 3]
            right = (world @ pose[:3, 0]).reshape(grid.shape) > 0
            normal &= right if patient.side == "left" else ~right
        normal &= cbv <= VESSEL_CBV_RATIO * np.nanmedian(cbv[normal])
        with np.errstate(divide="ignore", invalid="ignore"):
            flow, volume = (image / np.nanmean(image[normal]) for image in (cbf, cbv))
            found = {"delay2_ml": delay > 2, "rcbf30_ml": deficit & (flow < 0.3), "rmtt150_ml": volume / flow > 1.5}
        changed = np.zeros(grid.shape, dtype=bool)
        for zone in self.flow.zones:
            changed |= self._mask(self.scan, zone.region)
        self.row |= {name: float((changed & mask).sum() * grid.voxel_ml) for name, mask in found.items()}
        if self.scan == "ctp" and self.row["core_ml"] is None:
            core = changed & found["rcbf30_ml"]
            self.images["perf", "desc-core_mask"] = core, grid
            self.row["core_ml"] = self.row["rcbf30_ml"]
        if self.row["core_ml"] is not None:
            self.row["mismatch_coreg_ml"] = float((deficit & ~core).sum() * grid.voxel_ml)

    def _add_mismatch(self) -> None:
        row = self.row
        core, deficit, severe = row["core_ml"], row["tmax6_ml"], row["tmax10_ml"]
        assert isinstance(deficit, float)
        assert isinstance(severe, float)
        row["hir"] = severe / deficit if deficit > 0 else None
        if not isinstance(core, float):
            return
        row["mismatch_ml"] = deficit - core
        row["mismatch_ratio"] = deficit / core if core > 0 else (float("inf") if deficit > 0 else None)
        if self.session == "baseline":
            row["defuse2"] = defuse2_profile(core, deficit, severe)

    def _mask(self, scan: str, region: Region | None) -> Array:
        grid = self.grids[scan]
        if region is None:
            return np.zeros(grid.shape, dtype=bool)
        parts = scanner.moving_oversampling(grid)
        points = scanner.sample_points(grid, self.poses[scan], self.head, parts)
        return scanner.average_voxels(is_inside(points, region), grid, parts) >= 0.5


def is_inside(template_points: Array, region: Region | None) -> NDArray[np.bool_]:
    """Whether points are brain tissue of a region (grey + white fraction of at least one half).

    Parameters
    ----------
    template_points : (n, 3) array
        Template coordinates, mm.
    region : Region or None
        None for no region.

    Returns
    -------
    (n,) array of bool
        True inside.
    """
    inside = np.zeros(len(template_points), dtype=bool)
    if region is not None:
        near = np.flatnonzero(region.radius(template_points) < 1)
        shares = anatomy.tissues(template_points[near])
        inside[near] = shares.grey + shares.white >= 0.5
    return inside


def volume_ml(head: Head, region: Region | None) -> float:
    """Volume of a region in a head, counted on a 2 mm grid.

    Parameters
    ----------
    head : Head
        Whose warp and swelling change the volume.
    region : Region or None
        None has 0 mL.

    Returns
    -------
    float
        mL.
    """
    points, volume = anatomy.brain_points(2.0)
    return float(is_inside(head.to_template(points), region).sum() * volume)


def defuse2_profile(core_ml: float, tmax6_ml: float, tmax10_ml: float) -> str:
    """Profile by DEFUSE 2 (Lansberg et al. 2012, doi:10.1016/S1474-4422(12)70203-X).

    Parameters
    ----------
    core_ml, tmax6_ml, tmax10_ml : float
        mL.

    Returns
    -------
    str
        "malignant", "target" or "none".
    """
    if core_ml >= 70 or tmax10_ml >= 100:
        return "malignant"
    return "target" if tmax6_ml >= 1.8 * core_ml and tmax6_ml - core_ml >= 15 else "none"


def _inside(patient: Patient, *regions: Region | None) -> tuple[list[NDArray[np.bool_]], float]:
    """Whether points of the head before it swells lie in each region, and the volume (mL) of a point."""
    points, volume = anatomy.brain_points(2.0)
    where = patient.head("baseline").to_template(points)
    return [is_inside(where, region) for region in regions], volume
