"""report.html: one file that holds all pages which have a place in it."""

from __future__ import annotations

from pathlib import Path

from wholepool.job.files import write_text
from wholepool.job.registry import plugins
from wholepool.report.results import Results


def write_report(results: Results, out: Path) -> None:
    """Write the report."""
    shown = [page for page in plugins("page").values() if page["PLACE"]]
    shown.sort(key=lambda page: page["PLACE"])
    parts = [(page["TITLE"], page.load().show(results)) for page in shown]
    body = "".join(f"<section><h2>{title}</h2>{text}</section>" for title, text in parts if text)
    write_text(out, f"<!doctype html><title>wholepool</title>{body}")
