"""The page of an audition in a real browser."""

from __future__ import annotations

from pathlib import Path

from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from sequencer.cli import main
from sequencer.clips.choices import read_choices, write_choices
from tests.sequencer.audition.exports import BREAKER, export
from tests.sequencer.audition.pages import press, text_of
from tests.waiting import until

FOCUSABLE = "a[href], button, input, select, summary, [tabindex]"


def test_keys_keep_and_reject_and_the_file_is_what_compose_reads(
    browser: Chrome, served: tuple[str, Path]
) -> None:
    address, choices = served
    browser.get(address)
    assert text_of(browser, "counts") == "0 kept · 1 rejected · 11 to go of 12"
    press(browser, "k", "r", "k", Keys.ARROW_RIGHT, Keys.ARROW_LEFT, "r", "k", "u")
    # K on 0, R on 1, K on 2, to 4, back to 3, R on 3, K on 4, U on 5, which was rejected before.
    expected = {
        "clip-0": "keep",
        "clip-1": "reject",
        f"{BREAKER}2": "keep",
        "clip-3": "reject",
        "clip-4": "keep",
        "of another folder": "keep",
    }
    until(lambda: read_choices(choices) == expected)
    until(lambda: text_of(browser, "saved") == "Saved")
    assert text_of(browser, "counts") == "3 kept · 2 rejected · 7 to go of 12"
    assert "undecided: Wind + Choir. 7 to go." in browser.find_element(By.ID, "said").get_attribute(
        "textContent"
    )
    browser.get(address)
    assert text_of(browser, "counts") == "3 kept · 2 rejected · 7 to go of 12"
    press(browser, "n")
    assert browser.switch_to.active_element.get_attribute("data-index") == "5"


def test_hostile_names_are_text_and_nothing_is_fetched_from_elsewhere(
    browser: Chrome, served: tuple[str, Path]
) -> None:
    browser.get_log("browser")
    browser.get(served[0])
    until(lambda: not browser.find_elements(By.CSS_SELECTOR, "img[data-src]"))
    title = browser.find_element(By.ID, "title-1").text
    assert title.startswith("</script><img src=x onerror=alert(1)> 9 --> 10 \"$^{`|' [31m tail + ")
    sources = {image.get_attribute("src") for image in browser.find_elements(By.TAG_NAME, "img")}
    assert sources
    assert all(str(source).startswith(served[0] + "pictures/") for source in sources)
    links = {link.get_attribute("href") for link in browser.find_elements(By.TAG_NAME, "a")}
    assert not any(str(link).startswith("javascript:") for link in links)
    # A script or an image that the policy held back would have been told here.
    assert browser.get_log("browser") == []
    fetched = browser.execute_script(
        "return performance.getEntriesByType('resource').map(entry => entry.name)"
    )
    assert all(name.startswith((served[0], "data:")) for name in fetched)


def test_sound_really_plays_and_can_be_sought(browser: Chrome, served: tuple[str, Path]) -> None:
    browser.get(served[0])
    press(browser, Keys.SPACE)

    def now() -> float:
        return float(browser.execute_script("return document.getElementById('audio').currentTime"))

    until(lambda: now() > 0.1)
    first = now()
    until(lambda: now() > first + 0.1)
    assert text_of(browser, "playing") == "Wind + Choir"
    assert browser.execute_script("return document.getElementById('audio').duration") == 20.0
    assert browser.find_element(By.ID, "toggle").get_attribute("aria-label") == "Pause"
    assert browser.find_elements(By.CSS_SELECTOR, "article .head")
    browser.execute_script(
        "const seek = document.getElementById('seek'); seek.value = 900;"
        "seek.dispatchEvent(new Event('input'))"
    )
    until(lambda: now() >= 18.0)
    press(browser, Keys.ESCAPE)
    assert browser.execute_script("return document.getElementById('audio').paused")


def test_clips_are_found_and_filtered(browser: Chrome, served: tuple[str, Path]) -> None:
    browser.get(served[0])
    press(browser, "/")
    press(browser, "zoe MIT")
    tiles = browser.find_elements(By.TAG_NAME, "article")
    assert [tile.get_attribute("data-index") for tile in tiles] == ["3"]
    press(browser, Keys.ESCAPE)
    assert browser.switch_to.active_element.get_attribute("data-index") == "3"
    browser.execute_script(
        "document.getElementById('search').value = '';"
        "document.getElementById('show').value = 'undecided';"
        "document.getElementById('show').dispatchEvent(new Event('change'))"
    )
    browser.find_element(By.CSS_SELECTOR, "article[data-index='0']").click()
    press(browser, "k")
    # What was kept leaves the list of the undecided; the next one has the focus.
    assert browser.switch_to.active_element.get_attribute("data-index") == "1"
    assert not browser.find_elements(By.CSS_SELECTOR, "article[data-index='0']")


def test_a_written_page_works_from_the_disk(
    browser: Chrome, downloads: Path, tmp_path: Path
) -> None:
    folder, out = export(tmp_path / "clips"), tmp_path / "page"
    assert main(["audition", str(folder), "-o", str(out)]) == 0
    browser.get_log("browser")
    browser.get((out / "index.html").as_uri())
    press(browser, "k", "r")
    until(lambda: browser.execute_script(
        "return document.getElementById('audio').currentTime > 0.05"
    ))  # fmt: skip
    until(lambda: not browser.find_elements(By.CSS_SELECTOR, "img[data-src]"))
    assert browser.execute_script(
        "return [...document.images].every(image => image.naturalWidth > 100)"
    )
    browser.find_element(By.ID, "download").click()
    until((downloads / "choices.json").exists)
    assert read_choices(downloads / "choices.json") == {"clip-0": "keep", "clip-1": "reject"}
    browser.refresh()
    assert text_of(browser, "counts") == "1 kept · 1 rejected · 10 to go of 12"
    write_choices(tmp_path / "others.json", {"clip-7": "keep"})
    browser.find_element(By.ID, "open").send_keys(str(tmp_path / "others.json"))
    until(lambda: text_of(browser, "counts") == "2 kept · 1 rejected · 9 to go of 12")
    assert browser.get_log("browser") == []


def test_everything_has_a_role_and_a_name_and_the_focus_goes_in_order(
    browser: Chrome, served: tuple[str, Path]
) -> None:
    browser.get(served[0])
    browser.execute_cdp_cmd("Accessibility.enable", {})
    nodes = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    browser.execute_cdp_cmd("Accessibility.disable", {})
    found: dict[str, list[str]] = {}
    for node in nodes:
        if not node.get("ignored"):
            name = node.get("name", {}).get("value", "")
            found.setdefault(node["role"]["value"], []).append(name)
    for role in ("button", "link", "searchbox", "combobox", "checkbox", "slider"):
        assert found[role], role
        assert all(found[role]), role
    assert found["feed"] == ["Clips"]
    assert all(found["article"])
    assert len(found["main"]) == len(found["banner"]) == len(found["contentinfo"]) == 1
    assert "Keep Wind + Choir" in found["button"]
    assert found["heading"][0] == "Audition clips"
    tile = browser.switch_to.active_element
    assert (tile.tag_name, tile.get_attribute("aria-posinset")) == ("article", "1")
    assert tile.get_attribute("aria-setsize") == "12"
    order = []
    for _ in range(11):
        press(browser, Keys.TAB)
        order.append(
            browser.execute_script("const e = document.activeElement; return e.id || e.textContent")
        )
    # Links and buttons of this clip only, then the player.
    words = ["1", "Wind", "CC-BY-SA-4.0", "2", "Play", "Keep", "Reject", "toggle"]
    assert order[:8] == words
    outlines = browser.execute_script(
        """
        const seen = [];
        for (const part of document.querySelectorAll(arguments[0])) {
          if (part.tabIndex < 0 || part.disabled || !part.offsetParent) continue;
          const sheet = part.closest('details');
          if (sheet) sheet.open = true;
          part.focus({focusVisible: true});
          const host = part.closest('label.button') || part;
          seen.push([part.id || part.className, getComputedStyle(host).outlineStyle]);
        }
        return seen""",
        FOCUSABLE,
    )
    assert len(outlines) > 8
    assert [name for name, style in outlines if style == "none"] == []
