#!/usr/bin/env python3
"""Makes the Debian package of the build and looks into it. Exit 77: dpkg's tools are not here.

usage: debian.py BUILD_FOLDER VERSION
"""

import pathlib
import re
import shutil
import sys

import support
from outside import INSTALLED
from support import check, run

# Libraries that must be named, by a name that survives their next version.
DEPENDENCIES = ["libc6", "libstdc++6", "libssl", "libzmq", "libcapnp", "libtomlplusplus", "libspdlog", "libjemalloc",
                "liblmdb"]


def fields_of(package):
    fields = {}
    for line in run(["dpkg-deb", "--field", package]).splitlines():
        if not line.startswith(" "):
            name, _, value = line.partition(": ")
            fields[name] = value
    return fields


def check_control(package, version):
    fields = fields_of(package)
    check(fields["Package"] == "tagma", f"the package is named {fields['Package']}")
    check(fields["Version"] == version, f"the version is {fields['Version']}, not {version}")
    depends = fields.get("Depends", "")
    for library in DEPENDENCIES:
        check(re.search(rf"(^|, ){re.escape(library)}", depends), f"it does not depend on {library}: {depends}")
    check("-dev" not in depends, f"programs need no development packages: {depends}")
    check(re.match(r".+ <[^@ ]+@[^@ ]+>$", fields["Maintainer"]), f"the maintainer is {fields['Maintainer']}")
    control = run(["dpkg-deb", "--info", package])
    for name in ("shlibs", "triggers", "md5sums"):
        check(re.search(rf" {name}\b", control), f"the package has no {name}")


def check_content(package, folder):
    for line in run(["dpkg-deb", "--contents", package]).splitlines():
        mode, owner, *_, path = line.split(" -> ")[0].split()
        check(owner == "root/root", f"{path} belongs to {owner}")
        check(mode[0] == "l" or "w" not in mode[5:], f"{path} can be written by others: {mode}")
        check(path.startswith("./usr/") or path == "./", f"{path} is not below /usr")
    run(["dpkg-deb", "--extract", package, folder / "tree"])
    prefix = folder / "tree/usr"
    for pattern in INSTALLED:
        check(list(prefix.glob(pattern)), f"the package lacks {pattern}")
    unit = (prefix / "lib/systemd/system/tagma-replica@.service").read_text()
    check("/usr/local" not in unit and str(folder) not in unit, "the unit names another prefix than the package's")
    check(run([prefix / "bin/tagma", "--version"]).startswith("tagma "), "the packaged program says its version")


def test(folder):
    build, version = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    run(["cpack", "-G", "DEB", "--config", build / "CPackConfig.cmake", "-B", folder / "out"])
    packages = list((folder / "out").glob("*.deb"))
    check(len(packages) == 1, f"cpack makes one package, not {packages}")
    check_control(packages[0], version)
    check_content(packages[0], folder)
    print(f"{packages[0].name}, {packages[0].stat().st_size // 1024} KiB")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    missing = [tool for tool in ("cpack", "dpkg-deb", "dpkg-shlibdeps") if shutil.which(tool) is None]
    if missing:
        print(f"{', '.join(missing)} not installed: apt-get install cmake dpkg-dev")
        sys.exit(77)
    support.main(test)
