"""Patients of a simulated study: where the injury lies and what becomes of it from session to session."""

from dataclasses import dataclass, field, replace
from typing import Literal

from reperfuse.simulation.anatomy import Head, Region, Side
from reperfuse.simulation.physiology import Flow, Injury, Zone

SESSIONS = ("baseline", "post", "followup")


HOURS_AFTER_ONSET = {"baseline": 3.5, "post": 5.5, "followup": 120.0}


ALL_SCANS = {"baseline": ("dsc", "dwi"), "post": ("dsc", "dwi"), "followup": ("dwi", "flair")}


# Middle cerebral artery territory: centres are distance from the midline, y, z (template mm).
CORE_CENTRE = (35.0, -3.0, 14.0)


DEFICIT_CENTRE = (38.0, -10.0, 20.0)


PROPORTIONS = (1.0, 1.45, 1.15)


@dataclass(frozen=True)
class Patient:
    """A patient and the course of the disease; a volume of 0 mL means there is no such region.

    Attributes
    ----------
    label : str
        BIDS participant label.
    side : {"left", "right"}
        Side of the stroke.
    core_ml : float
        Diffusion lesion at baseline. One larger than the deficit has outlasted it: what lies outside is reperfused.
    deficit_ml : float
        Hypoperfused tissue at baseline (core and penumbra).
    bilateral : bool
        Whether the deficit lies on both sides, half of its volume on each; the core stays on the side of the stroke.
    oligaemia_ml : float
        Benign oligaemia around the deficit.
    penumbra_flow : (float, float)
        Flow of the deficit outside the core relative to normal tissue of the same kind, at its centre and its surface.
    post_deficit_ml : float
        Hypoperfused tissue after treatment; 0 after complete reperfusion.
    post_core_ml : float
        Diffusion lesion after treatment.
    lesion_ml : float
        Infarct at follow-up.
    island_ml : float
        Part of the infarct that is not reperfused at post though the artery is open.
    island_cbv_ratio : float
        rCBV of that part relative to healthy tissue.
    core_centre_mm, deficit_centre_mm, lesion_centre_mm, island_centre_mm : (float, float, float)
        Centres: distance from the midline, y, z, template mm.
    hours_late : float
        Hours by which every session is later than usual.
    swelling : float
        Linear stretch of the infarct at follow-up, see :class:`reperfuse.simulation.anatomy.Head`.
    asymmetry_mm : float
        Difference between the halves of the head.
    expert_mask : bool
        Whether an expert outlined the infarct.
    scans : dict of str to tuple of str
        Scans ("dsc" or "ctp", "dwi", "flair") of each session.
    clinical : dict
        Columns of participants.tsv.
    """

    label: str
    side: Side = "left"
    core_ml: float = 25.0
    deficit_ml: float = 90.0
    bilateral: bool = False
    oligaemia_ml: float = 50.0
    penumbra_flow: tuple[float, float] = (0.35, 0.45)
    post_deficit_ml: float = 0.0
    post_core_ml: float = 28.0
    lesion_ml: float = 40.0
    island_ml: float = 0.0
    island_cbv_ratio: float = 0.6
    core_centre_mm: tuple[float, float, float] = CORE_CENTRE
    deficit_centre_mm: tuple[float, float, float] = DEFICIT_CENTRE
    lesion_centre_mm: tuple[float, float, float] = CORE_CENTRE
    island_centre_mm: tuple[float, float, float] = CORE_CENTRE
    hours_late: float = 0.0
    swelling: float = 0.0
    asymmetry_mm: float = 2.5
    expert_mask: bool = True
    scans: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(ALL_SCANS))
    clinical: dict[str, str | int] = field(default_factory=dict)

    def head(self, session: str) -> Head:
        """Anatomy in a session: swollen at follow-up, the same otherwise."""
        if session != "followup" or not self.swelling:
            return Head(self.asymmetry_mm)
        x, y, z = self.lesion_centre_mm
        return Head(self.asymmetry_mm, self.swelling, (-x if self.side == "left" else x, y, z))

    def core(self, session: str) -> Region | None:
        """Tissue with restricted diffusion in a session."""
        if session == "followup":
            return self._region(self.lesion_centre_mm, self.lesion_ml)
        if session == "post":
            return self._region(self._midway(), self.post_core_ml)
        return self._region(self.core_centre_mm, self.core_ml)

    def deficit(self, session: str) -> Region | None:
        """Hypoperfused tissue (core and penumbra) in a session."""
        volume = {"baseline": self.deficit_ml, "post": self.post_deficit_ml}.get(session, 0.0)
        return self._region(self.deficit_centre_mm, volume, "both" if self.bilateral else self.side)

    def island(self, session: str) -> Region | None:
        """Tissue without microvascular reflow in a session."""
        return self._region(self.island_centre_mm, self.island_ml if session != "baseline" else 0.0)

    def flow(self, session: str) -> Flow:
        """Perfusion in a session."""
        deficit, core, island = self.deficit(session), self.core(session), self.island(session)
        zones = []
        reperfused = core is not None and (deficit is None or deficit.volume_ml < core.volume_ml)
        if core is not None and reperfused:
            zones.append(Zone(core, (1.05, 1.05), (1.04, 1.04), (0.3, 0.3)))
        if deficit is not None:
            rim = replace(deficit, volume_ml=deficit.volume_ml + self.oligaemia_ml)
            zones.append(Zone(rim, (0.4, 0.9), (1.05, 1.05), (8.0, 1.0)))
            zones.append(Zone(deficit, self.penumbra_flow, (1.05, 1.05), (6.5, 5.0)))
        if core is not None and not reperfused:
            zones.append(Zone(core, (0.12, 0.18), (0.33, 0.37), (8.0, 7.0)))
        if island is not None:
            ratio = self.island_cbv_ratio
            zones.append(Zone(island, (0.85 * ratio, 0.85 * ratio), (ratio, ratio), (0.6, 0.6)))
        delay = 4.0 if deficit is not None else 0.0
        left, right = (delay * (side == self.side or self.bilateral) for side in ("left", "right"))
        return Flow(tuple(zones), left_mca_delay_s=left, right_mca_delay_s=right)

    def injuries(self, session: str) -> tuple[Injury, ...]:
        """Injured water in a session."""
        core = self.core(session)
        if core is None:
            return ()
        if session == "followup":
            return (Injury(core, adc=0.52e-3, t2_ratio=1.45),)
        return (Injury(core, adc=0.45e-3, t2_ratio=1.06 if session == "baseline" else 1.12),)

    def _region(
        self, centre: tuple[float, float, float], volume_ml: float, side: Side | Literal["both"] | None = None
    ) -> Region | None:
        return Region(side or self.side, centre, PROPORTIONS, volume_ml) if volume_ml > 0 else None

    def _midway(self) -> tuple[float, float, float]:
        x, y, z = (0.5 * (a + b) for a, b in zip(self.core_centre_mm, self.lesion_centre_mm, strict=True))
        return x, y, z


DEMO_PATIENTS = (
    Patient(
        "01",
        side="left",
        core_ml=25.0,
        deficit_ml=92.0,
        post_core_ml=27.0,
        lesion_ml=38.0,
        lesion_centre_mm=(36.0, -13.0, 18.0),
        clinical={
            "age": 71, "sex": "F", "side": "left", "onset_time": "2025-03-04T08:10:00", "mtici": "3",
            "nihss_baseline": 14, "nihss_24h": 6, "nihss_day5": 4, "mrs_90d": 1,
            "ica_occlusion": 0, "hemorrhagic_transformation": 0, "reocclusion": 0,
            "treatment_time": "2025-03-04T12:35:00", "nihss_day30": 2, "mrs_premorbid": 0, "tpa": 1, "glucose": 118,
            "hypertension": 1, "diabetes": 0, "atrial_fibrillation": 1, "occlusion_site": "M1", "passes": 1,
            "onset_to_reperfusion_min": 265, "anaesthesia": "sedation", "death_90d": 0, "sich": 0,
        },
    ),
    Patient(
        "02",
        side="right",
        core_ml=32.0,
        deficit_ml=105.0,
        post_core_ml=38.0,
        lesion_ml=52.0,
        island_ml=12.0,
        lesion_centre_mm=(36.0, -6.0, 16.0),
        island_centre_mm=(37.0, -6.0, 17.0),
        clinical={
            "age": 66, "sex": "M", "side": "right", "onset_time": "2025-05-19T13:40:00", "mtici": "2c",
            "nihss_baseline": 17, "nihss_24h": 13, "nihss_day5": 11, "mrs_90d": 3,
            "ica_occlusion": 0, "hemorrhagic_transformation": 0, "reocclusion": 0,
            "treatment_time": "2025-05-19T18:00:00", "nihss_day30": 9, "mrs_premorbid": 0, "tpa": 0, "glucose": 146,
            "hypertension": 1, "diabetes": 1, "atrial_fibrillation": 0, "occlusion_site": "M1", "passes": 3,
            "onset_to_reperfusion_min": 260, "anaesthesia": "general", "death_90d": 0, "sich": 0,
        },
    ),
    Patient(
        "03",
        side="left",
        core_ml=88.0,
        deficit_ml=165.0,
        post_core_ml=110.0,
        post_deficit_ml=150.0,
        lesion_ml=145.0,
        core_centre_mm=(36.0, -6.0, 16.0),
        lesion_centre_mm=(37.0, -8.0, 18.0),
        expert_mask=False,
        clinical={
            "age": 79, "sex": "F", "side": "left", "onset_time": "2025-09-27T06:25:00", "mtici": "1",
            "nihss_baseline": 21, "nihss_24h": 22, "nihss_day5": 21, "mrs_90d": 5,
            "ica_occlusion": 0, "hemorrhagic_transformation": 0, "reocclusion": 0,
            "treatment_time": "2025-09-27T10:55:00", "nihss_day30": 20, "mrs_premorbid": 1, "tpa": 1, "glucose": 171,
            "hypertension": 1, "diabetes": 0, "atrial_fibrillation": 1, "occlusion_site": "ICA", "passes": 5,
            "onset_to_reperfusion_min": 270, "anaesthesia": "general", "death_90d": 0, "sich": 0,
        },
    ),
)  # fmt: skip
