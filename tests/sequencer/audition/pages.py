"""What tests do in a page: read it, and press keys."""

from __future__ import annotations

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By


def text_of(browser: Chrome, name: str) -> str:
    return browser.find_element(By.ID, name).text


def press(browser: Chrome, *keys: str) -> None:
    for key in keys:
        browser.switch_to.active_element.send_keys(key)
