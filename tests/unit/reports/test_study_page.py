"""The study's page, as a program reads it."""

import base64
import hashlib
import re
from pathlib import Path

from html_pages import NASTY, Reader
from study_pages import draw, render, write_paper

NIHSS = {
    **{"outcome": "nihss_day5", "exposure": "imr_significant", "covariates": "age, mtici", "n": "33"},
    **{"beta": "-0.501234", "low": "-0.96", "high": "-0.05", "p": "0.0304", "note": NASTY},
}


def study(folder: Path, *tables, **more) -> Reader:
    return Reader(render(folder, *tables, **more))


def visit(participant: str, session: str = "ses-a", **row: str) -> dict[str, str]:
    return {"participant_id": participant, "session_id": session, "role": "baseline", "status": "ok"} | row


def part(page: Reader, first: str, last: str) -> str:
    return page.text[page.text.rindex(first) : page.text.rindex(last)]


def test_the_study_counts_and_links(tmp_path: Path) -> None:
    page = study(
        tmp_path,
        [
            {"participant_id": "sub-01", "imr_significant": "1", "imr_evaluable": "1", "reperfused_50": "1"},
            {"participant_id": "sub-02", "imr_significant": "1", "imr_evaluable": "0", "reperfused_50": "0"},
            {"participant_id": "sub-03"},
        ],
        [visit("sub-01", status=status) for status in ("ok", "ok", "failed")],
        [
            {"participant_id": "sub-03", "what": "growth", "reason": NASTY},
            {"participant_id": "sub-04", "what": "patient", "reason": "no scan found"},
        ],
    )
    assert "Patients 3" in page.text
    assert "sub-04" in page.text
    assert "sub-04.html" not in page.addresses, "a patient without a page"
    assert "Sessions 3 2 ok, 0 with a warning, 1 failed" in page.text
    assert "Significant IMR 1 of 1" in page.text
    assert "Reperfused by more than half 1 of 2" in page.text
    assert {"sub-01.html", "sub-02.html", "sub-03.html", "group/patients.tsv"} <= set(page.addresses)
    assert NASTY in page.text


def test_only_our_script_may_run(tmp_path: Path) -> None:
    label = f"sub-{NASTY}"
    text = render(
        tmp_path,
        [{"participant_id": label, "lesion_source": NASTY}],
        [visit(label, NASTY, status=NASTY, reasons=NASTY, fd_max_mm="9", role=NASTY)],
        [{"participant_id": label, "what": NASTY, "reason": NASTY}],
        name=NASTY,
        statistics=write_paper(tmp_path, [NIHSS], beta={"Description": NASTY}),
    )
    (script,) = Reader(text).scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert policy.count("unsafe-inline") == 1, "for styles only"


def test_the_page_is_named_by_the_dataset(tmp_path: Path) -> None:
    assert study(tmp_path, name="Αγγεία & Co").text.count("Αγγεία & Co") == 2
    assert "The study · reperfuse The study" in study(tmp_path).text


def test_tables_alone_link_to_no_page(tmp_path: Path) -> None:
    page = study(tmp_path, [{"participant_id": "sub-01"}], [visit("sub-01", fd_max_mm="9")], has_pages=False)
    assert "sub-01" in page.text
    assert "sub-01.html" not in page.addresses
    assert "Patients at a glance" not in page.text


def test_the_sessions_to_look_at_come_first_with_their_reasons(tmp_path: Path) -> None:
    rows = [
        *(visit("sub-01"), visit("sub-02", status="warn", reasons="motion: much"), visit("sub-03")),
        visit("sub-04", status="failed", reasons="perfusion: none"),
    ]
    text = part(study(tmp_path, [], rows), "Patient participant_ id Session", "Patients group/patients.tsv")
    assert text.startswith(
        "Patient participant_ id Session session_ id Status status Reasons reasons Role role Perfusion scan perfusion"
    )
    order = re.findall(r"sub-0\d", text)
    assert order == ["sub-04", "sub-02", "sub-01", "sub-03"]
    assert "sub-04 ses-a ✕ failed perfusion: none baseline" in text


def test_a_unit_is_said_once(tmp_path: Path) -> None:
    text = study(tmp_path, [{"participant_id": "sub-01", "growth_ml": "12.34", "reperfusion_fraction": "0.5"}]).text
    assert "Infarct growth, mL growth_ ml" in text
    assert "12.3 mL" not in text
    assert "Reperfusion, % reperfusion_ fraction" in text


def test_every_patient_has_a_picture_and_the_worst_status(tmp_path: Path) -> None:
    folders = []
    for label in ("sub-01", "sub-02", "sub-03"):
        folders.append(tmp_path / label / "figures")
        folders[-1].mkdir(parents=True)
    draw(folders[0] / "sub-01_ses-a_desc-diffusion_figure.png", (1408, 600))
    draw(folders[1] / "sub-02_ses-a_desc-perfusion_figure.png", (1408, 600), Reasons=["no bolus"])
    page = study(
        tmp_path,
        [{"participant_id": f"sub-0{number}"} for number in (1, 2, 3)],
        [visit("sub-01"), visit("sub-01", "ses-b", status="warn"), visit("sub-02")],
        figures=folders,
    )
    text = part(page, "Patients at a glance", "Analysis group/analysis.tsv")
    assert "no picture sub-03 ✕ failed sub-01 ! warning no picture sub-02 ✓ ok" in text
    assert len(page.images) == 1
    assert page.images[0]["loading"] == "lazy"


def test_a_session_beyond_a_limit_is_named_with_its_value(tmp_path: Path) -> None:
    rows = [visit(f"sub-{number:02d}", fd_max_mm=str(number)) for number in range(1, 10)]
    page = study(tmp_path, [{"participant_id": "sub-09"}], rows)
    text = page.text[page.text.index("Largest framewise displacement, mm") : page.text.index("Analysis group")]
    assert "9 sessions. Limit: at most 3 mm; 6 beyond it: sub-09 ses-a 9 mm; sub-08 ses-a 8 mm;" in text
    assert "2 more sub-05 ses-a 5 mm; sub-04 ses-a 4 mm." in text


def test_the_tables_and_figures_of_a_paper_are_on_the_page(tmp_path: Path) -> None:
    page = study(tmp_path, statistics=write_paper(tmp_path, [NIHSS]))
    assert "Deficit and IMR nihss.tsv" in page.text
    assert "outcome exposure covariates n points [95 % interval] p note" in page.text
    row = "NIHSS at day 5 IMR significant Age, mTICI 33 −0.501 [−0.96 to −0.05] 0.030"
    assert row in page.text
    assert NASTY in page.text
    assert {"group/tables/nihss.tsv", "group/figures/nihss_imr.svg", "#table-nihss"} <= set(page.addresses)
    assert "group/tables/mrs.tsv" not in page.addresses
    (picture,) = page.images
    assert picture["alt"] == "points of 33"
    assert (picture["width"], picture["height"]) == ("435", "390"), "a column of a journal, not the whole page"


def test_a_study_of_nothing_has_a_page(tmp_path: Path) -> None:
    text = study(tmp_path).text
    assert "Patients 0" in text
    assert "Significant IMR n/a" in text
    assert "Quality A point" not in text
