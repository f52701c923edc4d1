import os

from wholepool import environment


def test_the_package_comes_first_and_once(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/other", ""]))
    environment.export_package()
    environment.export_package()
    first, *rest = os.environ["PYTHONPATH"].split(os.pathsep)
    assert os.path.isfile(os.path.join(first, "wholepool", "environment.py"))
    assert rest == ["/other"]
