"""The product binary holds no test code: no symbol, no compilation unit and no library of a test."""

import re
import subprocess

import rules
from tree import Finding

UNIT_NAME = re.compile(r"DW_AT_name\s*:.*?(?:\): )?(\S+)$", re.MULTILINE)


def output_of(*command):
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60
    ).stdout


def check_symbols(binary):
    symbols = output_of("nm", "-C", binary)
    if " tagma::" not in symbols:
        yield Finding(binary, 0, "has no symbols of ours: a stripped binary cannot be judged")
    for ban in rules.PRODUCT_SYMBOLS_BANNED:
        found = re.search(rf"^.*?(?:{ban.pattern}).*$", symbols, re.MULTILINE)
        if found:
            yield Finding(binary, 0, f"holds `{found[0].split(maxsplit=2)[-1]}`: {ban.instead}")


def check_units(binary):
    """The debug information names every source that was compiled into the binary."""
    units = UNIT_NAME.findall(output_of("readelf", "--debug-dump=info", "--dwarf-depth=1", binary))
    for unit in sorted(set(units)):
        for room in rules.TEST_ROOMS:
            if re.match(rf"(\.\./)*{room}/|.*/{room}/", unit):
                yield Finding(binary, 0, f"was made from {unit}: sources of {room} are not for the product")


def check_libraries(binary):
    for library in re.findall(r"\(NEEDED\).*\[(.+)\]", output_of("readelf", "--dynamic", binary)):
        if re.search(rules.PRODUCT_LIBRARIES_BANNED, library):
            yield Finding(binary, 0, f"links {library}, a library for tests")


def check(_tree, options):
    binary = options.binary
    yield from check_symbols(binary)
    yield from check_units(binary)
    yield from check_libraries(binary)
