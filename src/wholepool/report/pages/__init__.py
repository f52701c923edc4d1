"""What is made of the results, one file per page. To add one: a module here, or in a package.

    FILES = ("tables/mine.csv",)
    TITLE = "Mine"
    PLACE = 55

    def make(results: Results) -> None: ...
    def show(results: Results) -> str: ...

A page writes files, or has a place in report.html, or both. FILES stand below the results folder:
in tables/ or in figures/, made by the stage of that name; or, with STAGE = "statistics", in both.
`show` gives a piece of HTML, made with `wholepool.report.fragment`, which stands under TITLE; the
lower PLACE stands first (where people label those of PEOPLE_PLACE, and nothing else does where all
experiments ask people); empty text leaves it out.
`wholepool.report.results` says what a page is given.
"""
