"""What a methods text says of the images, sentence by sentence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reperfuse.analysis.references import entries
from reperfuse.analysis.wording import WORDS, diffusivity, listed, patients, percent

Settings = Mapping[str, Any]


def perfusion(config: Settings) -> Iterator[str]:
    """Say how maps were made of a perfusion series, and hypoperfused tissue of the maps."""
    motion, curves, aif = config["motion"], config["concentration"], config["aif"]
    yield "Perfusion series were realigned to the mean of the frames before the bolus."
    if motion["outlier_frames"] == "interpolate":
        yield f"Frames that fitted badly were interpolated over gaps of up to {motion['max_gap_s']:g} s."
    yield f"The change of R2* was taken from the {curves['window_s']:g} s after bolus arrival."
    if curves["smoothing_fwhm_mm"]:
        yield f"Curves were smoothed within the brain (Gaussian, {curves['smoothing_fwhm_mm']:g} mm full width)."
    if curves["motion_signal_per_mm"]:
        expected = percent(curves["motion_signal_per_mm"])
        yield f"Residual motion was removed from the curves, with an expected signal change of {expected} per mm."
    if curves["leakage_correction"]:
        yield "Blood volume was corrected for leakage of contrast agent [@boxerman2006]."
    yield "The arterial input was found automatically, unless it was chosen by hand."
    yield f"An automatic arterial input needed a score of at least {aif['min_score']:g}."
    if aif["scale_to_vof"]:
        yield "The arterial input was corrected for partial volume by the venous output."
    yield from _deconvolution(config["deconvolution"])
    yield from _hypoperfusion(config["hypoperfusion"])


def _deconvolution(chosen: Settings) -> Iterator[str]:
    if chosen["method"] == "osvd":
        yield (
            "Maps were computed by block-circulant singular value decomposition with a limit on oscillation of "
            f"{chosen['oscillation_index']:g} at a frame spacing of {chosen['oscillation_spacing_s']:g} s [@wu2003]."
        )
        yield "The limit grew with the square of the frame spacing."
    else:
        circulant = chosen["method"] == "csvd"
        kind, source = ("block-circulant", "wu2003") if circulant else ("standard", "ostergaard1996")
        share = chosen["svd_threshold"] or (0.1 if circulant else 0.2)
        yield f"Maps were computed by {kind} singular value decomposition, truncated at {percent(share)} [@{source}]."
    latest = f"{chosen['latest_tmax_s']:g} s"
    yield f"Tmax was the time of the maximum of the residue function; values beyond {latest} were discarded."


def _hypoperfusion(chosen: Settings) -> Iterator[str]:
    yield "Tissue with Tmax above 6 s was counted as hypoperfused."
    steps = []
    if chosen["smoothing_mm"]:
        steps.append(f"smoothed by {chosen['smoothing_mm']:g} mm")
    if chosen["opening_mm"]:
        steps.append(f"opened by {chosen['opening_mm']:g} mm")
    if chosen["min_volume_ml"]:
        steps.append(f"cleared of components below {chosen['min_volume_ml']:g} mL")
    if steps:
        yield f"The mask was {listed(steps)}."
    left_out = []
    if chosen["csf_adc"]:
        left_out.append(f"fluid by diffusion (above {diffusivity(chosen['csf_adc'])})")
    if chosen["csf_ratio"]:
        left_out.append(f"fluid by brightness ({chosen['csf_ratio']:g} times the brain's median)")
    if chosen["vessel_ratio"]:
        left_out.append(f"vessels (blood volume {chosen['vessel_ratio']:g} times the tissue's median)")
    if left_out:
        yield f"The mask left out {listed(left_out)}."
    if chosen["symptomatic_side_only"]:
        yield "Where the side of the stroke was known, the opposite side was left out."


def diffusion(config: Settings) -> Iterator[str]:
    """Say what the core is."""
    core = config["core"]
    yield f"The core was tissue with an apparent diffusion coefficient below {diffusivity(core['adc_threshold'])}."
    yield (
        f"Its trace intensity had to be at least {core['relative_intensity']:g} times that of normal tissue nearby, "
        f"and to reach {core['peak_intensity']:g} times that of its mirror image."
    )
    if core["min_volume_ml"]:
        yield f"Components below {core['min_volume_ml']:g} mL were removed."
    yield "Mismatch was the volume with Tmax above 6 s minus that of the core."


def serial(config: Settings, counts: Mapping[str, int], done: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Say how sessions were compared."""
    fit = config["registration"]
    if {"growth", "reperfusion", "reflow"} & set(done):
        yield "Scans were registered rigidly by mutual information with ANTs [@avants2011]."
        yield (
            f"A registration was accepted with a brain overlap (Dice) of at least {fit['min_brain_dice']:g} and a "
            f"correlation of edges of at least {fit['min_edge_agreement']:g}."
        )
        if fit["distortion_axis"] != "none":
            yield "Distortion of diffusion along the phase-encoding axis was undone."
    drawn = {"expert_lesions": "outlined by experts", "automatic_lesions": "segmented automatically"}
    if how := [words for name, words in drawn.items() if name in done]:
        yield f"Follow-up lesions were {' or '.join(how)}."
    if "growth" in done:
        yield f"Growth, the follow-up lesion minus the baseline core, was known in {patients(counts['growth'])}."
        if config["growth"]["undo_swelling"]:
            yield "For comparison voxel by voxel, the swelling of the follow-up lesion was undone."
    if "reperfusion" in done:
        fall = 90 if config["analysis"]["reperfused"] == "reperfused_90" else 50
        source = "" if fall == 90 else " [@lansberg2012]"
        yield (
            f"Reperfusion, a fall of the volume with Tmax above 6 s by more than {fall} %{source}, was known in "
            f"{patients(counts['reperfusion'])}."
        )


def impairment(config: Settings, reflow: Settings, counts: Mapping[str, int]) -> Iterator[str]:
    """Say what impaired microvascular reperfusion is, and in whom it was judged."""
    own, preset = config["imr"], config["imr"]["preset"]
    source = f" [@{preset}]" if preset in entries() else ""
    yield f"Impaired microvascular reperfusion was defined after {reflow['title'].partition(',')[0]}{source}."
    changed = [name for name in reflow if own.get(name) is not None and name in WORDS]
    if changed:
        yield f"This study used its own settings for {listed(WORDS[name] for name in changed)}."
    for part in reflow["differs"].split("; "):
        yield (
            f"The definition was applied {part}."
            if part.startswith("as published")
            else f"{part[0].upper()}{part[1:]}."
        )
    yield from _rule(reflow, own, config["hypoperfusion"]["vessel_ratio"])
    cut = reflow["significant_ml"]
    yield f"More than {cut:g} mL was significant." if cut else "Any impaired volume was significant."
    first, last = reflow["hours_after_treatment"]
    yield f"Scans from {first:g} to {last:g} h after treatment were judged."
    if ruled_out := [WORDS[name] for name in reflow["exclusions"] if name != "mtici"]:
        yield f"Patients with {listed(ruled_out, 'or')} were not judged."
    if "mtici" in reflow["exclusions"]:
        yield f"Patients with mTICI below {reflow['min_mtici']} were not judged."
    yield (
        f"Lesions were not judged if less than {percent(own['min_covered_share'])} was comparable with their mirror "
        f"image, or less than {percent(own['min_one_sided_share'])} was on one side."
    )
    yield f"Reflow was judged in {patients(counts['judged'])} and impaired in {counts['impaired']}."


def _rule(reflow: Settings, own: Settings, vessel_ratio: float | None) -> Iterator[str]:
    """Say what is impaired."""
    lesion = WORDS[reflow["lesion_source"]]
    if reflow["map"].startswith("tmax"):
        late = f"Tmax above {reflow['map'].removeprefix('tmax')} s"
        yield f"Tissue of the {lesion} with {late} after treatment was impaired."
        yield f"Components below {own['min_volume_ml']:g} mL were removed."
        return
    below, compared = percent(reflow["asymmetry_threshold"]), WORDS[reflow["map"]].capitalize()
    yield f"{compared} after treatment was compared with its reflection at the head's mirror plane."
    if vessel_ratio:
        yield f"Vessels, above {vessel_ratio:g} times the median of normal tissue, were left out."
    yield (
        "Maps were smoothed within tissue until the robust standard deviation of the asymmetry in normal tissue was "
        f"below {own['noise_limit']:g}."
    )
    if reflow["rule"] == "voxelwise":
        yield f"Voxels of the {lesion} more than {below} below their mirror image were impaired."
        yield f"Components below {own['min_volume_ml']:g} mL were removed."
        yield "The volume that noise alone would give was estimated from normal tissue."
    else:
        parts = ", or its early or its late part," if reflow["rule"] == "subregions" else ""
        yield f"The {lesion}{parts} was impaired where the median of the asymmetry was more than {below} below zero."
