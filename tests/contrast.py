"""Legible pages in a real browser: contrast [WCAG 2.2, 1.4.3], whole tables, and plots that are large."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

_SCRIPT = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
function rgba(colour) {  // a canvas knows every way of writing a colour
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}
const over = ([r, g, b, a], below) => [r, g, b].map((part, k) => a * part + (1 - a) * below[k]);
function behind(element) {
  if (!element) return [255, 255, 255];
  return over(rgba(getComputedStyle(element).backgroundColor), behind(element.parentElement));
}
function luminance(colour) {
  const [r, g, b] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
  if (!text || !element.checkVisibility() || element.tagName === "OPTION") continue;
  const style = getComputedStyle(element), back = behind(element);
  const [dark, light] = [luminance(over(rgba(style.color), back)), luminance(back)].sort((a, b) => a - b);
  const size = parseFloat(style.fontSize), bold = parseInt(style.fontWeight) >= 700;
  const needed = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
  found.push([(light + 0.05) / (dark + 0.05), needed, text.slice(0, 40)]);
}
return found;
"""


def contrasts(page: WebDriver) -> list[tuple[float, float, str]]:
    """Return for each text that can be seen its contrast, the least that is allowed, and how it begins."""
    return [(float(ratio), float(least), str(text)) for ratio, least, text in page.execute_script(_SCRIPT)]


def cut(page: WebDriver) -> list[str]:
    """Return the tables of names and values that are wider than their frame, so that values are cut."""
    script = """
        const isCut = (table) => table.scrollWidth > table.closest(".scroll").clientWidth;
        return [...document.querySelectorAll(".pairs")].filter(isCut).map((table) => table.innerText);
    """
    return [str(text) for text in page.execute_script(script)]


def plot_scales(page: WebDriver) -> list[float]:
    """Return how many pixels wide each plot is for each point at which it was drawn; texts have 9 to 12."""
    script = """
        const drawn = (image) => parseFloat(image.style.getPropertyValue("--drawn"));
        const scale = (image) => image.getBoundingClientRect().width / drawn(image);
        return [...document.querySelectorAll(".plot img")].map(scale);
    """
    return [float(scale) for scale in page.execute_script(script)]


def prefer(page: WebDriver, scheme: str) -> None:
    """Let the browser ask for light or dark pages."""
    feature = {"name": "prefers-color-scheme", "value": scheme}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
