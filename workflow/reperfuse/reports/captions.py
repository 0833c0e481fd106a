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
    "The sessions on the same slices, one below the other. Before treatment: core and deficit. "
    "After treatment: deficit, persistent deficit, and lesion with impaired microvascular reperfusion (IMR). "
    "Follow-up: lesion and growth; the swelling of the lesion is undone if the settings ask for it.",
    "Each column is the same slice of the head at all times; read it from top to bottom to follow the tissue. Later "
    "images are registered to the first session. Check the figures of alignment before you trust a difference. The "
    "legend gives the colour in which each region is outlined or filled.",
)


_BOTH_BRIGHT = "tissue that is bright on both is old, or fluid shines through."


_EDGE = "The brain's outline should follow its edge and leave out skull and eyes."


_TERRITORY = (
    "Late Tmax is yellow. A true deficit follows the territory of a vessel, and MTT and relative CBF change in the "
    "same place. Specks, rims and changes at the edge of the skull are artefacts."
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
        "The follow-up lesion is bright on FLAIR. Old scars and the white matter around the ventricles are bright too. "
        "Compare the rows with and without the outline.",
        ("infarct_followup_ml",),
    ),
    "perfusion": Caption(
        "Penumbra and core over the anatomy; Tmax, deficit (above 6 s) and core outlined; MTT, relative CBF and "
        "relative CBV.",
        _TERRITORY,
        ("core_ml", "tmax6_ml", "mismatch_ml", "mismatch_ratio"),
    ),
    "flow": Caption(
        "Absolute CBF and CBV; relative CBF with the tissue below 30 % of normal, inside Tmax above 6 s.",
        "Grey matter should have about twice the flow of white matter. Outside the deficit, both sides should look "
        "alike. Absolute values depend on the area of the arterial input; if the page warns of it, use the pattern "
        "only.",
        ("rcbf30_ml",),
    ),
    "labelling": Caption(
        "Perfusion by arterial spin labelling (ASL): CBF; relative CBF with low flow (below 40 % of the other side) "
        "and core outlined; arterial transit time, where several delays were scanned.",
        "Grey matter should have more flow than white matter. Outside a stroke, both sides should look alike. Bright "
        "spots or lines beside dark tissue are label that still lies in arteries; with a single delay, dark tissue "
        "beside them may only be late. Where the transit time is blank, too little label arrived to tell it.",
        ("lowflow30_ml", "lowflow40_ml", "lowflow50_ml"),
    ),
    "growth": Caption(
        "Trace-weighted image at baseline; core that is infarct at follow-up, growth, and core that was reversed.",
        "Growth lies beside the core, and usually inside the deficit. A thin rim all around, or growth on the other "
        "side, points to a registration error or to swelling rather than to infarction.",
        ("growth_ml", "growth_voxelwise_ml", "reversal_ml"),
    ),
    "reperfusion": Caption(
        "Tmax at baseline and after treatment; deficit (above 6 s) that recovered, persists or is new.",
        "After good reperfusion both sides look alike in the second row. A small new deficit often lies at the edge of "
        "the slab or at the skull.",
        ("tmax6_baseline_ml", "tmax6_post_ml", "reperfusion_fraction"),
    ),
    "reflow": Caption(
        "Lesion after treatment and its mirror image; relative CBV, its mirror image, and (rCBV − mirror)/mirror; "
        "voxels with impaired microvascular reperfusion (IMR).",
        "In the last row, red is less blood than on the other side, and blue is more. Impaired voxels should lie "
        "together and inside the lesion. Large vessels, fluid and a wrong mirror plane cause false ones.",
        ("imr_ml", "imr_null_ml", "rcbv_asymmetry_median"),
    ),
    "alignment": Caption(
        "Brain mask on the perfusion reference; alternating tiles of two aligned images: perfusion and diffusion, this "
        "session and the one before treatment.",
        "Follow the brain's edge and the ventricles from tile to tile. If the images are aligned, edges continue "
        "across the borders of the tiles. A step of more than one or two voxels puts lesion, deficit and reflow in "
        "the wrong place. Black tiles lie outside the other scan.",
        ("registration_dice", "edge_margin"),
    ),
    "followupalignment": Caption(
        "Brain mask on the image without diffusion weighting; alternating tiles of this image and of the aligned image "
        "that the follow-up lesion is drawn on.",
        "Read this figure like the one before. A large infarct swells and moves the tissue around it. Ventricles and "
        "midline may then show a step although the edge of the skull continues.",
    ),
    "quality": Caption(
        "Motion of the head; arterial input and venous output; the voxels they were taken from, on the reference "
        "(squares: artery, circles: vein).",
        "Motion during the passage of the bolus disturbs the maps most. A good arterial input is early, narrow, high "
        "and smooth, and its voxels lie on large arteries.",
        ("fd_max_mm", "outlier_frames", "tsnr", "bolus_cnr", "aif_score"),
    ),
}


#: Of the figures that say something else a day and more after treatment, when diffusion is no longer acute.
LATER = {
    "diffusion": Caption(
        "Trace-weighted image and ADC with the lesion outlined; brain mask on the image without diffusion weighting.",
        f"Days after a stroke the lesion is bright on the trace image, and its ADC returns to normal; {_BOTH_BRIGHT} "
        f"The outline is the follow-up lesion, or, a day after treatment, the diffusion lesion. {_EDGE}",
        ("infarct_followup_ml",),
    ),
    "perfusion": Caption(
        "Diffusion lesion over the anatomy; Tmax, deficit (above 6 s) and lesion outlined; MTT, relative CBF and "
        "relative CBV.",
        _TERRITORY,
        ("tmax6_ml",),
    ),
    "reflow": replace(CAPTIONS["reflow"], columns=("imr_late_ml",)),
}


__all__ = ["ACUTE_ROLES", "CAPTIONS", "LATER", "OVERVIEW", "ROLE_TITLES", "Caption"]
