"""A methods text, ready to paste: what was done, with which settings and versions, in how many patients.

Each sentence is of something that was done; each number is that of the configuration.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from reperfuse import __version__
from reperfuse.analysis import imaging_text
from reperfuse.analysis.estimates.design import EVENTS_PER_COEFFICIENT
from reperfuse.analysis.references import OF_CRITERION, cited, in_words
from reperfuse.analysis.wording import WORDS, listed, patients

Settings = Mapping[str, Any]

#: Packages whose versions a result depends on.
PACKAGES = ("snakemake", "antspyx", "numpy", "scipy", "statsmodels")
#: What can have been done, as `methods_text` is told.
STEPS = (
    *("perfusion", "diffusion", "expert_lesions", "automatic_lesions", "growth", "reperfusion", "reflow", "late"),
    *(
        "flow",
        "characteristics",
        "frequency",
        "nihss",
        "mrs",
        "proportional_odds",
        "brant",
        "firth",
        "factors",
        "profile",
        "favourable_day5",
    ),
    *("growth_groups", "agreement", "agreement_of_classes", "agreement_of_masks", "agreement_of_raters", "transitions"),
)


def versions() -> dict[str, str]:
    """Return the versions of reperfuse and of the packages a result depends on, as far as they are installed."""
    found = {"reperfuse": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def methods_text(
    config: Settings, reflow: Settings, counts: Mapping[str, int], versions: Mapping[str, str],
    done: Mapping[str, Sequence[str]],
) -> str:  # fmt: skip
    """Write the methods of a study as Markdown.

    Parameters
    ----------
    config : mapping
        Sections of the configuration: motion, concentration, aif, deconvolution, core, hypoperfusion, registration,
        growth, imr and analysis.
    reflow : mapping
        The definition of IMR in use: the preset with what the configuration puts in its place.
    counts : mapping of str to int
        Patients: ``patients`` in the tables, ``rejected`` by a rater and left out, with ``growth`` and
        ``reperfusion`` known, ``judged`` as to reflow, and ``impaired`` of these.
    versions : mapping of str to str
        Of each package, see `versions`.
    done : mapping of str to sequence of str
        What was done, of `STEPS`, and the covariates that its models held.

    Returns
    -------
    str
        Sources are cited as ``[@key]``; `reperfuse.analysis.references.bibliography` gives their BibTeX.
    """
    if unknown := set(done) - set(STEPS):
        raise ValueError(f"no such step: {listed(sorted(unknown))}")
    parts = {
        "Software": _software(versions, counts),
        "Perfusion": imaging_text.perfusion(config) if "perfusion" in done else (),
        "Diffusion": imaging_text.diffusion(config) if "diffusion" in done else (),
        "Serial comparison": imaging_text.serial(config, counts, done),
        "Impaired microvascular reperfusion": imaging_text.impairment(config, reflow, counts)
        if "reflow" in done
        else (),
        "Statistics": _statistics(config["analysis"], done),
    }
    paragraphs = [f"**{title}.** {' '.join(said)}" for title, part in parts.items() if (said := list(part))]
    text = "# Methods\n\n" + "\n\n".join(paragraphs)
    sources = "\n".join(f"- [@{key}]: {in_words(key)}" for key in cited(text))
    return f"{text}\n\n# How to cite\n\nThe software, and the sources of the methods that were used:\n\n{sources}\n"


def _software(versions: Mapping[str, str], counts: Mapping[str, int]) -> Iterator[str]:
    used = [f"{name} {number}" for name, number in versions.items() if name not in ("reperfuse", "snakemake")]
    yield f"Images were analysed with reperfuse {versions['reperfuse']} [@reperfuse]{_run_by(versions)}."
    if used:
        yield f"It used {listed(used)}."
    yield f"Results of {patients(counts['patients'])} were analysed."
    if counts["rejected"]:
        yield f"Left out, because a reader rejected a session: {patients(counts['rejected'])}."


def _run_by(versions: Mapping[str, str]) -> str:
    return f", run by Snakemake {versions['snakemake']}" if "snakemake" in versions else ""


def _statistics(analysis: Settings, done: Mapping[str, Sequence[str]]) -> Iterator[str]:
    analyses = STEPS[STEPS.index("flow") :]
    if not set(analyses) & set(done):
        return
    yield "Analyses used complete cases, without imputation. Intervals were of 95 %, and tests two-sided."
    if "flow" in done:
        yield "The flow of patients is reported as STROBE advises [@vonelm2007]."
    if "characteristics" in done:
        yield "Groups were compared by the Mann–Whitney test [@mann1947], and by exact or chi-square tests."
        yield "Standardised differences are also given [@austin2009]."
    if "frequency" in done:
        yield "Shares have Wilson's interval [@wilson1927]."
    if "nihss" in done:
        outcomes = listed(WORDS.get(name, name) for name in analysis["outcomes"])
        yield f"Impairment was related to {outcomes} by linear models with HC3 standard errors [@mackinnon1985]."
        yield from _adjusted(done["nihss"])
    if "mrs" in done:
        yield "Disability at 90 days (modified Rankin Scale) was analysed by proportional-odds models [@mccullagh1980]."
        yield "Its grades 0–1, its grades 0–2 and death were analysed by logistic models."
        yield from _adjusted(done["mrs"])
    if "proportional_odds" in done:
        yield "Whether odds were proportional was examined by a score test."
    if "brant" in done:
        yield "Whether odds were proportional was also tested after Brant [@brant1990]."
    if "firth" in done:
        yield "Separated data were fitted by Firth's penalised likelihood [@firth1993; @heinze2002]."
    if "factors" in done:
        yield "Factors of impairment were examined by Firth's penalised likelihood [@firth1993; @heinze2002]."
        yield f"Models held at most one factor per {EVENTS_PER_COEFFICIENT} events [@vittinghoff2007]."
    if "profile" in done:
        yield from _profile(analysis, done)
    if "growth_groups" in done:
        yield "Differences of growth are Hodges–Lehmann shifts [@hodges1963]."
    if "agreement" in done:
        yield "Agreement of volumes was measured by Bland–Altman limits [@bland1999] and ICC(A,1) [@mcgraw1996]."
    if "agreement_of_classes" in done:
        yield "Agreement of classes was measured by kappa [@cohen1968]."
    if "agreement_of_masks" in done:
        yield "Outlined lesions were compared with automatic ones by the Dice coefficient [@dice1945]."
    if "agreement_of_raters" in done:
        yield "Agreement of the readers who rated the sessions was measured by weighted kappa [@cohen1968]."
    if "transitions" in done:
        yield "Impairment at a second scan after treatment was compared with that at the first."


def _profile(analysis: Settings, done: Mapping[str, Sequence[str]]) -> Iterator[str]:
    criterion, day = analysis["profile"], "5" if "favourable_day5" in done else "30"
    source = f" [@{OF_CRITERION[criterion]}]" if criterion in OF_CRITERION else ""
    yield (
        "The effect of reperfusion was estimated by logistic models with and without the profile "
        f"{analysis['target']} of the criterion {criterion}{source}, with a test of interaction."
    )
    yield f"Response was favourable if the NIHSS fell by 8 or more, or was 0 or 1, at day {day} [@lansberg2012]."
    yield from _adjusted(done["profile"])


def _adjusted(covariates: Sequence[str]) -> Iterator[str]:
    if covariates:
        yield f"These models were unadjusted, and adjusted for {listed(WORDS.get(name, name) for name in covariates)}."
