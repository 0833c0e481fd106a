"""What each figure shows, and how to read it."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Caption:
    """What a figure shows, for its caption and for readers who cannot see it, and how it is read.

    ``columns`` of the tables hold the numbers of it, which those who cannot see it are told.
    """

    text: str
    reading: str
    columns: tuple[str, ...] = ()


ROLE_TITLES = {
    "baseline": "Before treatment",
    "post": "Within hours after treatment",
    "late": "A day after treatment",
    "followup": "Follow-up",
}


#: Roles of the sessions whose diffusion is acute; later there is no core.
ACUTE_ROLES = ("baseline", "post")


OVERVIEW = Caption(
    "The sessions on the same slices, one below the other. Before treatment: core and deficit (Tmax above 6 s). "
    "After it: deficit, that which persists, and lesion with impaired microvascular reperfusion (IMR). Follow-up: the "
    "lesion, its swelling undone where the settings ask for it, and what has grown.",
    "Each column is one slice of the head at all times; go down it to see what became of the tissue. Later images are "
    "brought into the space of the first by the registration between sessions, so look at the figures of alignment "
    "before you trust a difference. A region is outlined or filled in the colour that the legend gives.",
)


_BOTH_BRIGHT = "what is bright on both is old, or fluid shining through."


_EDGE = "The brain's outline should follow its edge and leave out skull and eyes."


_TERRITORY = (
    "Late Tmax is yellow. A believable deficit follows a vessel's territory, and MTT and relative CBF change with it; "
    "specks, rims and a change at the edge of the skull are artefacts."
)


#: By the name of the figure, in the order of the page.
CAPTIONS = {
    "diffusion": Caption(
        "Trace-weighted image and ADC with the core outlined; brain mask on the image without diffusion weighting.",
        f"Fresh ischaemia is bright on the trace image and dark on ADC; {_BOTH_BRIGHT} {_EDGE}",
        ("core_ml",),
    ),
    "flair": Caption(
        "FLAIR image with the brain mask, and with the follow-up lesion outlined.",
        "The follow-up lesion is bright on FLAIR; so are old scars and the white matter around the ventricles. Compare "
        "the rows with and without the outline.",
        ("infarct_followup_ml",),
    ),
    "perfusion": Caption(
        "Penumbra and core over the anatomy; Tmax, deficit (above 6 s) and core outlined; MTT, relative CBF and "
        "relative CBV.",
        _TERRITORY,
        ("core_ml", "tmax6_ml", "mismatch_ml", "mismatch_ratio"),
    ),
    "flow": Caption(
        "Absolute CBF and CBV; relative CBF with what lies below 30 % of normal tissue inside Tmax above 6 s.",
        "Grey matter should have about twice the flow of white matter, on both sides alike outside the deficit. "
        "Absolute numbers hang on the size of the arterial input; if the page warns of that, trust the pattern only.",
        ("rcbf30_ml",),
    ),
    "growth": Caption(
        "Trace-weighted image at baseline; the core that is infarct at follow-up, what has grown since, and what was "
        "reversed.",
        "Growth lies beside the core, as a rule inside the deficit. A thin rim all around, or growth on the other "
        "side, points to the registration or to swelling rather than to infarction.",
        ("growth_ml", "growth_voxelwise_ml", "reversal_ml"),
    ),
    "reperfusion": Caption(
        "Tmax at baseline and after treatment; the deficit (above 6 s) that recovered, persists or is new.",
        "After a good reperfusion both sides look alike in the second row. What is new and small often lies at the "
        "edge of the slab or at the skull.",
        ("tmax6_baseline_ml", "tmax6_post_ml", "reperfusion_fraction"),
    ),
    "reflow": Caption(
        "Lesion after treatment and its mirror image; relative CBV, its mirror image, and (rCBV − mirror)/mirror; "
        "voxels with impaired microvascular reperfusion (IMR).",
        "Red in the last row is less blood than on the other side, blue is more. Impaired voxels should lie together "
        "and inside the lesion; large vessels, fluid and a wrong mirror plane make false ones.",
        ("imr_ml", "imr_null_ml", "rcbv_asymmetry_median"),
    ),
    "alignment": Caption(
        "Brain mask on the perfusion reference; tiles of two images in turn, aligned with each other: perfusion and "
        "diffusion, this session and the one before treatment.",
        "Follow the brain's edge and the ventricles from tile to tile: where they are aligned, edges run on across "
        "the borders of the tiles. A step of more than a voxel or two puts lesion, deficit and reflow in the wrong "
        "place. Black tiles lie outside the other scan.",
        ("registration_dice", "edge_margin"),
    ),
    "followupalignment": Caption(
        "Brain mask on the image without diffusion weighting; tiles of it and of the image that the follow-up lesion "
        "is drawn on, in turn, aligned with each other.",
        "Read it as the figure before. A large infarct swells and moves the tissue around it, so that ventricles and "
        "midline may step although the skull's edge runs on.",
    ),
    "quality": Caption(
        "Motion of the head; arterial input and venous output; where on the reference they were taken (squares: "
        "artery, circles: vein).",
        "Steps in the motion that come with the bolus disturb the maps most. A good arterial input is early, narrow, "
        "high and smooth, and its voxels lie on large arteries.",
        ("fd_max_mm", "outlier_frames", "tsnr", "bolus_cnr", "aif_score"),
    ),
}


#: Of the figures that say something else a day and more after treatment, when diffusion is no longer acute.
LATER = {
    "diffusion": Caption(
        "Trace-weighted image and ADC with the lesion outlined; brain mask on the image without diffusion weighting.",
        f"Days after a stroke the lesion is bright on the trace image, and its ADC returns to normal; {_BOTH_BRIGHT} "
        f"The outline is the follow-up lesion; a day after treatment, the lesion of diffusion. {_EDGE}",
        ("infarct_followup_ml",),
    ),
    "perfusion": Caption(
        "Lesion of diffusion over the anatomy; Tmax, deficit (above 6 s) and lesion outlined; MTT, relative CBF and "
        "relative CBV.",
        _TERRITORY,
        ("tmax6_ml",),
    ),
    "reflow": replace(CAPTIONS["reflow"], columns=("imr_late_ml",)),
}


__all__ = ["ACUTE_ROLES", "CAPTIONS", "LATER", "OVERVIEW", "ROLE_TITLES", "Caption"]
