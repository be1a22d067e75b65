"""How clips are heard, weighed, ordered and found in the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By

from sequencer.audition.listing import list_clips
from sequencer.audition.page import audition_page
from sequencer.clips.choices import read_choices
from tests.sequencer.audition.exports import COMMAND, export
from tests.sequencer.audition.pages import press, text_of
from tests.waiting import until


def places(browser: Chrome) -> list[int]:
    """Return the numbers of the clips that are shown, in their order."""
    tiles = browser.find_elements(By.TAG_NAME, "article")
    return [int(str(tile.get_attribute("data-index"))) for tile in tiles]


def choose(browser: Chrome, name: str, value: str) -> None:
    browser.execute_script(
        "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
        "field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input'))",
        name,
        value,
    )


def test_its_recordings_are_heard_from_the_same_place_on(
    browser: Chrome, served: tuple[str, Path]
) -> None:
    browser.get_log("browser")
    browser.get(served[0])
    audio = "const audio = document.getElementById('audio'); "

    def now() -> float:
        return float(browser.execute_script(f"{audio} return audio.currentTime"))

    press(browser, Keys.SPACE)
    until(lambda: now() > 0.1)
    browser.execute_script(f"{audio} audio.currentTime = 12.25")
    press(browser, "1")
    assert text_of(browser, "playing") == "Wind, in Wind + Choir"
    until(lambda: now() > 12.3)
    pressed = browser.find_element(By.CSS_SELECTOR, ".parent[aria-pressed='true']")
    assert pressed.get_attribute("aria-label") == "Play Wind, which the clip was made from"
    # The other one is of a second: it would have begun again.
    press(browser, "2")
    assert text_of(browser, "playing") == "Choir, in Wind + Choir"
    until(lambda: browser.execute_script(f"{audio} return audio.ended"))
    press(browser, "0")
    assert text_of(browser, "playing") == "Wind + Choir"
    until(lambda: now() > 0.1)
    browser.find_elements(By.CSS_SELECTOR, ".parent")[1].click()
    assert text_of(browser, "playing") == "Choir, in Wind + Choir"
    # Of this clip's recordings there is no sound.
    press(browser, Keys.ESCAPE, Keys.ARROW_RIGHT, "1")
    assert "clips --parents" in str(browser.find_element(By.ID, "said").get_property("textContent"))
    assert browser.get_log("browser") == []


def test_weights_are_a_strip_and_lengths_are_on_one_scale(
    browser: Chrome, served: tuple[str, Path]
) -> None:
    browser.get(served[0])
    at = (
        "const canvas = document.querySelectorAll('article canvas')[arguments[0]];"
        "const x = Math.floor(arguments[1] * (canvas.width - 1));"
        "const [r, g, b] = canvas.getContext('2d').getImageData(x, arguments[2], 1, 1).data;"
        "return [r, g, b]"
    )
    blue, orange, nothing = [0x8F, 0xD0, 0xFF], [0xFF, 0xB3, 0x8A], [0x17, 0x14, 0x24]
    # From Wind to Choir, over the whole width of the longest clip …
    assert browser.execute_script(at, 0, 0.02, 4) == blue
    assert browser.execute_script(at, 0, 0.98, 4) == orange
    # … and over a tenth of it for one of a tenth of its length.
    assert browser.execute_script(at, 4, 0.002, 4) == blue
    assert browser.execute_script(at, 4, 0.15, 4) == nothing
    images = "return document.querySelectorAll('article img')[arguments[0]].style.width"
    assert browser.execute_script(images, 0) == "100%"
    assert browser.execute_script(images, 4) == "10%"
    browser.find_element(By.ID, "scale").click()
    assert browser.execute_script(images, 4) == "100%"
    assert browser.execute_script(at, 4, 0.98, 4) == orange
    # A clip of one recording needs no strip.
    assert browser.execute_script(at, 3, 0.5, 4) == nothing


def test_clips_are_sorted_and_filtered_by_what_is_measured(
    browser: Chrome, served: tuple[str, Path]
) -> None:
    browser.get(served[0])
    choose(browser, "sort", "-brightness")
    assert places(browser)[:3] == [11, 10, 9]
    choose(browser, "sort", "+seconds")
    assert places(browser)[-1] == 0
    browser.find_element(By.ID, "filter-name").click()
    choose(browser, "most-seconds", "5")
    assert 0 not in places(browser)
    assert text_of(browser, "filter-name") == "Filter (1)"
    choose(browser, "least-brightness", "1e9")
    assert browser.find_element(By.ID, "nothing").is_displayed()
    browser.find_element(By.ID, "widen").click()
    assert sorted(places(browser)) == list(range(12))
    choose(browser, "sort", "-likelihood")
    assert places(browser) == [0, *range(2, 12), 1]
    choose(browser, "most-likelihood", "-0.5")
    assert places(browser) == [*range(5, 12)]
    browser.find_element(By.ID, "widen").click()
    choose(browser, "sort", "")
    browser.find_element(By.CSS_SELECTOR, "article[data-index='5'] h2").click()
    press(browser, "l")
    # Plucked strings a few Hz apart: neighbours in pitch are alike.
    assert places(browser)[0] == 5
    assert set(places(browser)[1:3]) <= {3, 4, 6, 7}


def test_a_map_goes_by_keyboard_and_pointer(browser: Chrome, served: tuple[str, Path]) -> None:
    address, choices = served
    browser.get(address)
    press(browser, "m")
    assert browser.switch_to.active_element.get_attribute("id") == "map"
    colours = (
        "const canvas = document.getElementById('map'); const context = canvas.getContext('2d');"
        "const all = context.getImageData(0, 0, canvas.width, canvas.height).data;"
        "let green = 0; for (let at = 0; at < all.length; at += 4)"
        "  if (all[at] === 0x7e && all[at + 1] === 0xe2) green += 1;"
        "return green"
    )
    assert browser.execute_script(colours) == 0
    press(browser, "k")
    until(lambda: read_choices(choices).get("clip-0") == "keep")
    until(lambda: browser.execute_script(colours) > 10)
    visited = set()
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_LEFT, Keys.ARROW_UP) * 3:
        press(browser, key)
        visited.add(browser.find_element(By.CSS_SELECTOR, "article[tabindex='0']").text)
        assert browser.switch_to.active_element.get_attribute("id") == "map"
    assert len(visited) > 2
    there = browser.execute_script(
        "const [x, y] = onMap(clips[7].place); const box = map.getBoundingClientRect();"
        "return [Math.round(x - box.width / 2), Math.round(y - box.height / 2)]"
    )
    canvas = browser.find_element(By.ID, "map")
    ActionChains(browser).move_to_element_with_offset(canvas, *there).click().perform()
    focus = browser.find_element(By.CSS_SELECTOR, "article[tabindex='0']")
    assert focus.get_attribute("data-index") == "7"
    press(browser, "m")
    assert not canvas.is_displayed()
    assert browser.switch_to.active_element.get_attribute("data-index") == "7"


def test_another_picture_and_what_composes(browser: Chrome, served: tuple[str, Path]) -> None:
    browser.get(served[0])
    until(lambda: not browser.find_elements(By.CSS_SELECTOR, "img[data-src]"))
    source = "return document.querySelector('article img').src"
    assert browser.execute_script(source).endswith(".v1.png")
    press(browser, "p")
    until(lambda: not browser.find_elements(By.CSS_SELECTOR, "img[data-src]"))
    assert browser.execute_script(source).endswith(".mel1.png")
    assert browser.execute_script("return document.querySelector('article img').naturalHeight")
    browser.find_element(By.CSS_SELECTOR, "#compose summary").click()
    assert text_of(browser, "kept") == "Nothing is kept yet."
    assert text_of(browser, "command") == COMMAND
    browser.find_element(By.ID, "copy").click()
    until(lambda: text_of(browser, "copied") == "Copied")


def test_five_thousand_clips_are_there_at_once_and_scroll(browser: Chrome, tmp_path: Path) -> None:
    listing = list_clips(export(tmp_path / "clips", 2))
    shown = [
        replace(each, clip=replace(each.clip, clip_id=f"{number}-{each.clip.clip_id}"))
        for number in range(2500)
        for each in listing.shown
    ]
    page = tmp_path / "index.html"
    text = audition_page("many", shown, {}, served=False, pictures={})
    page.write_text(text, encoding="utf-8")
    browser.get(page.as_uri())
    assert text_of(browser, "counts") == "0 kept · 0 rejected · 5000 to go of 5000"
    slowest = browser.execute_async_script("""
        const done = arguments[0];
        const scroller = document.getElementById('scroll');
        let steps = 0, slowest = 0, before = performance.now();
        const step = () => {
          const now = performance.now();
          slowest = Math.max(slowest, now - before);
          before = now;
          scroller.scrollTop += scroller.clientHeight * 3;
          steps += 1;
          if (steps < 60) requestAnimationFrame(step);
          else done(slowest);
        };
        requestAnimationFrame(step)""")
    assert slowest < 1000
    assert len(browser.find_elements(By.TAG_NAME, "article")) < 80
    press(browser, Keys.END)
    last = browser.switch_to.active_element
    assert last.get_attribute("aria-posinset") == "5000"
    press(browser, "k", Keys.HOME)
    assert text_of(browser, "counts") == "1 kept · 0 rejected · 4999 to go of 5000"
    assert browser.switch_to.active_element.get_attribute("aria-posinset") == "1"
