"""The benchmark of jobs that share a GPU, run on a CPU."""

import json
import subprocess
import sys
from pathlib import Path

PATH = Path(__file__).parents[2] / "benchmarks" / "gpu_packing.py"


def test_it_runs_on_a_cpu(tmp_path):
    out = tmp_path / "rows.json"
    command = [sys.executable, str(PATH), "--device", "cpu", "--jobs", "1", "2"]
    command += ["--width", "0.0625", "--epochs", "1", "--labels", "32", "--out", str(out)]
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())
    assert [(row["width"], row["jobs"]) for row in rows] == [(0.0625, 1), (0.0625, 2)]
    assert all(row["images_per_second"] > 0 and row["mb_per_job"] > 10 for row in rows)
    assert rows[1]["mb_all"] > 1.5 * rows[0]["mb_all"]
    assert done.stdout.count("\n| 0.0625 |") == 2
