"""What is made of the results, one file per page. To add one: a module here, or in a package.

    FILES = ("tables/mine.csv",)

    def make(results: Results) -> None: ...

FILES stand below the results folder, all in tables/ or all in figures/: the stage of that name
makes them. `wholepool.report.results` says what a page is given.
"""
