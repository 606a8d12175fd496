"""draw.py in a real browser: what a user does on the page, in headless Chromium.

Needs Chromium, its driver and selenium (requirements-dev.txt). The README's screenshot, of the
network that `python train.py --recipe best` has made:

    python -m tests.test_draw_in_browser docs/figures/draw.png
"""

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import draw
from src.common.server import LocalServer
from src.digits.data import ROOT
from src.digits.formats import read_table
from src.model import NeuralNetwork
from src.reading.saved import DEFAULT_MODEL, mean_probabilities, save_network

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.actions.pointer_input import PointerInput  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
missing = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium, chromedriver")
pytestmark = [pytest.mark.slow, missing]
WAIT = 120  # seconds that something may take on a busy machine

# A few strokes a digit, "x,y x,y ..." with "/" between; the pad is 100 by 100.
DIGITS = [
    "50,15 33,23 25,50 32,76 50,86 68,76 75,50 67,24 50,15",
    "50,14 50,40 50,86",
    "28,32 36,18 54,14 70,24 70,40 54,60 29,84 30,85 50,85 74,85",
    "29,27 42,16 60,18 67,32 58,45 44,49 60,52 71,66 62,82 44,87 28,79",
    "42,14 34,36 25,57 26,58 50,58 78,58 / 63,34 63,60 63,88",
    "38,16 36,32 34,47 35,47 54,42 70,54 68,76 50,88 30,82 / 38,16 55,15 72,14",
    "62,14 42,32 30,58 36,80 54,87 70,75 66,58 50,53 35,64",
    "26,20 50,17 75,16 76,17 62,46 50,88 / 40,52 56,51 72,50",
    "66,26 50,14 35,23 39,39 60,55 70,71 60,85 42,86 32,73 40,56 61,41 66,26",
    "68,30 54,16 36,22 32,40 44,52 60,46 68,30 67,58 62,87",
]


class Page:
    """The page in a browser: what a user can do there, and see."""

    def __init__(self, driver: Any, models: list[Path], drawn: Path) -> None:
        self.answers = draw.Page(models, drawn)
        server = LocalServer(ROOT / "page", self.answers.actions)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.driver, self.run = driver, driver.execute_script
        self.window(1280, 780)
        driver.get_log("browser")  # forget the errors of other tests
        driver.get(server.url)
        self.settle()

    def window(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def wait(self, condition: Callable[[], bool]) -> None:
        WebDriverWait(self.driver, WAIT).until(lambda _: condition())

    def settle(self) -> None:
        """Wait until all that was drawn is answered."""
        self.wait(lambda: self.run("return document.body.dataset.state === 'idle'"))

    def element(self, name: str) -> Any:
        return self.driver.find_element("id", name)

    def text(self, name: str) -> str:
        return self.element(name).get_property("textContent")

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()
        self.settle()

    def draw(self, strokes: str, kind: str = "mouse") -> None:
        """Draw with a mouse, pen or touch. Coordinates as in DIGITS."""
        pad, pointer = self.element("pad"), PointerInput(kind, kind)
        width = pad.size["width"]
        actions = webdriver.ActionChains(self.driver, duration=8, devices=[pointer])
        for stroke in strokes.split("/"):
            for number, point in enumerate(stroke.split()):
                x, y = (round((int(place) / 100 - 0.5) * width) for place in point.split(","))
                actions.move_to_element_with_offset(pad, x, y)  # from its centre
                if number == 0:
                    actions.click_and_hold()
            actions.release()
        actions.perform()
        self.settle()

    def save(self, digit: int) -> None:
        self.element("labels").find_elements("tag name", "button")[digit].click()
        self.wait(lambda: self.text("status").startswith(f"Saved as a {digit}: row"))

    def shown(self) -> list[str]:
        """What the drawing and the first layer look like, to compare."""
        script = "return ['pad', 'layer0'].map((id) => document.getElementById(id).toDataURL())"
        return self.run(script)


def start_browser() -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in ("--headless", "--no-sandbox"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A network that has learned nothing, and one that reads digits."""
    folder = tmp_path_factory.mktemp("results")
    save_network(folder / "new.npz", NeuralNetwork([784, 16, 10], seed=1))
    line = [sys.executable, ROOT / "train.py", "--recipe", "best", "--epochs", "4"]
    subprocess.run([*line, "--results", folder], check=True, stdout=subprocess.DEVNULL)
    return [folder / "new.npz", folder / "train" / "network.npz"]


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with start_browser() as driver:
        yield driver


@pytest.fixture
def page(driver: Any, models: list[Path], tmp_path: Path) -> Page:
    return Page(driver, models, tmp_path / "drawn.csv")


def test_digits_are_read_and_saved(page: Page) -> None:
    """With mouse, pen and touch; the saved images get the probabilities that were shown."""
    script = "return [...document.querySelectorAll('.bar')].map((b) => +b.dataset.probability)"
    shown, answers = [], []
    for digit, strokes in enumerate(DIGITS):
        page.press("c")
        page.draw(strokes, ["mouse", "pen", "touch"][digit % 3])
        shown.append(page.run(script))
        answers.append(int(page.text("digit")))
        page.save(digit)
    assert sum(answer == digit for digit, answer in enumerate(answers)) >= 9, answers
    images, labels = read_table(page.answers.drawn)
    assert labels is not None and labels.tolist() == [*range(10)]
    np.testing.assert_allclose(shown, mean_probabilities(page.answers.models, images), atol=1e-6)
    assert not page.driver.get_log("browser")  # nothing refused by the policy, no exception


def test_clear_and_undo(page: Page) -> None:
    blank = page.shown()
    page.draw("50,50")  # a dot
    assert page.text("digit") != "?"
    page.press("z")
    assert page.shown() == blank and page.text("digit") == "?"
    page.draw(DIGITS[1])
    one = page.shown()
    page.draw(" / ".join(["20,50 80,50"] * 20))  # faster than it is answered
    page.press(*"z" * 20)
    assert page.shown() == one
    page.press("c")
    assert page.shown() == blank and page.text("digit") == "?"
    page.press("z")  # clearing can be undone as well
    assert page.shown() == one and page.text("digit") == "1"


def test_everything_can_be_done_with_the_keyboard(page: Page) -> None:
    page.run("document.getElementById('pad').focus()")
    page.press(*[Keys.ARROW_UP] * 9, " ", *[Keys.ARROW_DOWN] * 18, " ")
    assert page.text("digit") == "1"
    page.press("1")
    assert page.text("unit") == "Output 1"
    page.press(Keys.ESCAPE)
    assert page.text("unit") == "One unit"
    page.press("t")
    page.wait(lambda: "its label is" in page.text("status"))
    page.press(Keys.BACKSPACE)  # the drawing is back, so it can be saved
    page.press(*[Keys.TAB] * 10)  # past undo, clear, the two kinds of test images, and 0 to 4
    focused = page.driver.switch_to.active_element
    assert focused.text == "5" and focused.value_of_css_property("outline-style") == "solid"
    page.press(Keys.ENTER)
    page.wait(lambda: page.text("status").startswith("Saved as a 5: row 1 of"))


def test_layers_are_lit_as_forward_says(page: Page) -> None:
    """Of the second network; the answer is the mean of both."""
    page.element("networks").send_keys(Keys.ARROW_DOWN)
    page.draw(DIGITS[5])
    page.save(5)
    assert page.text("digit") == "5" and page.text("mean") == "The mean of 2 networks."
    image = read_table(page.answers.drawn)[0].tobytes()
    activations = np.array(page.answers.think({"network": "1"}, image)["hidden"][0])
    canvas = page.element("layer0")
    cell = """const [canvas, unit] = arguments, size = canvas.width / 16;
        const x = (unit % 16 + .5) * size, y = (Math.floor(unit / 16) + .5) * size;
        return [...canvas.getContext("2d").getImageData(x, y, 1, 1).data].slice(0, 3)"""
    colours = np.array([page.run(cell, canvas, unit) for unit in range(128)])
    distance = np.abs(colours - colours[activations.argmin()]).sum(axis=1)
    np.testing.assert_allclose(distance, activations / activations.max() * distance.max(), atol=4)

    webdriver.ActionChains(page.driver).move_to_element_with_offset(canvas, 9, 9).perform()
    page.wait(lambda: "relu makes it" in page.text("sum"))
    unit = page.text("unit").split()[-1]
    trace = page.answers.think({"network": "1", "layer": "0", "unit": unit}, image)["trace"]
    z = trace["sum"] + trace["bias"]
    assert f"bias of {trace['bias']:.2f} that is {z:.2f}; relu" in page.text("sum")


def test_a_mistake_of_the_network_is_shown(page: Page) -> None:
    page.press("m")
    page.wait(lambda: "its label is" in page.text("status"))
    page.settle()
    assert page.text("digit") not in re.findall(r"label is (\d)", page.text("status"))
    assert page.element("save").get_property("disabled")  # test images are not to train on


def test_it_says_when_draw_py_has_stopped(page: Page) -> None:
    page.driver.set_network_conditions(offline=True, latency=0, throughput=0)
    page.draw(DIGITS[1])
    page.driver.delete_network_conditions()
    assert "has it been stopped?" in page.text("status")


@pytest.mark.parametrize("window", [(390, 844), (820, 1180), (1280, 800)])
def test_it_fits_the_window(page: Page, window: tuple[int, int]) -> None:
    page.window(*window)
    page.draw(DIGITS[2])
    assert page.run("return document.documentElement.scrollWidth") <= window[0]
    bar = page.element("bar9")
    assert bar.location["y"] + bar.size["height"] <= window[1]  # the whole answer is in sight


if __name__ == "__main__":  # a 9 that could be a 4, and what speaks for the 9
    with start_browser() as browser:
        shot = Page(browser, [DEFAULT_MODEL], ROOT / "results" / "drawn.csv")
        shot.draw("48,25 43,25 36,28 32,42 42,54 58,50 68,42 / 68,20 67,52 62,88")
        shot.press("9")
        hide = "document.getElementById('made').textContent = ''"  # this machine's folder
        shot.run(f"{hide}; document.activeElement.blur()")
        browser.save_screenshot(sys.argv[1])
