"""draw.py in a real browser: headless Chromium, driven stroke by stroke.

Needs Chromium, its driver and selenium (requirements-dev.txt). The README's screenshot:

    python tests/test_draw_in_browser.py docs/figures/draw.png
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pytest

from src.common.files import replacing
from src.digits.data import ROOT
from src.digits.formats import read_table
from src.digits.preprocessing import PREPROCESSING
from src.reading.saved import load_models
from src.utils import scale

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.webdriver.common.actions.action_builder import ActionBuilder  # noqa: E402
from selenium.webdriver.common.actions.pointer_input import PointerInput  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium, chromedriver"),
]
WAIT = 120  # seconds that something may take on a busy machine
OPTIONS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync
--window-size=1280,900 --host-resolver-rules=MAP\u00a0evil.example\u00a0127.0.0.1"""

# Three people's digits, each a few strokes "x,y x,y ..." with "/" between; the pad is 100 by 100.
HANDWRITINGS = {
    "as taught at school": [
        "50,15 33,23 25,50 32,76 50,86 68,76 75,50 67,24 50,15",
        "50,14 50,40 50,86",
        "28,32 36,18 54,14 70,24 70,40 54,60 29,84 30,85 50,85 74,85",
        "29,27 42,16 60,18 67,32 58,45 44,49 60,52 71,66 62,82 44,87 28,79",
        "42,14 34,36 25,57 26,58 50,58 78,58 / 63,34 63,60 63,88",
        "68,15 50,15 35,15 34,16 32,45 48,41 66,48 72,64 62,81 44,87 28,79",
        "62,14 42,32 30,58 36,80 54,87 70,75 66,58 50,53 35,64",
        "26,17 50,17 73,17 74,18 60,50 45,87",
        "66,26 50,14 35,23 39,39 60,55 70,71 60,85 42,86 32,73 40,56 61,41 66,26",
        "68,30 54,16 36,22 32,40 44,52 60,46 68,30 67,58 62,87",
    ],
    "with serifs and bars": [
        "56,12 40,20 33,48 38,78 50,88 62,80 68,52 64,24 52,12",
        "34,34 46,22 57,12 58,13 58,50 58,88",
        "26,28 40,13 60,16 66,34 52,58 30,80 40,76 56,84 76,82",
        "27,16 48,16 69,16 70,17 56,32 46,44 62,48 70,64 62,82 42,88 26,80",
        "30,16 28,36 29,54 30,55 50,55 76,54 / 64,14 63,50 62,88",
        "38,16 36,32 34,47 35,47 54,42 70,54 68,76 50,88 30,82 / 38,16 55,15 72,14",
        "56,12 38,34 31,62 40,84 60,84 68,68 56,56 40,60 32,70",
        "26,20 50,17 75,16 76,17 62,46 50,88 / 40,52 56,51 72,50",
        "50,48 36,36 36,20 50,12 64,20 64,36 50,48 34,60 32,78 50,88 68,78 66,60 50,48",
        "66,34 56,18 40,20 33,36 42,50 58,48 66,34 67,35 66,64 56,82 38,86",
    ],
    "in a hurry, leaning": [
        "60,18 42,26 32,52 34,76 50,82 66,62 70,36 60,20 50,20",
        "60,16 54,44 44,84",
        "38,30 52,18 66,24 64,40 46,62 28,80 29,81 48,78 68,80",
        "40,22 56,16 68,26 60,40 46,48 60,54 60,70 46,82 28,78",
        "48,18 38,38 30,54 31,55 50,54 72,52 / 66,34 60,58 54,84",
        "72,18 58,18 46,20 45,21 39,44 54,44 64,56 58,74 42,84 26,78",
        "64,16 46,34 34,58 34,76 46,84 60,74 60,60 48,58 36,68",
        "34,22 52,20 72,18 72,19 58,46 42,84",
        "68,26 56,16 44,24 46,40 58,54 58,72 44,84 32,76 36,60 56,44 68,26",
        "68,30 58,18 44,24 40,40 50,48 62,40 68,28 62,56 50,84",
    ],
}


class Page:
    """The page in a browser, for what a user can do with it and see of it."""

    def __init__(self, driver: Any, url: str) -> None:
        self.driver, self.url = driver, url
        driver.get(url)
        self.settle()

    def settle(self) -> None:
        """Wait until all that was drawn is answered."""
        state = "return document.body.dataset.state === 'idle'"
        WebDriverWait(self.driver, WAIT).until(lambda driver: driver.execute_script(state))

    def element(self, name: str) -> Any:
        return self.driver.find_element(By.ID, name)

    def text(self, name: str) -> str:
        return self.driver.execute_script("return arguments[0].textContent", self.element(name))

    def click(self, name: str) -> None:
        self.element(name).click()
        self.settle()

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()
        self.settle()

    def draw(self, strokes: str, kind: str = "mouse") -> None:
        """Draw with a mouse, pen or touch. Coordinates as in HANDWRITINGS."""
        self.element("pad").location_once_scrolled_into_view  # noqa: B018
        box = self.driver.execute_script(
            "const b = arguments[0].getBoundingClientRect(); return [b.x, b.y, b.width]",
            self.element("pad"),
        )
        actions = ActionBuilder(self.driver, mouse=PointerInput(kind, kind), duration=8)
        for stroke in strokes.split("/"):
            points = [tuple(map(float, point.split(","))) for point in stroke.split()]
            for number, (x, y) in enumerate(points):
                place = [round(box[0] + x / 100 * box[2]), round(box[1] + y / 100 * box[2])]
                actions.pointer_action.move_to_location(*place)
                if number == 0:
                    actions.pointer_action.pointer_down()
            actions.pointer_action.pointer_up()
        actions.perform()
        self.settle()

    def probabilities(self) -> list[float]:
        script = "return [...document.querySelectorAll('.bar')].map((b) => +b.dataset.probability)"
        return self.driver.execute_script(script)

    def pixels(self, canvas: str) -> str:
        """What a canvas shows, to compare."""
        return self.driver.execute_script("return arguments[0].toDataURL()", self.element(canvas))

    def post(self, path: str, size: int) -> list:
        """Status and text of the answer to a POST of the page's own."""
        return self.driver.execute_async_script(
            """const [path, size, done] = arguments;
            fetch(path, { method: "POST", body: new Uint8Array(size) })
              .then(async (response) => done([response.status, await response.text()]))
              .catch((error) => done([0, String(error)]));""",
            path,
            size,
        )

    def errors(self) -> list[str]:
        return [line["message"] for line in self.driver.get_log("browser")]


def start_browser(folder: str) -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in [*OPTIONS.split(" "), f"--user-data-dir={folder}"]:
        for word in option.split("\n"):
            options.add_argument(word.replace("\u00a0", " "))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(WAIT)
    return driver


def train_best(folder: Path) -> Path:
    """A network to try with; DRAW_MODEL names one that was trained before."""
    if "DRAW_MODEL" in os.environ:
        return Path(os.environ["DRAW_MODEL"])
    line = [sys.executable, ROOT / "train.py", "--recipe", "best", "--results", folder]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    return folder / "train" / "network.npz"


class Script:
    """draw.py as a user starts it."""

    def __init__(self, models: list[Path], drawn: Path) -> None:
        line = [sys.executable, ROOT / "draw.py", "--no-browser", "--out", drawn, "--model"]
        self.process = subprocess.Popen([*line, *models], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        self.drawn, self.name = drawn, f"{drawn.parent.name}/{drawn.name}"

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(WAIT)


@pytest.fixture(scope="session")
def best(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_best(tmp_path_factory.mktemp("best"))


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    driver = start_browser(str(tmp_path_factory.mktemp("browser")))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def script(best: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Script]:
    script = Script([best], tmp_path_factory.mktemp("results") / "drawn.csv")
    yield script
    assert script.stop() == 130


@pytest.fixture
def page(driver: Any, script: Script) -> Page:
    script.drawn.unlink(missing_ok=True)
    page = Page(driver, script.url)
    page.errors()  # forget those of other tests
    return page


def test_digits_in_three_handwritings_are_read_and_saved(
    page: Page, script: Script, best: Path, capsys: pytest.CaptureFixture
) -> None:
    wrong, shown, latencies = [], [], []
    for name, digits in HANDWRITINGS.items():
        for digit, strokes in enumerate(digits):
            page.press("c")
            page.draw(strokes)
            shown.append(page.probabilities())
            latency = page.element("latency").get_attribute("data-milliseconds")
            latencies.append(float(latency))
            if page.text("digit") != str(digit):
                wrong.append(f"{digit} {name}: {page.text('digit')}")
            page.element("labels").find_elements(By.TAG_NAME, "button")[digit].click()
            saved = f"Saved as a {digit}: row {len(shown)} of {script.name}."
            WebDriverWait(page.driver, WAIT).until(lambda _: page.text("status") == saved)  # noqa: B023
    with capsys.disabled():
        print(f"\n{30 - len(wrong)} of 30 read right", *wrong, sep="; ")
        print(
            f"stroke to picture: median {np.median(latencies):.0f} ms, {max(latencies):.0f} at most"
        )
    assert len(wrong) <= 2, wrong

    images, labels = read_table(script.drawn)
    assert labels is not None and labels.tolist() == [*range(10)] * 3
    [(network, preprocessing)] = load_models([best])
    x = scale(PREPROCESSING[preprocessing](images))
    np.testing.assert_allclose(shown, network.predict_probabilities(x), atol=1e-6)
    line = [sys.executable, ROOT / "predict.py", script.drawn, "--model", best]
    line += ["--out", script.drawn.with_name("submission.csv")]
    scored = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert f"accuracy {(30 - len(wrong)) / 30:.2%}" in scored
    assert not page.errors()  # nothing that the security policy refuses, no exception


@pytest.mark.parametrize("kind", ["mouse", "pen", "touch"])
def test_mouse_pen_and_touch_draw(page: Page, kind: str) -> None:
    page.draw(HANDWRITINGS["as taught at school"][3], kind)
    assert page.text("digit") == "3"
    assert not page.element("hint").is_displayed()


def test_clear_and_undo(page: Page) -> None:
    blank = page.pixels("pad"), page.pixels("layer0")
    page.draw("50,14 50,40 50,86")
    one = page.pixels("pad"), page.pixels("layer0")
    assert one != blank and page.text("digit") == "1"
    page.draw("20,50 80,50")
    assert (page.pixels("pad"), page.pixels("layer0")) != one
    page.click("undo")
    assert (page.pixels("pad"), page.pixels("layer0")) == one
    page.click("clear")
    assert (page.pixels("pad"), page.pixels("layer0")) == blank
    assert page.text("digit") == "?" and page.probabilities() == [0] * 10
    page.click("undo")  # clearing can be undone as well
    assert (page.pixels("pad"), page.pixels("layer0")) == one and page.text("digit") == "1"


def test_everything_can_be_done_with_the_keyboard(page: Page, script: Script) -> None:
    page.driver.execute_script("document.getElementById('pad').focus()")
    page.press(*[Keys.ARROW_UP] * 9, " ", *[Keys.ARROW_DOWN] * 18, " ")
    assert page.text("digit") == "1"
    page.press("1")
    assert page.text("unit") == "Output 1"
    assert page.element("bar1").get_attribute("aria-pressed") == "true"
    page.press(Keys.ESCAPE)
    assert page.text("unit") == "One unit"
    page.press("c")
    assert page.text("digit") == "?"
    page.press("z")
    assert page.text("digit") == "1"
    page.press("t")
    WebDriverWait(page.driver, WAIT).until(lambda _: "its label is" in page.text("status"))
    page.settle()
    assert page.text("digit") != "?"

    reached = []
    page.press(Keys.BACKSPACE)  # the drawing is back, so it can be saved
    for _ in range(40):
        page.press(Keys.TAB)
        active = page.driver.switch_to.active_element
        if active.tag_name == "body":
            continue  # from the last element to the first
        reached.append(active.get_attribute("id") or active.text)
        outline = active.value_of_css_property("outline-style")
        assert outline == "solid", reached[-1]  # it shows that it has the focus
    for name in ("undo", "clear", "test", "wrong", "bar7", "layer0", "layer1", "theme", "5"):
        assert name in reached
    while page.driver.switch_to.active_element.text != "5":
        page.press(Keys.TAB)
    page.press(Keys.ENTER)
    WebDriverWait(page.driver, WAIT).until(lambda _: page.text("status").startswith("Saved"))
    assert read_table(script.drawn)[1].tolist() == [5]  # type: ignore[union-attr]


def test_layers_are_lit_as_forward_says(page: Page, best: Path, script: Script) -> None:
    """The cells' colours, strongest unit and silent ones, and the unit that is pointed at."""
    page.draw(HANDWRITINGS["with serifs and bars"][5])
    page.element("labels").find_elements(By.TAG_NAME, "button")[5].click()
    WebDriverWait(page.driver, WAIT).until(lambda _: page.text("status").startswith("Saved"))
    [(network, preprocessing)] = load_models([best])
    images, _ = read_table(script.drawn)
    logits, cache = network.forward(scale(PREPROCESSING[preprocessing](images)))
    cell = """const [id, unit] = arguments, canvas = document.getElementById(id);
        const size = canvas.width / 16, data = canvas.getContext("2d").getImageData(
            (unit % 16 + .5) * size, (Math.floor(unit / 16) + .5) * size, 1, 1).data;
        return [...data].slice(0, 3)"""
    for layer in range(len(cache) - 1):
        activations = cache[layer + 1][0][0]
        colours = [
            page.driver.execute_script(cell, f"layer{layer}", unit)
            for unit in range(len(activations))
        ]
        silent = colours[int(np.argmin(activations))]
        distance = np.abs(np.array(colours) - silent).sum(axis=1)
        expected = activations / activations.max() * distance.max()
        np.testing.assert_allclose(distance, expected, atol=4)

    unit = int(cache[1][0][0].argmax())
    canvas = page.element("layer0")
    page.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    size = canvas.size["width"] / 16
    offset = [(unit % 16 + 0.5) * size, (unit // 16 + 0.5) * size]
    offset = [offset[0] - canvas.size["width"] / 2, offset[1] - canvas.size["height"] / 2]
    move = webdriver.ActionChains(page.driver).move_to_element_with_offset
    move(canvas, *map(round, offset)).perform()
    page.settle()
    assert page.text("unit") == f"Hidden layer 1, unit {unit}"
    bias, z = network.biases[0][unit], cache[0][1][0, unit]
    assert f"bias of {bias:.2f} that is {z:.2f}; relu makes it {z:.2f}." in page.text("sum")
    page.press("5")
    assert f"a score of {logits[0, 5]:.2f}" in page.text("sum")


def test_it_says_when_draw_py_has_stopped(driver: Any, best: Path, tmp_path: Path) -> None:
    script = Script([best], tmp_path / "drawn.csv")
    page = Page(driver, script.url)
    assert script.stop() == 130
    page.draw("50,14 50,86")
    assert "has it been stopped?" in page.text("status")
    page.errors()


def test_a_mistake_of_the_network_is_shown(page: Page) -> None:
    page.click("wrong")
    WebDriverWait(page.driver, WAIT).until(lambda _: "its label is" in page.text("status"))
    page.settle()
    label = re.findall(r"label is (\d)", page.text("status"))
    assert page.text("digit") not in label
    buttons = page.element("labels").find_elements(By.TAG_NAME, "button")
    assert not any(button.is_enabled() for button in buttons)  # test images are not to train on


def test_two_hundred_quick_strokes(page: Page) -> None:
    rng = np.random.default_rng(0)
    strokes = ["{},{} {},{}".format(*rng.integers(20, 80, 4)) for _ in range(200)]
    page.driver.execute_script("window.scrollTo(0, 0)")
    page.draw(" / ".join(strokes))
    shown = page.pixels("image")
    page.press("8")  # asks again, at leisure
    assert page.pixels("image") == shown
    for _ in range(199):
        page.driver.execute_script("document.getElementById('undo').click()")
    page.settle()
    assert page.text("digit") != "?"
    page.click("undo")
    assert page.text("digit") == "?"
    assert not page.errors()


def test_a_body_of_two_megabytes_is_refused_and_the_page_goes_on(page: Page) -> None:
    status, text = page.post("think?network=0", 2_000_000)
    assert (status, text) == (413, "the body is longer than 1,000,000 bytes")
    page.draw(HANDWRITINGS["as taught at school"][7])
    assert page.text("digit") == "7"


def test_a_wrong_host_is_refused(page: Page) -> None:
    """As in DNS rebinding: another site's name that leads to this machine."""
    page.driver.get(page.url.replace("127.0.0.1", "evil.example"))
    assert "the host is not 127.0.0.1" in page.driver.page_source
    page.driver.get(page.url.rsplit("/", 2)[0] + "/")
    assert "lacks the token" in page.driver.page_source


def test_nothing_is_fetched_from_elsewhere(page: Page) -> None:
    page.draw("50,14 50,86")
    script = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    fetched = page.driver.execute_script(script)
    assert len(fetched) > 5 and all(name.startswith(page.url) for name in fetched)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(390, 844), (820, 1180), (1280, 800)])
def test_it_fits_the_window(page: Page, size: tuple[int, int], theme: str) -> None:
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        prefer_theme(page.driver, theme)
        page = Page(page.driver, page.url)
        page.draw(HANDWRITINGS["as taught at school"][2])
        width = page.driver.execute_script("return document.documentElement.scrollWidth")
        assert width <= size[0]  # nothing to scroll sideways to
        bar = page.element("bar9")
        assert bar.location["y"] + bar.size["height"] <= size[1]  # the whole answer is in sight
        paper = page.driver.find_element(By.TAG_NAME, "body").value_of_css_property("background")
        brightness = sum(map(int, re.findall(r"\d+", paper)[:3]))
        assert (brightness > 600) == (theme == "light")
        assert page.text("digit") == "2"
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        prefer_theme(page.driver, "")


def test_two_networks_vote_and_each_can_be_looked_into(
    driver: Any, best: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.npz"
    shutil.copy(best, other)
    script = Script([best, other], tmp_path / "drawn.csv")
    try:
        page = Page(driver, script.url)
        page.draw(HANDWRITINGS["as taught at school"][4])
        assert page.text("digit") == "4" and page.text("mean") == "The mean of 2 networks."
        page.element("networks").send_keys(Keys.ARROW_DOWN)
        page.settle()
        assert page.text("made").startswith(str(other))
        assert page.text("digit") == "4"
    finally:
        assert script.stop() == 130


def prefer_theme(driver: Any, theme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": theme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def make_screenshot(path: Path) -> None:
    """A drawn 5, and what spoke for it."""
    with tempfile.TemporaryDirectory() as folder:
        script = Script([train_best(Path(folder))], Path(folder) / "drawn.csv")
        driver = start_browser(f"{folder}/browser")
        metrics = {"width": 1280, "height": 780, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        prefer_theme(driver, "light")
        page = Page(driver, script.url)
        page.draw(HANDWRITINGS["with serifs and bars"][5])
        page.press("5")
        page.driver.execute_script(
            "document.getElementById('made').textContent = ''; document.activeElement.blur()"
        )
        with replacing(path) as temporary:
            driver.save_screenshot(str(temporary))
        driver.quit()
        script.stop()


if __name__ == "__main__":
    make_screenshot(Path(sys.argv[1]))
