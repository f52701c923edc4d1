import pandas as pd

from wholepool.report.render import best_cells, latex_escape, to_csv, to_latex, to_markdown


def small_table(cells):
    index = pd.MultiIndex.from_tuples(
        [("Cycle 0", "Labels"), ("Cycle 0", "A"), ("Cycle 1", "A"), ("Cycle 1", "B_%")],
        names=["Cycle", "Strategy"],
    )
    columns = pd.MultiIndex.from_tuples([("X & Y", "m#1"), ("X & Y", "m|2")], names=["E", None])
    return pd.DataFrame(cells, index=index, columns=columns)


CELLS = [
    ["99", "99"],
    ["50.00±1.00", "–"],
    ["9.50±1.00", "60.00±1.00"],
    ["10.00±2.00", "60.00±9.00"],
]


def test_best_means_are_numbers_per_cycle_and_column():
    # 10.00 beats 9.50 though "9" sorts after "1"; equal means are both best; the lone cells of
    # cycle 0 and the numbers of labels are not marked.
    assert best_cells(small_table(CELLS)) == {(3, 0), (2, 1), (3, 1)}


def test_markdown():
    text = to_markdown(small_table(CELLS), "A < B", best_cells(small_table(CELLS)))
    assert text == (
        "A \\< B\n\n"
        "| Cycle | Strategy | X & Y: m#1 | X & Y: m\\|2 |\n"
        "| :--- | :--- | :---: | :---: |\n"
        "| Cycle 0 | Labels | 99 | 99 |\n"
        "| Cycle 0 | A | 50.00±1.00 | – |\n"
        "| Cycle 1 | A | 9.50±1.00 | **60.00±1.00** |\n"
        "| Cycle 1 | B_% | **10.00±2.00** | **60.00±9.00** |\n"
    )


def test_latex():
    table = small_table(CELLS)
    text = to_latex(table, "50% ± 1", "tab:x", best_cells(table))
    assert text.splitlines() == [
        r"% Needs \usepackage{booktabs,graphicx}.",
        r"\begin{table}[t]",
        r"\centering",
        r"\small",
        r"\caption{50\% $\pm$ 1}",
        r"\label{tab:x}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{llcc}",
        r"\toprule",
        r" &  & \multicolumn{2}{c}{X \& Y} \\",
        r"\cmidrule(lr){3-4}",
        r"Cycle & Strategy & m\#1 & m|2 \\",
        r"\midrule",
        r"Cycle 0 &  & \multicolumn{2}{c}{99 labels} \\",
        r" & A & 50.00$\pm$1.00 & -- \\",
        r"\midrule",
        r"Cycle 1 & A & 9.50$\pm$1.00 & \textbf{60.00$\pm$1.00} \\",
        r" & B\_\% & \textbf{10.00$\pm$2.00} & \textbf{60.00$\pm$9.00} \\",
        r"\bottomrule",
        r"\end{tabular}%",
        r"}",
        r"\end{table}",
    ]


def test_latex_escapes_every_special_character():
    assert latex_escape("\\&%$#_{}~^<>±×–é") == (
        r"\textbackslash{}\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}"
        r"\textless{}\textgreater{}$\pm$$\times$--é"
    )


def test_csv():
    assert to_csv(small_table(CELLS)).splitlines()[:3] == [
        "Cycle,Strategy,X & Y: m#1,X & Y: m|2",
        "Cycle 0,Labels,99,99",
        "Cycle 0,A,50.00±1.00,–",
    ]
    one = pd.DataFrame({"a, b": ['say "x"']}, index=pd.Index(["r"], name="Name"))
    assert to_csv(one) == 'Name,"a, b"\nr,"say ""x"""\n'
