"""What the stage `standing` writes, at its least."""

NOBODY = {"asked": 0, "right": 0, "share": None, "low": 0.0, "high": 1.0}
PLAIN = {
    "closed": 1,
    "images": {"n": 45, "copies": 0, "near": 0, "rejected": 0, "gone": 0},
    "answers": {"train": 9, "audit": 0, "unsure": 0, "bad": 0, "later": 0, "disputed": 0},
    "classes": {
        "cat": {"labels": 7, "predicted": 30, "audit": None},
        "dog": {"labels": 2, "predicted": 15, "audit": None},
    },
    "audit": {**NOBODY, "by_class": {}, "guess_shown": 0},
    "test_accuracy": None,
    "agreement": None,
    "suspicious": 0,
    "advice": {"said": "It is too early to say.", "word": "go on", "kappa": None, "gain": None},
}
