"""The README is held to the code: what it tells people to type exists."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from evaluations import EVALUATION

import train
from beercan_or_bacon.serving.about import iframe_snippet
from beercan_or_bacon.training.evaluation import read_evaluation
from benchmarks.readme import BEGIN, END, HEADING, strangers, with_figures

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
HEADER = yaml.safe_load(README.split("---")[1])
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.S))


def pins(name: str) -> dict[str, str]:
    """The exact pins of a requirements file."""
    return dict(re.findall(r"^([\w.-]+)==([\w.+]+)", (ROOT / name).read_text(), re.M))


def test_the_space_runs_the_gradio_that_is_pinned():
    assert HEADER["sdk_version"] == pins("requirements.txt")["gradio"]
    assert (ROOT / HEADER["app_file"]).is_file()
    assert len(HEADER["short_description"]) <= 60  # the Hub refuses longer ones


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-train.txt", "requirements-dev.txt"])
def test_everything_deployed_is_pinned(name):
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    loose = [line for line in lines if line and not line.startswith("-r ") and "==" not in line]
    assert not loose


@pytest.mark.parametrize("command", re.findall(r"python (train\.py.*)", SHELL))
def test_train_commands_parse(command):
    train.parse(shlex.split(command, comments=True)[1:])


@pytest.mark.parametrize("command", re.findall(r"^ {4}python (train\.py [^S\s].*?)(?: {2,}.*)?$", train.__doc__, re.M))
def test_the_manual_of_train_parses(command):
    train.parse(shlex.split(command)[1:])


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", README))))
def test_links_lead_somewhere(path):
    assert (ROOT / path).exists()


def test_named_files_exist():
    folders = "benchmarks|examples|embed|beercan_or_bacon|model|docs"
    named = set(re.findall(rf"`((?:{folders})/[\w./-]*|\w+\.(?:py|txt|toml))`", README))
    assert {"train.py", "app.py", "classes.toml", "examples/render.py"} <= named
    assert not {name for name in named if not (ROOT / name).exists()}


PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "embed", "benchmarks", "notebooks", "fuzz", "tests")
    for path in (ROOT / folder).glob("*.md")
)


@pytest.mark.parametrize("page", PAGES)
def test_line_length_of_prose(page):
    prose = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.S).splitlines()
    assert not [line for line in prose if len(line) > 120 and not line.startswith(("|", "![", "[![", "    "))]


@pytest.mark.ours
def test_the_iframe_is_the_one_that_both_pages_print():
    assert iframe_snippet("https://USER-SPACE.hf.space/", "Beer can or bacon?") in README


@pytest.mark.ours
def test_every_figure_of_how_good_it_is_is_the_models():
    about = json.loads((ROOT / "model" / "classifier.json").read_text(encoding="utf-8"))
    evaluation = read_evaluation(ROOT / "model")
    assert about["metrics"] == evaluation.metrics()
    assert with_figures(README, evaluation) == README, "run python -m benchmarks.readme"
    assert strangers(README, evaluation) == set()


def test_a_figure_that_is_not_the_models_is_found():
    text = f"{HEADING}\n\n{BEGIN}\n\n{END}\n\nIn version 2 a tenth is wrong.\n\n## Next\n\n0.123\n"
    right = with_figures(text.replace("version 2 ", ""), EVALUATION)
    assert strangers(right, EVALUATION) == set()
    assert "| found | 90 % (80 to 95) | 90 % (80 to 95) |" in right
    assert with_figures(right, EVALUATION) == right
    assert max(map(len, (line for line in right.splitlines() if not line.startswith("|")))) <= 120
    assert strangers(right.replace("90 % (80 to 95) |", "91 % (80 to 95) |", 1), EVALUATION) == {"91"}
    assert strangers(right.replace("a tenth", "0.976"), EVALUATION) == {"0.976"}
    better = replace(EVALUATION, figures=(replace(EVALUATION.figures[2], pictures=12), *EVALUATION.figures[3:]))
    assert with_figures(right, better) != right
