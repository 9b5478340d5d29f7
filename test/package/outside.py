#!/usr/bin/env python3
"""Installs the build into a folder and uses it as somebody else would, without the source tree.

usage: outside.py BUILD_FOLDER SOURCE_FOLDER
"""

import pathlib
import re
import shutil
import sys

import support
from support import check, run

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
EXAMPLE_LINES_MAX = 60

# What an installed tree must hold, as patterns below its prefix.
INSTALLED = [
    "bin/tagma",
    "lib*/libtagma_client.so", "lib*/libtagma_client.so.*", "lib*/libtagma_service.so", "lib*/libtagma_service.so.*",
    "lib*/cmake/tagma/tagmaConfig.cmake", "lib*/cmake/tagma/tagmaConfigVersion.cmake",
    "lib*/cmake/tagma/tagmaTargets.cmake",
    "lib*/pkgconfig/tagma-client.pc", "lib*/pkgconfig/tagma-service.pc", "lib*/pkgconfig/tagma-voting.pc",
    "lib/systemd/system/tagma-replica@.service",
    "share/doc/tagma/copyright", "share/doc/tagma/LICENSE", "share/doc/tagma/CHANGELOG.md",
    "share/doc/tagma/tutorial.md", "share/doc/tagma/divergence.md", "share/doc/tagma/disks.md",
    "share/doc/tagma/reference.md", "share/doc/tagma/voting.md", "share/doc/tagma/groups.md",
    "share/doc/tagma/administration.md", "share/doc/tagma/examples/vote_sensors.cpp",
    "share/doc/tagma/examples/tally.cpp", "share/doc/tagma/examples/ask_tally.cpp",
    "share/doc/tagma/examples/ask_tally.c", "share/doc/tagma/examples/ask_tally.py", "share/doc/tagma/examples/CMakeLists.txt",
]


def check_tree(prefix, source):
    for pattern in INSTALLED:
        check(list(prefix.glob(pattern)), f"the installed tree lacks {pattern}")
    public = {path.name for path in source.glob("**/include/tagma/*.h") if "build" not in path.parts}
    installed = {path.name for path in (prefix / "include/tagma").iterdir()}
    check(installed == public, f"installed headers and the source's public ones differ: {installed ^ public}")
    outside = [path for path in (prefix / "include").rglob("*") if path.is_file() and path.parent.name != "tagma"]
    check(not outside, f"headers outside of include/tagma: {outside}")


def check_documents(prefix):
    """What is installed to be read leads to nothing that is not, and is what the help names."""
    documents = prefix / "share/doc/tagma"
    for document in documents.glob("*.md"):
        text = document.read_text()
        for target in re.findall(r"\]\(([^):]+)\)", text):
            check((documents / target).exists(), f"{document.name} links to {target}, which is not installed")
        check("\n\\include" not in text, f"{document.name} has an unresolved include")
    for example in re.findall(r"`(examples/[a-z_.]+)`", (documents / "reference.md").read_text()):
        check((documents / example).is_file(), f"reference.md names {example}")
    for command, document in (("diff", "divergence.md"), ("replica", "disks.md"), ("recover", "disks.md")):
        help_text = run([prefix / "bin/tagma", command, "--help"])
        check(document in help_text and "share/doc/tagma" in help_text, f"{command} --help names its document")


def check_headers(prefix, folder):
    """Each header compiles alone, and includes public headers and the standard library only."""
    include = prefix / "include"
    for header in sorted((include / "tagma").iterdir()):
        for name in re.findall(r'^#include "([^"]+)"', header.read_text(), re.MULTILINE):
            check(name.startswith("tagma/") and (include / name).is_file(), f"{header.name} includes {name}")
        for name in re.findall(r"^#include <([^>]+)>", header.read_text(), re.MULTILINE):
            check("/" not in name, f"{header.name} includes <{name}>, which is not of the standard library")
        languages = [("c++", "c++20", "cpp")]
        if header.name == "client_c.h":
            languages.append(("cc", "c11", "c"))
        for compiler, standard, suffix in languages:
            alone = folder / f"alone.{suffix}"
            alone.write_text(f'#include "tagma/{header.name}"\n#include "tagma/{header.name}"\n')
            run([compiler, f"-std={standard}", *WARNINGS, "-I", include, "-fsyntax-only", alone])


def check_symbols(prefix):
    """Nothing is exported but tagma:: and tagma_*, and no library looks for others in a folder of the build."""
    for library in prefix.glob("lib*/libtagma_*.so"):
        names = []
        for line in run(["nm", "-D", "--defined-only", "-C", library]).splitlines():
            kind, name = line.split(maxsplit=2)[1:]
            if kind != "A":  # the name of the version itself
                names.append(name)
        check(len(names) > 10, f"{library.name} exports only {names}")
        for name in names:
            check(re.match(r"(typeinfo (name )?for |vtable for )?tagma(::|_)", name), f"{library.name} exports {name}")
        check("RUNPATH" not in run(["readelf", "-d", library]), f"{library.name} has a RUNPATH")


def check_no_build_paths(prefix, forbidden):
    for path in [*prefix.glob("lib*/cmake/tagma/*"), *prefix.glob("lib*/pkgconfig/*"), *prefix.glob("lib/systemd/**/*")]:
        if path.is_file():
            for word in forbidden:
                check(str(word) not in path.read_text(), f"{path.relative_to(prefix)} names {word}")


def check_unit(prefix, folder):
    if shutil.which("systemd-analyze") is None:
        print("systemd-analyze is not here: the unit is not verified")
        return
    unit = (prefix / "lib/systemd/system/tagma-replica@.service").read_text()
    check("\nExecStart=tagma replica " in unit, "the unit does not start `tagma replica`")
    copy = folder / "tagma-replica@.service"
    copy.write_text(unit.replace("ExecStart=tagma", f"ExecStart={prefix}/bin/tagma"))
    run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", copy])


VOTING_PROJECT = """cmake_minimum_required(VERSION 3.25)
project(voting LANGUAGES CXX)
find_package(tagma REQUIRED)
add_executable(vote_sensors vote_sensors.cpp)
target_link_libraries(vote_sensors PRIVATE tagma::voting)
"""


def build_voters(examples, folder, environment):
    """A project of its own: it needs no other library."""
    source = folder / "voting"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(VOTING_PROJECT)
    shutil.copy(examples / "vote_sensors.cpp", source)
    flags = " ".join(WARNINGS)
    run(["cmake", "-S", source, "-B", source / "build", f"-DCMAKE_CXX_FLAGS={flags}"], environment=environment)
    run(["cmake", "--build", source / "build"], timeout_s=300, environment=environment)
    return source / "build"


def build_examples(prefix, examples, folder, environment):
    """The example project by CMake, and each of its programs by pkg-config; the folders of the programs."""
    for path in examples.iterdir():
        lines = len(path.read_text().splitlines())
        check(lines < EXAMPLE_LINES_MAX, f"{path.name} has {lines} lines; under {EXAMPLE_LINES_MAX} is promised")
    by_cmake = folder / "by-cmake"
    flags = " ".join(WARNINGS)
    run(["cmake", "-S", examples, "-B", by_cmake, f"-DCMAKE_C_FLAGS={flags}", f"-DCMAKE_CXX_FLAGS={flags}"],
        environment=environment)
    run(["cmake", "--build", by_cmake], timeout_s=300, environment=environment)

    by_pkg_config = folder / "by-pkg-config"
    by_pkg_config.mkdir()
    for program, compiler, source, package in [("tally", ["c++", "-std=c++20"], "tally.cpp", "tagma-service"),
                                               ("ask_tally", ["c++", "-std=c++20"], "ask_tally.cpp", "tagma-client"),
                                               ("ask_tally_c", ["cc", "-std=c11"], "ask_tally.c", "tagma-client"),
                                               ("vote_sensors", ["c++", "-std=c++20"], "vote_sensors.cpp",
                                                "tagma-voting")]:
        options = run(["pkg-config", "--cflags", "--libs", package], environment=environment).split()
        check(str(prefix) in " ".join(options), f"pkg-config {package} does not point into {prefix}: {options}")
        run([*compiler, *WARNINGS, examples / source, "-o", by_pkg_config / program, *options],
            environment=environment)
    return by_cmake, by_pkg_config


def use_voters(prefix, folders, folder, environment):
    """What docs/voting.md shows, by the program that CMake built and the one of pkg-config."""
    page = (prefix / "share/doc/tagma/voting.md").read_text()
    said_there = re.search(r"^./vote_sensors 1 .*?^```\n\n```\n(.*?)^```", page, re.MULTILINE | re.DOTALL).group(1)
    files = re.findall(r"^printf '([^']*)' > (\w+)", page, re.MULTILINE)
    check(len(files) == 3, f"the page writes three sensors' files, not {files}")
    for lines, name in files:
        (folder / name).write_text(lines.replace("\\n", "\n"))
    for built in folders:
        program = built / "vote_sensors"
        said = run([program, "1", *[folder / name for _, name in files]], environment=environment)
        check(said == said_there, f"{program} said {said!r}, docs/voting.md says {said_there!r}")
        refused = run([program, "2", *[folder / name for _, name in files]], expect=2, environment=environment)
        check(refused.strip() in page, f"the refusal is the one in docs/voting.md, not: {refused}")


def use_cluster(prefix, by_cmake, by_pkg_config, folder, environment):
    ports = support.Ports()
    cluster = None
    try:
        program = by_cmake / "tally"
        directory = folder / "cluster"
        # Programs that CMake built find the libraries by themselves: hence no LD_LIBRARY_PATH.
        plain = {name: value for name, value in environment.items() if name != "LD_LIBRARY_PATH"}
        cluster = support.Background(
            [program, "up", "--dir", directory, "--service", "tally", "--base-port", str(ports.base)], plain)
        cluster.await_line(lambda line: line.startswith("ready"), "ready")

        def call(words, expect=0, tool=program):
            return run([tool, "call", "--dir", directory, *words], expect=expect, environment=environment).strip()

        check(call(["tally", "add", "3"]) == "3", "tally add 3 is 3")
        agreed = "the tally is {}, say 2 replicas alike"
        for at, client in enumerate([by_cmake / "ask_tally", by_cmake / "ask_tally_c", by_pkg_config / "ask_tally",
                                     by_pkg_config / "ask_tally_c"]):
            said = run([client, directory, "10"], environment=environment).strip()
            check(said == agreed.format(13 + 10 * at), f"{client} said: {said}")
        python = {**environment, "PYTHONPATH": str(prefix / "lib/python3/dist-packages"), "PYTHONDONTWRITEBYTECODE": "1"}
        said = run(["/usr/bin/python3", prefix / "share/doc/tagma/examples/ask_tally.py", directory, "10"],
                   environment=python).strip()
        check(said == agreed.format(53), f"the Python client said: {said}")
        check(call(["tally", "read"], tool=by_pkg_config / "tally") == "53", "tally read is 53, by pkg-config's program")
        check(call(["tally", "read"], tool="tagma") == "53", "tagma's own call reaches a service that it does not know")
        refused = call(["tally", "add", "many"], expect=1)
        check("usage: tally add NUMBER" in refused, f"a bad operation is refused with the usage, not: {refused}")
        largest = call(["tally", "add", str(2**63 - 1)], expect=1)
        check("the tally would overflow" in largest, f"an exception is a refusal with its text, not: {largest}")
        check("no such service here: kv" in call(["kv", "put", "a", "b"], expect=1), "only tally is hosted")
        check(call(["tally", "read"]) == "53", "refused operations change nothing")
        check("3 of 4" not in run([program, "status", "--dir", directory], environment=environment), "all four answer")
        check(cluster.stop() == 0, "Ctrl-C ends `up` with status 0")
    finally:
        if cluster is not None:
            cluster.kill()
        ports.close()


def test(folder):
    build, source = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    prefix = folder / "prefix"
    support.install(build, prefix)
    environment = support.installed_environment(prefix)
    check_tree(prefix, source)
    check_documents(prefix)
    check_headers(prefix, folder)
    check_symbols(prefix)
    check_no_build_paths(prefix, [build, source, folder, "/usr/local"])
    check_unit(prefix, folder)
    check(run([prefix / "bin/tagma", "--version"]).startswith("tagma "), "the installed program says its version")
    programs = build_examples(prefix, prefix / "share/doc/tagma/examples", folder, environment)
    voters = build_voters(prefix / "share/doc/tagma/examples", folder, environment)
    use_voters(prefix, [voters, programs[1]], folder, environment)
    use_cluster(prefix, *programs, folder, environment)
    print("installed, moved, compiled against by CMake and pkg-config, and used with four replicas")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    support.main(test)
