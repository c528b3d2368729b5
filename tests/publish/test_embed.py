"""The static page: built by train.py, served by a plain web server, used in Chromium, held to Python's answers."""

import base64
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import COLOURS, write_tiny_model
from hostile import GOOD, PLAIN
from PIL import Image, ImageDraw
from static_site import VERDICTS, Site, answer, choose, visit

import train
from beercan_or_bacon.errors import EmbedError
from beercan_or_bacon.serving.about import PERMISSIONS
from beercan_or_bacon.serving.classifier import Classifier
from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.publish import static


def busy_picture(seed: int, size: tuple[int, int]) -> Image.Image:
    """Gradients, noise and discs, so that a wrong filter or offset shows."""
    rng = np.random.default_rng(seed)
    width, height = size
    ramp = np.linspace(0, 255, width)[None, :, None] * rng.uniform(0, 1, 3) + np.linspace(0, 99, height)[:, None, None]
    image = Image.fromarray(np.clip(ramp + rng.integers(-40, 40, (height, width, 3)), 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = rng.integers(-width // 3, width), rng.integers(-height // 3, height)
        fill = COLOURS[VERDICTS[rng.integers(3)]]
        draw.ellipse([x, y, x + width // 3, y + height // 3], fill=fill)
    return image


def difference(prediction: dict, expected) -> float:
    return np.abs(np.array(prediction["probabilities"]) - list(expected.probabilities.values())).max()


def test_says_the_verdict_in_words(page, draw):
    for verdict in VERDICTS:
        assert choose(page, draw(verdict))["verdict"] == verdict
        assert page.inner_text("#word").lower() == verdict
        assert page.inner_text("#words") == "Very sure."
    assert page.inner_text("#bars").split("\n") == ["Beer can", "5 %", "Bacon", "5 %"]


def test_says_that_a_call_is_close(page, tmp_path, folder):
    path = tmp_path / "close.png"
    Image.new("RGB", (64, 64), (240, 20, 84)).save(path)  # bacon, and close to a beer can
    assert Classifier(folder).predict(open_picture(path)).close == ("beer can",)
    assert choose(page, path)["close"] == ["beer can"]
    assert page.inner_text("#words") == "Very sure about bacon; beer can could go either way."


@pytest.mark.parametrize("size", [(640, 480), (333, 1000), (20, 31), (2500, 1601), (5, 400)])
def test_probabilities_are_pythons(page, tmp_path, folder, size):
    classifier = Classifier(folder)
    for suffix, options in {"png": {}, "jpg": {"quality": 90}, "webp": {"quality": 90}}.items():
        path = tmp_path / f"picture.{suffix}"
        busy_picture(sum(size), size).save(path, **options)
        expected = classifier.predict(open_picture(path))
        prediction = choose(page, path)
        assert difference(prediction, expected) <= (1e-5 if suffix == "png" else 0.02)
        assert prediction["verdict"] == expected.verdict or expected.close
        heatmap = np.array(prediction["heatmap"]["data"])
        assert np.abs(heatmap - expected.heatmap.ravel()).max() <= (1e-4 if suffix == "png" else 0.1)


def test_rotation_and_transparency_are_pythons(page, tmp_path, folder):
    classifier = Classifier(folder)
    turned, clear = tmp_path / "turned.jpg", tmp_path / "clear.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn right to view
    busy_picture(1, (400, 200)).save(turned, exif=exif, quality=95)
    picture = busy_picture(2, (300, 200)).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    picture.save(clear)
    for path in (turned, clear):
        assert difference(choose(page, path), classifier.predict(open_picture(path))) <= 0.005


def test_jpegs_that_only_look_broken_are_answered_as_their_clean_twins(page, tmp_path, folder):
    (plain := tmp_path / "plain.jpg").write_bytes(PLAIN)
    expected = Classifier(folder).predict(open_picture(plain))
    for name, content in GOOD.items():
        (odd := tmp_path / "odd.jpg").write_bytes(content)
        prediction = choose(page, odd)
        assert prediction["verdict"] == expected.verdict == "bacon", name
        assert difference(prediction, expected) <= 0.005, name


def give_file(page, event: str, *paths: Path) -> None:
    """A drop or a paste of a file, as the browser would send it; of several, each before the page can answer any."""
    page.evaluate(
        """([event, files]) => {
            for (const data of files) {
                const transfer = new DataTransfer();
                const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
                transfer.items.add(new File([bytes], "picture.jpg", {type: "image/jpeg"}));
                const options = {bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer};
                document.body.dispatchEvent(new (event == "drop" ? DragEvent : ClipboardEvent)(event, options));
            }
        }""",
        [event, [base64.b64encode(path.read_bytes()).decode() for path in paths]],
    )


def test_every_way_in(page, draw):
    assert answer(page, lambda: give_file(page, "drop", draw("bacon")))["verdict"] == "bacon"
    assert answer(page, lambda: give_file(page, "paste", draw("beer can")))["verdict"] == "beer can"
    for index, verdict in enumerate(VERDICTS):
        assert answer(page, page.locator("#examples button").nth(index).click)["verdict"] == verdict
    page.click("#camera")
    page.wait_for_function("() => document.getElementById('video').videoWidth")  # Chromium's fake device
    assert answer(page, lambda: page.click("#shoot"))["verdict"] in VERDICTS
    assert page.is_hidden("#video")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("""async () => {
        const canvas = new OffscreenCanvas(64, 64), context = canvas.getContext("2d");
        context.fillStyle = "rgb(240, 20, 20)";
        context.fillRect(0, 0, 64, 64);
        await navigator.clipboard.write([new ClipboardItem({"image/png": await canvas.convertToBlob()})]);
    }""")
    assert answer(page, lambda: page.click("#paste"))["verdict"] == "bacon"


def test_keyboard_alone(page, draw):
    page.on("filechooser", lambda _: None)  # or Chromium hears too late that it is to hand over the file dialog
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "drop"
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    assert answer(page, lambda: chooser.value.set_files(draw("bacon")))["verdict"] == "bacon"
    page.focus("#looked")
    page.keyboard.press("Space")
    assert page.is_visible("#heat")
    passed = []  # what can be done with the verdict comes before the examples
    while not page.evaluate("document.activeElement.closest('#examples')"):
        page.keyboard.press("Tab")
        passed.append(page.evaluate("document.activeElement.id"))
        assert len(passed) < 8, passed
    assert answer(page, lambda: page.keyboard.press("Enter"))["verdict"] == VERDICTS[0]  # the first example


ODD_FILES = {
    "empty.jpg": (b"", "That file is empty."),
    "text.txt": (b"bacon", "not a picture we can read"),
    "page.pdf": (b"%PDF-1.7 ...", "not a picture we can read"),
    "drawing.svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    "scan.tiff": (b"II*\0\x08\0\0\0", "TIFF"),
    "broken.png": (b"\x89PNG\r\n\x1a\n....", "damaged"),
}


def test_bad_input_gets_a_sentence_and_the_next_picture_is_answered(page, tmp_path, draw):
    for name, (content, sentence) in ODD_FILES.items():
        (tmp_path / name).write_bytes(content)
        page.set_input_files("#file", tmp_path / name)
        page.wait_for_function("(part) => document.getElementById('words').textContent.includes(part)", arg=sentence)
        assert page.is_visible("#drop")
        assert choose(page, draw("bacon"))["verdict"] == "bacon"


def test_a_link_from_another_tab_is_refused_in_a_sentence(page, draw):
    """The page promises to ask no third party for anything, so also not for that picture."""
    choose(page, draw("bacon"))
    page.evaluate("""() => {
        const transfer = new DataTransfer();
        transfer.setData("text/uri-list", "https://example.org/bacon.jpg");
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }""")
    page.wait_for_function("() => document.getElementById('words').textContent.includes('then drop the file')")
    assert page.inner_text("#word") == "Hm."
    assert page.is_hidden("#shown")  # no verdict stands beside it


def test_only_the_last_of_several_pictures_is_answered(page, draw):
    first, last = draw("bacon", "a.jpg", size=(3000, 2000)), draw("beer can", "b.jpg")
    worker = page.workers[0]
    worker.evaluate("""() => {
        const post = self.postMessage.bind(self);
        self.said = 0;
        self.postMessage = (message) => (post(message), self.said++);
    }""")
    assert answer(page, lambda: give_file(page, "drop", first, last))["verdict"] == "beer can"
    worker.evaluate("async () => { while (self.said < 2) await new Promise((wake) => setTimeout(wake, 20)); }")
    assert page.inner_text("#word").lower() == "beer can"


def test_the_page_shows_and_takes_a_picture_while_the_model_loads(browser, site, draw):
    site.gate.clear()
    with visit(browser, site.url) as page:
        page.wait_for_function("() => document.getElementById('progress').value > 0.9")
        page.set_input_files("#file", draw("bacon"))
        assert page.inner_text("#word") == "Looking…"
        assert page.is_visible("#loading")
        assert answer(page, site.gate.set)["verdict"] == "bacon"
        page.wait_for_selector("#loading", state="hidden")


@pytest.mark.parametrize("name", ["classifier.json", "model.onnx"])
def test_a_failed_download_is_said_and_tried_again(browser, site, draw, name):
    site.missing.add(f"/{name}")
    with visit(browser, site.url, complaints=("404",)) as page:
        page.wait_for_selector("#retry")
        assert "could not be loaded" in page.inner_text("#status")
        page.set_input_files("#file", draw("bacon"))
        site.missing.clear()
        assert answer(page, lambda: page.click("#retry"))["verdict"] == "bacon"


def wait_for_cache(page) -> None:
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    page.wait_for_selector("#loading", state="hidden")


def test_the_second_visit_is_nearly_free_and_works_offline(browser, folder, draw):
    site = Site(folder)
    with visit(browser, site.url, complaints=("ERR_CONNECTION_REFUSED", "ServiceWorker")) as page:
        wait_for_cache(page)
        cold = sum(site.sent.values())
        site.sent.clear()
        page.goto(site.url)
        assert choose(page, draw("bacon"))["verdict"] == "bacon"
        assert sum(site.sent.values()) < 100_000 < cold
        site.close()
        for address in ("?__theme=dark", "index.html?__theme=light"):
            page.goto(site.url + address)
            assert choose(page, draw("both"))["verdict"] == "both"


def test_a_new_version_replaces_the_old(browser, tmp_path, draw):
    model = write_tiny_model(tmp_path / "model")
    site = Site(static.build_embed(model, tmp_path / "page", []))
    with visit(browser, site.url) as page:
        wait_for_cache(page)
        description = json.loads((model / "classifier.json").read_text())
        (model / "classifier.json").write_text(json.dumps(description | {"title": "Better now"}))
        static.build_embed(model, tmp_path / "page", [])
        site.sent.clear()
        old = page.evaluate("caches.keys()")
        page.goto(site.url)  # from the cache, while the new version is fetched
        page.evaluate(
            "async ([old]) => { while (await caches.has(old)) await new Promise((later) => setTimeout(later, 50)); }",
            old,
        )
        page.goto(site.url)
        assert page.inner_text("h1") == "Better now"
        assert choose(page, draw("bacon"))["verdict"] == "bacon"
        assert not [path for path in site.sent if path.startswith("/model.onnx")]  # unchanged: not fetched again
    site.close()


def test_without_storage_it_works_all_the_same(browser, site, draw):
    # plain http on a host that is not loopback: neither service worker nor cache
    with visit(browser, f"http://somewhere.test:{site.port}/") as page:
        assert not page.evaluate("isSecureContext")
        assert choose(page, draw("bacon"))["verdict"] == "bacon"


def test_where_the_browser_denies_storage_to_an_iframe(browser, site, tmp_path, draw):
    (tmp_path / "blog").mkdir()
    (tmp_path / "blog/index.html").write_text(f'<!doctype html><title>A blog</title><iframe src="{site.url}"></iframe>')
    blog = Site(tmp_path / "blog")
    (tmp_path / "profile/Default").mkdir(parents=True)
    (tmp_path / "profile/Default/Preferences").write_text('{"profile": {"cookie_controls_mode": 1}}')
    with browser.browser_type.launch_persistent_context(
        tmp_path / "profile", executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
    ) as context:
        outside = context.new_page()
        outside.goto(f"http://localhost:{blog.port}/")
        inside = next(frame for frame in outside.frames if frame.url == site.url)
        inside.wait_for_selector("#bars li")
        assert inside.evaluate("caches.open('any').then(() => 'allowed', (error) => error.name)") == "SecurityError"
        assert choose(inside, draw("bacon"))["verdict"] == "bacon"
    blog.close()


def test_a_server_that_unpacks_gz_files(browser, site, draw):
    site.gzip_header = True
    with visit(browser, site.url) as page:
        assert choose(page, draw("bacon"))["verdict"] == "bacon"


def test_the_snippet_in_a_blog_of_another_origin(browser, site, page, tmp_path, draw):
    (tmp_path / "blog").mkdir()
    snippet = page.text_content("#snippet")
    assert len(snippet.splitlines()) == 2
    (tmp_path / "blog/index.html").write_text(f"<!doctype html><title>A blog</title>{snippet}")
    blog = Site(tmp_path / "blog")
    (tmp_path / "blog/index.html").write_text(
        f"<!doctype html><title>A blog</title>{snippet}".replace(f'allow="{PERMISSIONS}"', "")
    )
    context = browser.new_context(viewport={"width": 600, "height": 700})
    outside = context.new_page()
    outside.goto(f"http://blog.test:{blog.port}/")
    inside = next(frame for frame in outside.frames if frame.url == site.url)
    inside.wait_for_selector("#bars li")
    assert inside.is_hidden("#camera")
    assert choose(inside, draw("bacon"))["verdict"] == "bacon"
    outside.wait_for_function(
        "([height]) => document.querySelector('iframe').offsetHeight == Math.ceil(height)",
        arg=[inside.evaluate("document.body.getBoundingClientRect().height")],
    )
    context.close()
    blog.close()


def test_the_policy_lets_neither_page_nor_worker_talk_to_others(browser, site, draw, tmp_path):
    other = Site(tmp_path)
    with visit(browser, site.url, complaints=("Content Security Policy", "Fetch API")) as page:
        choose(page, draw("bacon"))
        for inside in (page, page.workers[0]):
            assert (
                inside.evaluate(f"fetch('{other.url}', {{mode: 'no-cors'}}).then(() => 'sent', () => 'refused')")
                == "refused"
            )
    assert not other.sent
    other.close()


def test_other_words_need_no_code(browser, tmp_path, draw):
    model = write_tiny_model(tmp_path / "model", ["tea & cake", "<i>jam</i>", "toast"])
    description = json.loads((model / "classifier.json").read_text())
    (model / "classifier.json").write_text(json.dumps(description | {"title": '"Tea" & <cake>?'}))
    site = Site(static.build_embed(model, tmp_path / "page", []))
    with visit(browser, site.url) as page:
        assert page.title() == page.inner_text("h1") == '"Tea" & <cake>?'
        assert choose(page, draw("beer can"))["verdict"] == "tea & cake and toast"
        assert page.locator(".name").all_inner_texts() == ["Tea & cake", "<i>jam</i>", "Toast"]
        assert page.is_hidden("#examples")
    site.close()


def test_train_embed_writes_it_and_refuses_a_folder_with_other_files(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MODEL", str(write_tiny_model(tmp_path / "model")))
    out = tmp_path / "page"
    for _ in range(2):  # the second time over the first
        assert train.main(["embed", "--out", str(out)]) == 0
    assert (out / "index.html").exists()
    assert str(out) in capsys.readouterr().out
    assert train.main(["embed", "--out", str(tmp_path)]) == 1
    assert "holds other files" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "page"]


def test_a_runtime_that_is_not_the_pinned_one_is_refused(tmp_path, monkeypatch, folder):
    name = static.RUNTIME_URL.rsplit("/", 1)[-1]
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / name).write_bytes(b"something else")
    mirror = Site(tmp_path / "mirror")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(static, "RUNTIME_URL", mirror.url + name)
    with pytest.raises(EmbedError, match="sha512"):
        static.build_embed(folder, tmp_path / "page", [])
    mirror.close()
    with pytest.raises(EmbedError, match="could not be fetched"):
        static.build_embed(folder, tmp_path / "page", [])
    assert not (tmp_path / "page").exists()
