"""The interactive viewer as a browser shows it: slices, keys, exact volumes, and a point that stays where it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Page, browser, needs_browser
from html_pages import NASTY
from patient_pages import figure, patient, render, session
from reperfuse.reports.values import show
from reperfuse.reports.viewer import Grid, Swept, colour_table, pack_grid
from reperfuse.volumes.bits import bit_field
from reperfuse.volumes.geometry import apply_matrix, rigid_matrix, shift
from reperfuse.volumes.image import volume_ml

pytestmark = [needs_browser, pytest.mark.xdist_group("browser")]

SHAPE = (40, 44, 12)
#: A voxel is 0.025 mL; x goes to the patient's left.
AFFINE = np.array([[-2.5, 0, 0, 50], [0, 2, 0, -44], [0, 0, 5, -30], [0, 0, 0, 1]])
RIGID = rigid_matrix(np.array([4.0, -3, 5]), np.array([0.0, 0.0, 0.15]), np.zeros(3))
VOXELS = np.moveaxis(np.indices(SHAPE), 0, -1)
BRAIN = (((VOXELS - (np.array(SHAPE) - 1) / 2) / [18, 20, 5.5]) ** 2).sum(axis=-1) < 1
#: Rises to the left and to the front.
TMAX = (0.3 * VOXELS[..., 0] + 0.2 * VOXELS[..., 1]).astype(np.float32)
ADC = (20e-6 * VOXELS[..., 0] + 10e-6 * VOXELS[..., 1]).astype(np.float32)
LIMITS = (2.0, 3.5, 4.0, 6.0, 8.0, 10.0)
#: 26.25 mL lies halfway between two tenths: the tables write the even one.
COUNTS = (5000, 4321, 3333, 1050, 777, 0)
#: On the patient's left, in front.
LESION = BRAIN & (((VOXELS - [30, 28, 6]) ** 2 * [1, 1, 4]).sum(axis=-1) < 40)
OTHER = f'ses-{NASTY} "Αγγείο"'


def masks() -> dict[float, np.ndarray]:
    order = np.random.default_rng(0).permutation(np.flatnonzero(BRAIN))
    found = {}
    for limit, count in zip(LIMITS, COUNTS, strict=True):
        found[limit] = np.zeros(SHAPE, bool)
        found[limit].flat[order[:count]] = True
    return found


def grid(title: str = "Perfusion", head: np.ndarray | None = None, **given: Any) -> Grid:
    image = np.where(BRAIN, 100.0 + 5 * (VOXELS.sum(axis=-1) % 7), 3.0)
    maps = {"reference": image, "tmax": TMAX, "rcbf": TMAX / 10}
    sweeps = {"tmax": Swept(bit_field(list(masks().values())), LIMITS, 6.0)}
    sweeps["rcbf"] = Swept(bit_field([LESION]), (0.3,), 0.3)
    known = {"maps": maps, "sweeps": sweeps, "regions": {"core": LESION}} | given
    return Grid(title, AFFINE, BRAIN, head=np.eye(4) if head is None else head, **known)


def shown() -> dict[str, Any]:
    """A session with two grids, two that are aligned with it, one of them far away, and one that is not."""
    adc = Swept(bit_field([LESION, LESION & (VOXELS[..., 2] > 5)]), (600e-6, 620e-6), 620e-6)
    diffusion = grid("Diffusion", RIGID, maps={"trace": 2 * TMAX, "adc": ADC}, sweeps={"adc": adc})
    flair: dict[str, Any] = {"maps": {"flair": TMAX}, "sweeps": {}}
    sessions = [
        {"label": "ses-a", "role": "Before treatment", "grids": [(grid(), 0), (diffusion, 0)]},
        {"label": OTHER, "role": "", "grids": [(grid(head=RIGID), 0)]},
        {"label": "ses-c", "role": "Follow-up", "grids": [(grid("FLAIR", **flair), 3), (diffusion, 4)]},
        {"label": "ses-d", "role": "", "grids": [(grid(head=shift(np.array([300.0, 0, 0]))), 0)]},
    ]
    packed = [one | {"grids": [pack_grid(own) | {"aligned": n} for own, n in one["grids"]]} for one in sessions]
    return {"sessions": packed, "colours": {name: colour_table(name) for name in ("cividis", "gray", "viridis")}}


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    sessions = [session(folder, "a", role="baseline")]
    text = render(patient(folder), sessions, [figure(folder, "a", "perfusion")], viewer=shown())
    path = folder / "sub-01.html"
    path.write_text(text, encoding="utf-8")
    return path


READY = """(async () => {
    const fault = document.getElementById('viewer-fault');
    const isReady = () => document.querySelector('#viewer-values dd') || !fault.hidden;
    for (let i = 0; i < 200 && !isReady(); i += 1)
        await new Promise(done => setTimeout(done, 10));
    document.getElementById('viewer-image').scrollIntoView({block: 'center'});
})()"""


@pytest.fixture
def page(chromium: Page, written: Path) -> Page:
    chromium.complaints.clear()
    chromium.open(written)
    chromium.run(READY)
    return chromium


def text(page: Page, name: str) -> str:
    return str(page.run(f"document.getElementById('viewer-{name}').textContent"))


def picture(page: Page) -> str:
    return str(page.run("document.getElementById('viewer-image').toDataURL()"))


def values(page: Page) -> dict[str, str]:
    rows = (
        "[...document.querySelectorAll('#viewer-values div')].map(one => [...one.children].map(it => it.textContent))"
    )
    return dict(page.run(rows))


def choose(page: Page, name: str, value: str, ready: str = "true") -> None:
    """Choose from a list by its text, and wait until that is shown."""
    page.run(
        f"""(async () => {{
        const list = document.getElementById('viewer-{name}');
        list.value = [...list.options].find(one => one.textContent.startsWith({value!r})).value;
        list.dispatchEvent(new Event('change', {{bubbles: true}}));
        for (let i = 0; i < 200 && !({ready}); i += 1) await new Promise(done => setTimeout(done, 10));
    }})()"""
    )


def set_slider(page: Page, name: str, value: int) -> None:
    slider = f"document.getElementById('viewer-{name}')"
    page.run(f"{slider}.value = {value}; {slider}.dispatchEvent(new Event('input', {{bubbles: true}}))")


def focus(page: Page, name: str = "image") -> None:
    page.run(f"document.getElementById('viewer-{name}').focus()")


def click(page: Page, row: float, column: float) -> None:
    """Click at a share of the image's height and width."""
    frame = page.run("(({x, y, width, height}) => [x, y, width, height])(image.getBoundingClientRect())")
    page.click(frame[0] + column * frame[2], frame[1] + row * frame[3])


def world(page: Page) -> np.ndarray:
    return np.array(page.run("view.point"))


def at(data: np.ndarray, head: np.ndarray, to_head: np.ndarray) -> float:
    """Return a map's value at the voxel next to a point of the head."""
    voxel = apply_matrix(np.linalg.inv(to_head @ AFFINE), head).round().astype(int)
    return float(data[tuple(voxel)])


def test_a_volume_is_shown_and_the_page_is_whole_and_silent(page: Page) -> None:
    script = """(() => {
        const {data} = image.getContext('2d').getImageData(0, 0, image.width, image.height);
        const found = new Map();
        for (let i = 0; i < data.length; i += 4) {
            const colour = data[i] << 16 | data[i + 1] << 8 | data[i + 2];
            found.set(colour, (found.get(colour) ?? 0) + 1);
        }
        return [found.size, found.get(0) / (image.width * image.height)];
    })()"""
    colours, background = page.run(script)
    assert colours > 20
    assert background < 0.4
    page.run("document.querySelector('#viewer details').open = true")
    page.assert_sound()
    assert page.run("[...document.scripts].filter(one => one.type === '').length") == 2
    page.resize(400)
    assert page.run("image.getBoundingClientRect().width") > 340


def test_keys_go_through_the_slices(page: Page) -> None:
    focus(page)
    before = picture(page)
    assert text(page, "height").startswith("slice 6 of 10")
    page.press("ArrowUp")
    assert text(page, "height").startswith("slice 7 of 10")
    assert picture(page) != before
    for key, number in (("PageDown", 6), ("ArrowDown", 5), ("End", 10), ("PageUp", 10), ("Home", 1), ("ArrowDown", 1)):
        page.press(key)
        assert text(page, "height").startswith(f"slice {number} of 10")
    assert page.run("image.getAttribute('aria-label')").startswith("Tmax, ses-a, slice 1 of 10")


def test_the_wheel_goes_through_the_slices_of_an_image_that_was_chosen(page: Page) -> None:
    x, y = page.run("(({x, y, width, height}) => [x + width / 2, y + height / 2])(image.getBoundingClientRect())")
    page.wheel(x, y, -100)
    assert text(page, "height").startswith("slice 6 ")
    page.run("image.scrollIntoView({block: 'center'})")
    focus(page)
    page.wheel(x, y, -100)
    page.run("new Promise(done => setTimeout(done, 50))")
    assert text(page, "height").startswith("slice 7 ")


@pytest.mark.parametrize("limit", LIMITS)
def test_the_volume_is_the_tables(page: Page, limit: float) -> None:
    set_slider(page, "limit", LIMITS.index(limit))
    table = show("tmax6_ml", volume_ml(masks()[limit], AFFINE), {"Units": "mL"})
    assert text(page, "volume") == f"Tmax > {limit:g} s: {table.text} mL"
    assert page.run("document.getElementById('viewer-limit').ariaValueText") == text(page, "volume")


def test_a_volume_between_two_tenths_is_written_as_in_the_tables(page: Page) -> None:
    for ml in (26.25, 26.75, 0.25, 0.75, 3.05, 12.35, 0.0, 101.85):
        assert page.run(f"inMl({ml!r})") == show("core_ml", ml, {"Units": "mL"}).text


def test_thresholds_are_marked_and_chosen_by_key_or_button(page: Page) -> None:
    buttons = "[...document.querySelectorAll('#viewer-marks button')]"
    assert page.run(f"{buttons}.map(one => one.ariaLabel)") == ["2 s", "4 s", "6 s", "8 s", "10 s"]
    assert text(page, "marks") == "246810s"
    assert page.run("[...document.getElementById('viewer-ticks').options].map(one => one.value)") == list("02345")
    page.run(f"{buttons}[1].click()")
    assert text(page, "volume").startswith("Tmax > 4 s")
    assert page.run(f"{buttons}.map(one => one.ariaPressed)") == ["false", "true", "false", "false", "false"]
    focus(page, "limit")
    page.press("ArrowRight")
    assert text(page, "volume").startswith("Tmax > 6 s")


def test_each_map_has_its_threshold(page: Page) -> None:
    choose(page, "map", "ADC")
    ml = show("core_ml", volume_ml(LESION & (VOXELS[..., 2] > 5), AFFINE), {"Units": "mL"}).text
    assert text(page, "volume") == f"ADC < 620 ×10⁻⁶ mm²/s: {ml} mL"
    choose(page, "map", "Perfusion reference")
    assert text(page, "volume").startswith("Tmax > 6 s")
    ml = show("core_ml", volume_ml(LESION, AFFINE), {"Units": "mL"}).text
    choose(page, "map", "rCBF")
    assert text(page, "volume") == f"rCBF < 30 % where Tmax > 6 s: {ml} mL"
    choose(page, "map", "Perfusion reference")
    assert text(page, "volume").startswith("rCBF < 30 %")
    choose(page, "map", "Tmax")
    assert text(page, "volume").startswith("Tmax > 6 s")
    before = picture(page)
    choose(page, "sweep", "none")
    assert (text(page, "volume"), picture(page) == before) == ("", False)
    choose(page, "map", "ADC")
    assert text(page, "volume") == ""
    choose(page, "sweep", "ADC < ")
    assert text(page, "volume").startswith("ADC < 620 ")


def test_the_patients_left_is_on_the_right(page: Page) -> None:
    """The tinted lesion of diffusion, and the outline of its core, lie in the right half only, and mostly on top."""
    choose(page, "map", "ADC")
    set_slider(page, "limit", 0)
    script = """(() => {
        const {data} = image.getContext('2d').getImageData(0, 0, image.width, image.height);
        const halves = [0, 0, 0, 0];
        for (let i = 0; i < data.length; i += 4)
            if (data[i] - data[i + 1] > 40) {
                halves[Number(i / 4 % image.width > image.width / 2)] += 1;
                halves[2 + Number(i / 4 / image.width > image.height / 2)] += 1;
            }
        return halves;
    })()"""
    left, right, top, bottom = page.run(script)
    assert (left, right > 2000, top > 4 * bottom) == (0, True, True)


def test_a_map_is_turned_as_its_masks_are(page: Page) -> None:
    """The trace rises to the patient's left and to the front."""
    choose(page, "map", "Trace")
    choose(page, "sweep", "none")
    script = """(() => {
        const {data} = image.getContext('2d').getImageData(0, 0, image.width, image.height);
        const sums = [0, 0, 0, 0];
        for (let i = 0; i < data.length; i += 4) {
            sums[Number(i / 4 % image.width > image.width / 2)] += data[i];
            sums[2 + Number(i / 4 / image.width > image.height / 2)] += data[i];
        }
        return sums;
    })()"""
    left, right, top, bottom = page.run(script)
    assert (right > 1.2 * left, top > 1.2 * bottom) == (True, True)


def test_the_sides_are_written_on_the_image(page: Page) -> None:
    script = """(() => {
        const written = [], drawn = CanvasRenderingContext2D.prototype, fillText = drawn.fillText;
        drawn.fillText = (letter, x) => written.push([letter, x > image.width / 2]);
        draw();
        drawn.fillText = fillText;
        return written;
    })()"""
    assert page.run(script) == [["R", False], ["L", True]]


def test_a_click_tells_the_values_at_the_point(page: Page) -> None:
    click(page, 0.31, 0.62)
    head = world(page)
    np.testing.assert_allclose(head[2], 5 * 6 - 30, atol=1e-6)
    assert head[0] < 0 < head[1]
    found = values(page)
    assert found["Tmax"] == f"{at(TMAX, head, np.eye(4)):.1f} s"
    assert found["ADC"] == f"{round(at(ADC, head, RIGID) * 1e5) * 10} ×10⁻⁶ mm²/s"
    focus(page)
    for key, moved in (("ArrowRight", [-2.5, 0, 0]), ("ArrowUp", [0, 2, 0])):
        before = world(page)
        page.press(key, shift=True)
        np.testing.assert_allclose(world(page) - before, moved, atol=1e-6)
    assert values(page)["Tmax"] == f"{at(TMAX, world(page), np.eye(4)):.1f} s"
    assert values(page) != found


def test_the_point_stays_when_map_and_session_change(page: Page) -> None:
    click(page, 0.4, 0.6)
    head = world(page)
    choose(page, "map", "Trace")
    np.testing.assert_array_equal(world(page), head)
    choose(page, "session", OTHER[:8], "view.session.label !== 'ses-a'")
    np.testing.assert_array_equal(world(page), head)
    assert values(page)["Tmax"] == f"{at(TMAX, head, RIGID):.1f} s"
    assert text(page, "note") == ""
    choose(page, "session", "ses-a", "view.session.label === 'ses-a'")
    np.testing.assert_array_equal(world(page), head)


def test_a_scan_that_is_not_aligned_says_so(page: Page) -> None:
    choose(page, "session", "ses-c", "view.session.label === 'ses-c'")
    anew = "This scan is not aligned with the one shown before, so the point is a new one."
    assert (text(page, "note"), list(values(page))) == (anew, ["ADC"])
    choose(page, "map", "FLAIR")
    assert (text(page, "note"), text(page, "volume"), values(page)) == (anew, "", {})
    for name in ("beyond", "there"):
        assert page.run(f"document.getElementById('viewer-{name}').offsetHeight") == 0


def test_a_point_outside_a_scan_is_told(page: Page) -> None:
    head = world(page)
    choose(page, "session", "ses-d", "view.session.label === 'ses-d'")
    assert (text(page, "note"), set(values(page).values())) == ("The point lies outside this scan.", {"no value"})
    np.testing.assert_array_equal(world(page), head)
    click(page, 0.5, 0.5)
    assert text(page, "note") == ""
    assert "no value" not in values(page).values()


def test_sessions_share_the_window_of_a_map_with_a_unit(page: Page) -> None:
    def window() -> str:
        return str(page.run("document.getElementById('viewer-high').value"))

    def narrow(high: int) -> None:
        field = "document.getElementById('viewer-high')"
        page.run(f"{field}.value = {high}; {field}.dispatchEvent(new Event('change'))")

    narrow(7)
    choose(page, "map", "Perfusion reference")
    own = window()
    narrow(150)
    choose(page, "session", OTHER[:8], "view.session.label !== 'ses-a'")
    assert window() == own
    choose(page, "map", "Tmax")
    assert window() == "7"


def test_what_a_label_holds_is_text(page: Page) -> None:
    assert OTHER in page.run("[...document.getElementById('viewer-session').options].map(one => one.textContent)")
    choose(page, "session", OTHER[:8], "view.session.label !== 'ses-a'")
    assert OTHER in page.run("image.getAttribute('aria-label')")
    assert not page.complaints


def test_outline_tint_and_window_can_be_changed(page: Page) -> None:
    pictures = [picture(page)]

    def changes() -> bool:
        pictures.append(picture(page))
        return pictures[-1] != pictures[-2]

    page.run("document.querySelector('#viewer-regions input').click()")
    assert changes()
    set_slider(page, "opacity", 90)
    assert changes()
    high = "document.getElementById('viewer-high')"
    page.run(f"{high}.value = 4; {high}.dispatchEvent(new Event('change'))")
    assert changes()
    page.run("document.getElementById('viewer-reset').click()")
    assert (page.run(f"{high}.value"), picture(page)) == ("12", pictures[-2])


def test_a_browser_that_cannot_unpack_says_so(chromium: Page, written: Path) -> None:
    older = chromium.send("Page.addScriptToEvaluateOnNewDocument", source="delete window.DecompressionStream")
    try:
        chromium.open(written)
        chromium.run(READY)
        assert "cannot show the viewer" in text(chromium, "fault")
        assert chromium.run("document.getElementById('viewer-body').hidden")
        assert chromium.run("document.images.length") == 1
    finally:
        chromium.send("Page.removeScriptToEvaluateOnNewDocument", identifier=older["identifier"])


def test_without_a_script_it_says_so(written: Path) -> None:
    page = written.read_text(encoding="utf-8")
    assert "<noscript><p>The viewer needs JavaScript" in page
    assert '<form id="viewer-body" hidden>' in page


def test_a_patient_without_images_has_no_viewer(tmp_path: Path) -> None:
    page = render(patient(tmp_path), [session(tmp_path, "a")])
    assert "viewer" not in page
    assert page.count("sha256-") == 1, "that of the ratings"
