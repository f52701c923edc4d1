import json

import pytest
from by_hand import chain, python, write_embed_and_train_outputs

RUN_AND_WATCH = """
import json, sys
from wholepool.__main__ import main
heavy = []
for command in json.load(sys.stdin):
    code = main(command)
    heavy.append([command[0], code, "torch" in sys.modules or "torchvision" in sys.modules])
print(json.dumps(heavy))
"""


@pytest.fixture(scope="session")
def light_stages(tmp_path_factory):
    """Every stage without a network, run one after the other in a process that watches imports."""
    folder = tmp_path_factory.mktemp("stages")
    write_embed_and_train_outputs(folder)
    done = python("-c", RUN_AND_WATCH, input=json.dumps(chain(folder)))
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout.splitlines()[-1]), done.stderr
