"""A small Evaluation, as a fit leaves it."""

from beercan_or_bacon.training.evaluation import ALL, NOTHING, REST, WHICH, Estimate, Evaluation, Figure, Search

CERTAIN, GOOD, BAD = Estimate(1.0, 0.99, 1.0), Estimate(0.9, 0.8, 0.95), Estimate(0.04, 0.0, 0.1)
LABELS, LIKE = ("beer can", "bacon"), ("soda cans", "ham")

EVALUATION = Evaluation(
    labels=LABELS, scale=(1.5, 1.0), shift=(0.25, 0.0), thresholds=(0.4, 0.6), close=((0.3, 0.5), (0.5, 0.7)),
    like=LIKE, counts={"neither": 700, "beer can": 300, "bacon": 299}, sources=400,
    figures=(
        Figure("right", "", WHICH, CERTAIN, CERTAIN, 599, 200),
        Figure("called", "", NOTHING, BAD, GOOD, 700, 200),
        *(Figure("found", label, label, GOOD, BAD, 300, 100) for label in LABELS),
        *(Figure("area", label, like, GOOD, BAD, 400, 100) for label, like in zip(LABELS, LIKE, strict=True)),
        *(Figure("called", label, REST, BAD, BAD, 400, 100) for label in LABELS),
        *(Figure("calibration error", label, ALL, BAD, BAD, 1299, 400) for label in LABELS),
    ),
    unlike={"the 3 largest sources": (Figure("found", "bacon", "bacon", Estimate(0.75, 0.43, 0.95), BAD, 12, 3),)},
    searches=(Search("soda can", "soda cans", 20, 5), Search("pie", "food", 4, 4), Search("portrait", "people", 30, 1)),
    sentences=("Of 100 beer cans it finds about 90.", "Of 100 pictures of bacon it finds about 90."),
)  # fmt: skip
