"""Reading YAML."""

from pathlib import Path
from typing import Any

import yaml

from wholepool.job.errors import UserError


class Loader(yaml.SafeLoader):
    """YAML without objects, and with each key once: YAML itself takes the last, silently."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"key {key.value!r} stands there a second time: keep one of the two",
                    problem_mark=key.start_mark,
                )
            seen.add(key.value)
        return node


def read_yaml(path: str | Path, option: str = "the file") -> dict[str, Any]:
    """A YAML file's table, as `option` names it. Raises UserError if it is not one."""
    try:
        found = Loader(Path(path).read_text(encoding="utf-8")).get_single_data()
    except FileNotFoundError:
        raise UserError(f"{path} is missing: give {option} that is there") from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): give {option} that can"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not YAML: it is no text in UTF-8 ({error.reason})") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise UserError(
            f"{path}{where}: {problem}: it is not YAML as a grid needs it; indent with spaces, "
            "close what was opened, and give each key once"
        ) from error
    if not isinstance(found, dict):
        kind = "empty" if found is None else f"a {type(found).__name__}"
        raise UserError(
            f"{path} is {kind}, but must be a table of keys: a grid has datasets and experiments"
        )
    return found
