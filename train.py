"""From search terms to a published classifier.

    python train.py                          scrape, clean, fit, export; each stage skips what is already done
    python train.py STAGE [options]          one stage: scrape, clean, review, fit, export, push, space, embed, doctor

    python train.py --epochs 3 --device cpu            shorter, on the CPU
    python train.py review                             look at the doubtful pictures and decide
    python train.py push --push USER/REPO              the model, to the Hugging Face Hub
    python train.py space --space USER/SPACE           the page, to a Space
    python train.py fit --on hf-jobs --flavor t4-small  the fit on a rented GPU, its result here
    python train.py embed --out DIR                    the page as static files, for any web server

The words come from classes.toml: edit that file to tell two other things apart.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from beercan_or_bacon.errors import BeerCanOrBaconError, HubError
from beercan_or_bacon.training.classes import load_classes

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

    review(load_classes(args.classes), args.data)


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

    export(load_classes(args.classes), args.data, args.out)


def embed(args: argparse.Namespace) -> None:
    """model/ -> the page as static files: the classifier runs in the reader's browser."""
    from beercan_or_bacon.training.publish.static import build_embed

    model = Path(os.environ.get("MODEL", HERE / "model"))
    out = build_embed(model, args.out, sorted((HERE / "examples").glob("*.jpg")))
    print(f"The page is in {out}. Any web server will do; to look at it: python -m http.server -d {out}")


def push(args: argparse.Namespace) -> None:
    """model/ -> a model repository on the Hub."""
    from beercan_or_bacon.training.publish.model import push

    push(args.out, needed(args.push, "--push USER/REPO"), args.data, private=args.private, overwrite=args.overwrite)


def space(args: argparse.Namespace) -> None:
    """The page -> a Space."""
    from beercan_or_bacon.training.publish.space import publish_space

    publish_space(
        needed(args.space, "--space USER/SPACE"), args.out, args.data, repo=args.push, static=args.static,
        hardware=args.hardware, private=args.private, overwrite=args.overwrite,
    )  # fmt: skip


def doctor(args: argparse.Namespace) -> None:
    """What will work on this machine, and what to do about the rest."""
    from beercan_or_bacon.training.doctor import examine

    examine(args.out, args.data)


def needed(value: str | None, option: str) -> str:
    """The value of an option that a stage cannot do without."""
    if not value:
        raise HubError(f"This stage needs {option}: the name to publish under.")
    return value


STAGES = {stage.__name__: stage for stage in (scrape, clean, review, fit, export, push, space, embed, doctor)}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", nargs="?", choices=STAGES, metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("--classes", type=Path, default=Path("classes.toml"), help="the words")
    parser.add_argument("--data", type=Path, default=Path("data"), help="pictures, decisions, the fit in progress")
    parser.add_argument("--out", type=Path, default=Path("model"), help="the finished model's folder")
    parser.add_argument("--arch", default="tf_efficientnet_lite2", metavar="NAME", help="timm's name of the backbone")
    parser.add_argument("--epochs", type=int, default=6, metavar="N", help="passes over the training pictures")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of split, shuffling and augmentation")
    parser.add_argument("--device", choices=["cuda", "mps", "cpu"], help="default: the best there is")
    parser.add_argument("--openverse", metavar="URL", help="another server for the Openverse API")
    parser.add_argument("--commons", metavar="URL", help="another server for the Wikimedia Commons API")
    parser.add_argument("--engine", action="append", default=[], choices=["openverse", "commons", "bing", "duckduckgo"],
                        help="ask this search engine; may be given again. Default: openverse, commons")  # fmt: skip
    parser.add_argument("--on", choices=["hf-jobs"], help="fit on a machine of the Hugging Face Hub's instead")
    parser.add_argument("--flavor", default="t4-small", metavar="NAME", help="that machine: see `hf jobs hardware`")
    parser.add_argument("--push", metavar="USER/REPO", help="the model's repository on the Hub")
    parser.add_argument("--space", metavar="USER/SPACE", help="the page's Space on the Hub")
    parser.add_argument("--static", action="store_true", help="a Space without a server: the page of `embed`")
    parser.add_argument("--hardware", metavar="NAME", help="the Space's, as the Hub calls it: cpu-basic, zero-a10g ...")
    parser.add_argument("--private", action="store_true", help="create it for your eyes only")
    parser.add_argument("--overwrite", action="store_true", help="even if it has changed since the last push from here")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run one stage, or the pipeline; the exit status."""
    args = parse(arguments)
    try:
        publishing = [stage for stage in ("push", "space") if getattr(args, stage)]
        for stage in [args.stage] if args.stage else [*PIPELINE, *publishing]:
            STAGES[stage](args)
    except BeerCanOrBaconError as error:
        print(f"train.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
