"""Calls that are banned where they would do harm; every finding names what to use instead."""

import re

import rules
from tree import SOURCE_SUFFIXES, Finding, line_of, matches

MARKS = re.compile(r"\b(" + "|".join(rules.UNFINISHED_MARKS) + r")\b")
TEXT_SUFFIXES = (*SOURCE_SUFFIXES, ".md", ".txt", ".cmake", ".sh", ".py", ".toml", ".capnp", ".json")


def is_pure(path):
    return matches(path, rules.PURE) and not matches(path, rules.NOT_PURE)


def calls_in(tree, path, banned):
    code = tree.code(path)
    for ban in banned:
        for found in re.finditer(ban.pattern, code):
            call = " ".join(found[0].split())
            if (path, call) in rules.EXCUSED:
                continue
            yield Finding(path, line_of(code, found.start()), f"`{call}` is banned here: {ban.instead}")


def banned_header(name, banned):
    for names, instead in banned.items():
        if matches(name, names.split()):
            return instead
    return None


def refusal_in_pure(tree, path, name):
    """Why a pure core may not include this header; None where it may."""
    instead = banned_header(name, rules.HEADERS_BANNED_WHERE_PURE)
    if instead:
        return f"<{name}> is banned in a pure core: {instead}"
    known = matches(name, [*rules.HEADERS_ALLOWED_WHERE_PURE.split(), *rules.LIBRARIES])
    if known or tree.resolve(path, name):
        return None
    return f"<{name}> is banned in a pure core: {rules.HEADERS_NOT_ALLOWED}"


def headers_in(tree, path):
    for include in tree.includes(path):
        instead = banned_header(include.name, rules.HEADERS_BANNED_EVERYWHERE)
        if instead:
            yield Finding(path, include.line, f"<{include.name}> is banned here: {instead}")
        elif is_pure(path):
            refusal = refusal_in_pure(tree, path, include.name)
            if refusal:
                yield Finding(path, include.line, refusal)


def check_calls(tree):
    for path in tree.sources():
        yield from calls_in(tree, path, rules.BANNED_EVERYWHERE)
        if path.endswith(".h") or not path.startswith(rules.TEST_ROOM + "/"):
            yield from calls_in(tree, path, rules.BANNED_BUT_IN_TEST_SOURCES)
        if is_pure(path):
            yield from calls_in(tree, path, rules.BANNED_WHERE_PURE)
        yield from headers_in(tree, path)


def check_marks(tree):
    for path in tree.files:
        if path.endswith(TEXT_SUFFIXES) or "." not in path.rsplit("/")[-1]:
            text = tree.text(path)
            for found in MARKS.finditer(text):
                yield Finding(path, line_of(text, found.start()), f"{found[0]}: {rules.UNFINISHED_INSTEAD}")


def check(tree, _options):
    yield from check_calls(tree)
    yield from check_marks(tree)
    for pattern in rules.NOT_PURE:
        if not any(matches(path, [pattern]) for path in tree.files):
            yield Finding("test/tidy/rules.py", 0, f"NOT_PURE names {pattern}, which matches nothing: take it out")
