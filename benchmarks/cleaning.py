"""How well cleaning cleans, scored against what a person saw.

    python -m benchmarks.cleaning DATA TRUTH [--copies N]

DATA is a data folder after `python train.py clean`; TRUTH a CSV with the columns file (the last part of a picture's
address) and true_label (a class's name with or without its spaces, `neither`, `drawing`, `ambiguous`). Drawings are
counted apart; what is ambiguous shows the class and something else, and is counted neither as good nor as bad.
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from beercan_or_bacon.serving.pictures import open_picture
from beercan_or_bacon.training.classes import load_classes
from beercan_or_bacon.training.clean.duplicates import near_duplicates
from beercan_or_bacon.training.clean.embeddings import look_at
from beercan_or_bacon.training.table import Record, read_table

COPIES_NOT_LOST = {"near duplicate", "exact duplicate"}  # another copy of the picture is kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--classes", type=Path, default=Path("classes.toml"))
    parser.add_argument("--copies", type=int, default=0, metavar="N", help="also: four copies each of N pictures")
    args = parser.parse_args()
    classes = load_classes(args.classes)
    records = [record for record in read_table(args.data) if record.file]
    looks = look_at(args.data, {record.sha256: record.file for record in records})
    with args.truth.open(newline="") as file:
        truth = {row["file"]: row["true_label"] for row in csv.DictReader(file)}

    def seen(record: Record) -> str:
        return truth[record.url.rsplit("/", 1)[-1].partition("?")[0]]

    print(f"{'':34}{'good lost':>16}{'neither dropped':>20}{'drawings dropped':>20}")
    for label in classes.labels:
        mine = [record for record in records if record.label == label and record.sha256 in looks]
        kinds = np.array([seen(record) for record in mine])
        good = np.isin(kinds, [label, label.replace(" ", "")])
        ours = np.array([r.decision == "drop" and r.reason not in COPIES_NOT_LOST for r in mine])
        words = excluded_words(classes.searches[label])
        by_words = np.array([bool(words & set(record.title.lower().split())) for record in mine])
        scores = plain_scores(records, looks, mine)
        plain = scores < np.sort(scores[good])[int(ours[good].sum())]  # at the same loss, which nobody would know
        for name, dropped in (
            ("excluded search words", by_words),
            ("plain logistic regression", plain),
            ("clean", ours),
        ):
            shares = [share(dropped[mask]) for mask in (good, kinds == "neither", kinds == "drawing")]
            print(f"{label + ': ' + name:34}{shares[0]:>16}{shares[1]:>20}{shares[2]:>20}")
    neither = [record for record in records if record.label == "neither"]
    wrong = np.array([record.decision == "drop" and record.reason not in COPIES_NOT_LOST for record in neither])
    right = np.array([seen(record) == "neither" for record in neither])
    print(f"neither: {share(wrong[right])} of the good lost, {share(wrong[~right])} of the others dropped")
    if args.copies:
        copies(args.data, records, looks, args.copies)


def share(mask: np.ndarray) -> str:
    return f"{mask.sum()}/{len(mask)} {100 * mask.mean() if len(mask) else 0:.1f} %"


def excluded_words(searches: tuple[str, ...]) -> set[str]:
    return {word.removeprefix("-").lower() for search in searches for word in search.split() if word.startswith("-")}


def plain_scores(records: list[Record], looks: dict, mine: list[Record]) -> np.ndarray:
    """Out-of-fold scores of an ordinary logistic regression on the backbone's pooled features, labels as found."""
    pictures = list(dict.fromkeys(record.sha256 for record in records if record.sha256 in looks))
    found = {record.sha256 for record in mine}
    features = np.stack([looks[sha256].grid.astype(np.float32).mean((0, 1)) for sha256 in pictures])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=200))
    scores = cross_val_predict(
        model, features, [sha256 in found for sha256 in pictures], method="decision_function",
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
    )  # fmt: skip
    of = dict(zip(pictures, scores, strict=True))
    return np.array([of[record.sha256] for record in mine])


def copies(data: Path, records: list[Record], looks: dict, count: int) -> None:
    """Re-encode, halve, crop and watermark some pictures and see which are recognised among all the others."""
    pictures = {record.sha256: record.file for record in records if record.sha256 in looks}
    chosen = np.random.default_rng(0).permutation(sorted(pictures))[:count]
    known = list(pictures)
    alone = near_duplicates([looks[sha256] for sha256 in known])
    extra = len(alone) - len(set(alone))
    print(f"distinct pictures called copies of another: at most {extra}/{len(alone)} {100 * extra / len(alone):.2f} %")
    for name, change in CHANGES.items():
        with TemporaryDirectory() as folder:
            (Path(folder) / "pictures").mkdir()
            files = {}
            for sha256 in chosen:
                files[sha256] = f"pictures/{sha256}.jpg"
                change(open_picture(data / pictures[sha256])).save(Path(folder) / files[sha256], quality=60)
            changed = look_at(Path(folder), files)
        groups = near_duplicates([*(looks[sha256] for sha256 in known), *changed.values()])
        found = [
            groups[len(known) + n] == groups[known.index(sha256)] for n, sha256 in enumerate(changed)
        ]  # fmt: skip
        print(f"copies found, {name}: {share(np.array(found))}")


def crop(picture: Image.Image) -> Image.Image:
    """8 % of each side's length away, more from one end than from the other."""
    width, height = picture.size
    return picture.crop((round(0.02 * width), round(0.05 * height), round(0.94 * width), round(0.97 * height)))


def watermark(picture: Image.Image) -> Image.Image:
    """Words across the middle, half transparent."""
    layer = Image.new("RGBA", picture.size)
    font = ImageFont.load_default(max(10, picture.width // 9))
    place = (0.08 * picture.width, 0.45 * picture.height)
    ImageDraw.Draw(layer).text(place, "© photo.example", fill=(255, 255, 255, 140), font=font, stroke_width=1)
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def encode(picture: Image.Image) -> Image.Image:
    """Through a poor JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=35)
    return Image.open(buffer).convert("RGB")


CHANGES = {
    "re-encoded": encode,
    "half the size": lambda picture: picture.reduce(2),
    "8 % cropped": crop,
    "watermarked": watermark,
}

if __name__ == "__main__":
    main()
