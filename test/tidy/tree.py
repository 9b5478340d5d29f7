"""The files of the repository, read once, and what a rule found in them."""

import fnmatch
import os
import pathlib
import re
from typing import NamedTuple

SOURCE_SUFFIXES = (".cpp", ".h", ".c")

# A comment or a literal, whichever begins first. A ' between digits separates them and begins nothing.
COMMENT_OR_LITERAL = re.compile(
    r"""(?P<comment> //[^\n]* | /\*.*?\*/ )
      | R"(?P<mark>[^()\\\s]{0,16})\(.*?\)(?P=mark)"
      | "(?:\\.|[^"\\\n])*"
      | (?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""",
    re.DOTALL | re.VERBOSE,
)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)


class Finding(NamedTuple):
    """One breach: where, and what is wrong together with the way out. Line 0 stands for the file as a whole."""

    path: str
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


class Include(NamedTuple):
    line: int
    quoted: bool
    name: str


def matches(path, patterns):
    """Whether the path fits one of the globs."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def blanked(text):
    """As many blanks and line ends as the text has, so that offsets and line numbers stay what they were."""
    return re.sub(r"[^\n]", " ", text)


class Tree:
    """A repository's own files: without what .gitignore names, hidden folders of tools and somebody's clusters."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self._texts = {}
        self._code = {}
        self._ignored = self._read_gitignore()
        self.files = sorted(self._walk())
        self._file_set = set(self.files)
        self.folders = {str(parent) for file in self.files for parent in pathlib.PurePosixPath(file).parents} - {"."}

    def _read_gitignore(self):
        path = self.root / ".gitignore"
        lines = path.read_text().split() if path.exists() else []
        return [".git"] + [line.strip("/") for line in lines]

    def _walk(self):
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if not self._is_foreign(os.path.join(folder, name), name)]
            for name in files:
                if not matches(name, self._ignored):
                    yield pathlib.Path(folder, name).relative_to(self.root).as_posix()

    def _is_foreign(self, path, name):
        return matches(name, self._ignored) or os.path.exists(os.path.join(path, "cluster.toml"))

    def has(self, path):
        return path in self._file_set

    def text(self, path):
        if path not in self._texts:
            self._texts[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
        return self._texts[path]

    def sources(self):
        return [file for file in self.files if file.endswith(SOURCE_SUFFIXES)]

    def code(self, path):
        """A source's text with comments and literals blanked out."""
        if path not in self._code:
            self._code[path] = COMMENT_OR_LITERAL.sub(lambda found: blanked(found[0]), self.text(path))
        return self._code[path]

    def includes(self, path):
        """The #include lines of a source that are not commented out."""
        text = COMMENT_OR_LITERAL.sub(
            lambda found: blanked(found[0]) if found["comment"] else found[0], self.text(path)
        )
        return [Include(line_of(text, found.start(1)), found[1] == '"', found[2]) for found in INCLUDE.finditer(text)]

    def resolve(self, includer, name):
        """The file of ours that an #include of this name means, or None: from the top, from the includer's folder, or
        from one of the folders named include."""
        beside = os.path.normpath(os.path.join(os.path.dirname(includer), name))
        for candidate in (name, beside):
            if self.has(candidate):
                return candidate
        for file in self.files:
            if file.endswith("/include/" + name):
                return file
        return None
