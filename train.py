"""From search terms to a published classifier.

    python train.py                          scrape, clean, fit, export; each stage skips what is already done
    python train.py STAGE [options]          one stage: scrape, clean, review, fit, export, push, space, embed, doctor

    python train.py --epochs 6 --device cuda           longer, on a GPU
    python train.py review                             look at the doubtful pictures and decide
    python train.py push --push USER/REPO              the model, to the Hugging Face Hub
    python train.py space --space USER/SPACE           the page, to a Space
    python train.py fit --on hf-jobs --flavor t4-small  the fit on a rented GPU, its result here
    python train.py embed --model model --out site     the page as static files, for any web server
    python train.py STAGE --help                       what a stage reads: --model is read, --out is written

The words come from classes.toml: edit that file to tell two other things apart.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beercan_or_bacon.errors import BeerCanOrBaconError, HubError
from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.networks import DEFAULT
from beercan_or_bacon.training.run import alone, what_next
from beercan_or_bacon.training.settings import check_settings

HERE = Path(__file__).parent
PIPELINE = ("scrape", "clean", "fit", "export")


def scrape(args: argparse.Namespace) -> None:
    """classes.toml -> data/pictures.csv and data/pictures/: search, then download."""
    from beercan_or_bacon.training.collect.scrape import scrape

    scrape(load_classes(args.classes), args.data, openverse=args.openverse, commons=args.commons, engines=args.engine)


def clean(args: argparse.Namespace) -> None:
    """Decide keep or drop for every fetched picture."""
    from beercan_or_bacon.training.clean.decide import clean

    clean(load_classes(args.classes), args.data)


def review(args: argparse.Namespace) -> None:
    """A page to look at the doubtful pictures and decide."""
    from beercan_or_bacon.training.clean.review import review

    classes = load_classes(args.classes)
    if args.source:
        from beercan_or_bacon.training.collect.visitors import take_in

        with alone(args.data):
            take_in(classes, args.data, args.source)
    review(classes, args.data)


def fit(args: argparse.Namespace) -> None:
    """Fine-tune with fastai on the kept pictures, evaluate on held-out ones, save both under data/fit/."""
    if args.on == "hf-jobs":
        from beercan_or_bacon.training.publish.jobs import fit_on_jobs

        options = {"arch": args.arch, "epochs": args.epochs, "seed": args.seed}
        fit_on_jobs(args.classes, args.data, options, flavor=args.flavor)
        return
    from beercan_or_bacon.training.learn.fit import fit

    fit(load_classes(args.classes), args.data, arch=args.arch, epochs=args.epochs, seed=args.seed, device=args.device)


def export(args: argparse.Namespace) -> None:
    """data/fit/ -> the published model folder."""
    from beercan_or_bacon.training.learn.export import export
    from beercan_or_bacon.training.learn.gallery import write_examples

    classes = load_classes(args.classes)
    export(classes, args.data, args.out)
    write_examples(classes, args.data, args.out, own=HERE / "examples")


def embed(args: argparse.Namespace) -> None:
    """A model folder -> the page as static files: the classifier runs in the reader's browser."""
    from beercan_or_bacon.serving.examples import examples_of
    from beercan_or_bacon.training.publish.static import build_embed

    out = build_embed(args.model, args.out, examples_of(args.model, HERE / "examples"))
    print(f"The page is in {out}. Any web server will do; to look at it: python -m http.server -d {out}")


def push(args: argparse.Namespace) -> None:
    """A model folder -> a model repository on the Hub."""
    from beercan_or_bacon.training.publish.model import push

    push(args.model, needed(args.push, "--push USER/REPO"), args.data, private=args.private, overwrite=args.overwrite)


def space(args: argparse.Namespace) -> None:
    """The page -> a Space."""
    from beercan_or_bacon.training.publish.space import publish_space

    publish_space(
        needed(args.space, "--space USER/SPACE"), args.model, args.data, repo=args.push, static=args.static,
        hardware=args.hardware, private=args.private, overwrite=args.overwrite,
    )  # fmt: skip


def doctor(args: argparse.Namespace) -> None:
    """What will work on this machine, and what to do about the rest."""
    from beercan_or_bacon.training.doctor import examine

    servers = {"openverse": args.openverse, "commons": args.commons}
    examine(args.classes, {name: url for name, url in servers.items() if url}, args.model, args.data)


def needed(value: str | None, option: str) -> str:
    """The value of an option that a stage cannot do without."""
    if not value:
        raise HubError(f"This stage needs {option}: the name to publish under.")
    return value


STAGES = {stage.__name__: stage for stage in (scrape, clean, review, fit, export, push, space, embed, doctor)}
WRITES = {"scrape", "clean", "fit"}  # into the data folder, which is then one run's alone


@dataclass(frozen=True)
class Option:
    """An option of the command line, and the stages that read it."""

    name: str
    stages: str
    help: str
    settings: dict[str, Any] = field(default_factory=dict)
    default: Any = None


FOLDER = {"type": Path, "metavar": "FOLDER"}
NAME, NUMBER, URL, FLAG = (
    {"metavar": "NAME"},
    {"type": int, "metavar": "N"},
    {"metavar": "URL"},
    {"action": "store_true"},
)
OPTIONS = (
    Option(
        "classes",
        "scrape clean review fit export doctor",
        "the words; default: classes.toml",
        {"type": Path, "metavar": "FILE"},
        Path("classes.toml"),
    ),
    Option(
        "data",
        "scrape clean review fit export push space doctor",
        "pictures, decisions, the fit in progress; default: data",
        FOLDER,
        Path("data"),
    ),
    Option("model", "push space embed doctor", "the model's folder, to be read; default: model", FOLDER, Path("model")),
    Option("out", "export embed", "the folder to be written; default: model, of embed site", FOLDER, Path("model")),
    Option("arch", "fit", "timm's name of a network (README: which for what)", NAME, DEFAULT),
    Option("epochs", "fit", "passes over the training pictures; default: 2", NUMBER, 2),
    Option("seed", "fit", "of split, shuffling and augmentation; default: 0", NUMBER, 0),
    Option("device", "fit", "default: the best there is", {"choices": ["cuda", "mps", "cpu"]}),
    Option("openverse", "scrape doctor", "another server for the Openverse API", URL),
    Option("commons", "scrape doctor", "another server for the Wikimedia Commons API", URL),
    Option(
        "engine",
        "scrape",
        "ask this search engine; may be given again. Default: openverse, commons",
        {"action": "append", "choices": ["openverse", "commons", "bing", "duckduckgo"]},
        [],
    ),
    Option(
        "from",
        "review",
        "also pictures that visitors say were judged wrong: what a page's ZIP or KEEP_WRONG holds",
        {"metavar": "FOLDER_OR_ZIP_OR_REPO", "dest": "source"},
    ),
    Option("on", "fit", "fit on a machine of the Hugging Face Hub's instead", {"choices": ["hf-jobs"]}),
    Option("flavor", "fit", "that machine: see `hf jobs hardware`; default: t4-small", NAME, "t4-small"),
    Option("push", "push space", "the model's repository on the Hub", {"metavar": "USER/REPO"}),
    Option("space", "space", "the page's Space on the Hub", {"metavar": "USER/SPACE"}),
    Option("static", "space", "a Space without a server: the page of `embed`", FLAG, False),
    Option("hardware", "space", "the Space's, as the Hub calls it: cpu-basic, zero-a10g ...", NAME),
    Option("private", "push space", "create it for your eyes only", FLAG, False),
    Option("overwrite", "push space", "even if it has changed since the last push from here", FLAG, False),
)
# Words of the whole pipeline that a stage takes and leaves alone, so that one list of options will do for all of them.
COMMON = ("classes", "data", "out", "arch", "epochs", "seed", "device", "openverse", "commons")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line: a stage and what it reads, or no stage and what the pipeline reads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, [*PIPELINE, "push", "space"], hidden=["model"])
    stages = parser.add_subparsers(dest="stage", metavar="STAGE", help=", ".join(STAGES))
    for name, stage in STAGES.items():
        add_options(stages.add_parser(name, description=stage.__doc__), [name], hidden=COMMON)
    given = vars(parser.parse_args(arguments))
    defaults = {option.name: option.default for option in OPTIONS}
    if given["stage"] == "embed":
        defaults |= {"model": Path(os.environ.get("MODEL") or "model"), "out": Path("site")}
    elif "out" in given:
        defaults["model"] = given["out"]  # what was exported there
    return argparse.Namespace(**{"source": None, **defaults, **given})


def add_options(parser: argparse.ArgumentParser, stages: Sequence[str], hidden: Sequence[str]) -> None:
    """Give a parser the options that these stages read; the hidden ones it takes without a word."""
    for option in OPTIONS:
        read = not set(option.stages.split()).isdisjoint(stages)
        if read or option.name in hidden:
            told = option.help if read else argparse.SUPPRESS
            parser.add_argument(f"--{option.name}", default=argparse.SUPPRESS, help=told, **option.settings)


def main(arguments: list[str] | None = None) -> int:
    """Run one stage, or the pipeline; the exit status."""
    args = parse(arguments)
    try:
        publishing = [stage for stage in ("push", "space") if getattr(args, stage)]
        stages = [args.stage] if args.stage else [*PIPELINE, *publishing]
        check_settings(args, stages)
        if "scrape" in stages:
            args.data.mkdir(parents=True, exist_ok=True)
        with alone(args.data) if WRITES & set(stages) else nullcontext():
            for stage in stages:
                STAGES[stage](args)
        if not args.stage:
            print(what_next(args.data, args.model))
    except BeerCanOrBaconError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a folder that may not be written
        what = f"{error.filename}: {error.strerror}" if error.filename else error
        print(f"train.py: {what}. Nothing half-written is left; put it right and run the same command again.",
              file=sys.stderr)  # fmt: skip
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
