"""Arrows between rooms go one way, by #include and by CMake link; foreign libraries stay where they are wrapped."""

import fnmatch
import os

import rules
from targets import read_targets
from tree import Finding, line_of, matches

PUBLIC = [rules.PUBLIC_HEADERS]
PUBLIC_INCLUDES = "a public header includes only public ones (tagma/*.h) and the standard library"


def room_of(path):
    """The room with the longest name that the path begins with, or None."""
    rooms = [*rules.MAY_KNOW, *rules.TEST_ROOMS]
    return max((room for room in rooms if path.startswith((room + "/", room + "."))), key=len, default=None)


def refusal(path, known):
    """Why the file at `path` may not know the file at `known`; None where it may."""
    room, other = room_of(path), room_of(known)
    if room in (*rules.TEST_ROOMS, other):
        return None
    if room is None:
        return "belongs to no room: give its folder one in test/tidy/rules.py"
    if other in rules.TEST_ROOMS:
        return f"{room} must not know {other}: nothing outside of {' and '.join(rules.TEST_ROOMS)} may"
    allowed = rules.MAY_KNOW[room].split()
    if other in allowed:
        return None
    return f"{room} must not know {other}: it may know only {', '.join([room, *allowed])}"


def check_includes(tree):
    for path in tree.sources():
        for include in tree.includes(path):
            included = tree.resolve(path, include.name)
            if included:
                problem = problem_of_ours(path, include, included)
            else:
                problem = problem_of_foreign(path, include)
            if problem:
                yield Finding(path, include.line, f'includes "{include.name}", but {problem}')


def problem_of_ours(path, include, included):
    public_name = "tagma/" + os.path.basename(included)
    if matches(included, PUBLIC):
        if include.name != public_name:
            return f'a public header is included as "{public_name}"'
        if matches(path, rules.EXAMPLES):
            return None
    elif matches(path, PUBLIC):
        return PUBLIC_INCLUDES
    elif matches(path, rules.EXAMPLES) and os.path.dirname(included) != os.path.dirname(path):
        return "an example knows only public headers (tagma/*.h) and its own files"
    elif not include.quoted:
        return 'our own files are included with "quotes"'
    return refusal(path, included)


def problem_of_foreign(path, include):
    for pattern, folders in rules.LIBRARIES.items():
        if fnmatch.fnmatchcase(include.name, pattern):
            allowed = [*dict.fromkeys([*folders.split(), *rules.TEST_ROOMS])]
            if not path.startswith(tuple(folder + "/" for folder in allowed)):
                return f"only {' and '.join(allowed)} may know this library: use what is declared there"
    if matches(path, PUBLIC) and "." in include.name and include.name not in rules.C_STANDARD_HEADERS.split():
        return PUBLIC_INCLUDES
    if include.quoted:
        return "there is no such file (headers of others go in <angle brackets>)"
    return None


def line_that_links(tree, target, link):
    """Where the link stands, as well as a search for the words can tell."""
    path = target.folder + "/CMakeLists.txt" if target.folder != "." else "CMakeLists.txt"
    if not tree.has(path):
        return path, 0
    text = tree.text(path)
    begin = max(0, text.find(f"target_link_libraries({target.name}"))
    return path, line_of(text, max(begin, text.find(link, begin)))


def check_links(tree, build):
    targets = read_targets(build, tree)
    for target in targets.values():
        for link in target.links:
            known = targets.get(link)
            if known is None or known.folder == "." or target.is_test():
                continue
            problems = (refusal(path, other) for path in target.places() for other in known.places())
            problem = next(filter(None, problems), None)
            if known.is_test():
                problem = f"nothing outside of {' and '.join(rules.TEST_ROOMS)} may know what is in it"
            if problem:
                yield Finding(*line_that_links(tree, target, link), f"{target.name} links {link}, but {problem}")


def check(tree, options):
    yield from check_includes(tree)
    yield from check_links(tree, options.build)
