"""What CMake knows of our targets, as targets.cmake wrote it at the last configuration."""

import json
import pathlib
from typing import NamedTuple

import rules


class Target(NamedTuple):
    name: str
    folder: str  # of the CMakeLists.txt that declares it; "." for the top
    sources: list  # paths in the repository; what is generated lies in the build folder and is left out
    links: list  # direct ones, by name

    def is_test(self):
        return (self.folder + "/").startswith(tuple(room + "/" for room in rules.TEST_ROOMS))

    def places(self):
        """The paths that tell to which rooms it belongs."""
        return self.sources or [self.folder + "/CMakeLists.txt"]


def read_targets(build, tree):
    """The targets by name. FileNotFoundError where the build folder was never configured."""
    described = json.loads((pathlib.Path(build) / "tidy" / "targets.json").read_text())
    return {
        entry["name"]: Target(
            entry["name"],
            entry["folder"] or ".",
            [source for source in entry["sources"] if tree.has(source)],
            [link for link in entry["links"] if not link.startswith("::@")],
        )
        for entry in described
    }
