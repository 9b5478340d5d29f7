"""The breaches that planted.py plants: data, one per rule at least. Nothing here is ever compiled into the product."""

from typing import NamedTuple

import rules


class Plant(NamedTuple):
    """Text that is put at the end of a file (which is made if it is not there) or in the place of `replaces`, and the
    finding that must come of it: the rule, words of it, and the file if that is another one."""

    what: str
    path: str
    text: str
    rule: str
    words: str
    replaces: str = ""
    reported_at: str = ""


def function(name, statements):
    body = "".join(f"  use({number});\n" for number in range(statements))
    return f"\nvoid {name}() {{\n{body}}}\n"


def banned_calls(path, bans, name):
    """One breach per shape of a ban, and beside each the same words where they are no code."""
    breaches = [(breach, ban.instead) for ban in bans for breach in (ban.breach, *ban.more)]
    for number, (breach, instead) in enumerate(breaches):
        decoys = f'// {breach}\n/* {breach} */\nconst char* quoted_{name}_{number} = "\\"{breach}";\n'
        text = f"\n{decoys}void {name}_{number}() {{ {breach} }}\n"
        yield Plant(f"a banned call: {breach}", path, text, "calls", instead)


def banned_headers(path):
    """Every name of a header that is banned, those with a `*` by an example, and one that nobody thought of."""
    pure = "is banned in a pure core"
    for bans, words in ((rules.HEADERS_BANNED_WHERE_PURE, pure), (rules.HEADERS_BANNED_EVERYWHERE, "is banned here")):
        for names, instead in bans.items():
            for name in names.replace("*", "planted.h").split():
                text = f"\n#include <{name}>\n"
                yield Plant(f"<{name}> in a core", path, text, "calls", f"<{name}> {words}: {instead}")
    for name in ("planted_unknown", "netinet/in.h"):
        words = f"<{name}> {pure}: {rules.HEADERS_NOT_ALLOWED}"
        yield Plant(f"<{name}> in a core", path, f"\n#include <{name}>\n", "calls", words)


def calls():
    yield from banned_calls("replica/core/replica_core.cpp", rules.BANNED_WHERE_PURE, "planted")
    yield from banned_calls("client_lib/cli/text_format.cpp", rules.BANNED_EVERYWHERE, "planted")
    yield from banned_calls("test/fuzz/entry.cpp", rules.BANNED_EVERYWHERE, "planted")
    yield from banned_calls("client_lib/cli/progress_line.cpp", rules.BANNED_BUT_IN_TEST_SOURCES, "planted")
    yield from banned_calls("test/fuzz/input.h", rules.BANNED_BUT_IN_TEST_SOURCES, "planted")
    clock, *_ = rules.BANNED_WHERE_PURE
    for path in (
        "client_lib/client_core.cpp",
        "replica/service/kv.cpp",
        "checkpoint/layered_state.cpp",
        "messages/messages.cpp",
    ):
        yield Plant(f"a clock in {path}", path, f"\nvoid planted() {{ {clock.breach} }}\n", "calls", clock.instead)
    yield from banned_headers("checkpoint/layered_state.cpp")
    yield Plant(
        "<bits/stdc++.h> outside of the cores",
        "client_lib/cli/text_format.cpp",
        "\n#include <bits/stdc++.h>\n",
        "calls",
        "<bits/stdc++.h> is banned here",
    )
    for mark in rules.UNFINISHED_MARKS:
        yield Plant(
            f"an unfinished mark, {mark}",
            "docs/protocol.md",
            f"\n{mark}\n",
            "calls",
            f"{mark}: {rules.UNFINISHED_INSTEAD}",
        )


ARROWS = [
    Plant(
        "an arrow the wrong way",
        "messages/bytes.cpp",
        '\n#include "crypto/digest.h"\n',
        "arrows",
        "messages must not know crypto",
    ),
    Plant(
        "the client library knows replicas",
        "client_lib/client.cpp",
        '\n#include "replica/runtime/log.h"\n',
        "arrows",
        "client_lib must not know replica/runtime",
    ),
    Plant(
        "the client library knows the state",
        "client_lib/client_loop.cpp",
        '\n#include "checkpoint/state_tree.h"\n',
        "arrows",
        "client_lib must not know checkpoint",
    ),
    Plant(
        "the product knows a test",
        "replica/runtime/waiter.cpp",
        '\n#include "test/sim/random.h"\n',
        "arrows",
        "nothing outside of test",
    ),
    Plant(
        "a public header knows an internal one",
        "client_lib/include/tagma/client.h",
        '\n#include "messages/membership.h"\n',
        "arrows",
        "a public header includes only public ones",
    ),
    Plant(
        "a public header knows a foreign library",
        "client_lib/include/tagma/client.h",
        "\n#include <sys/types.h>\n",
        "arrows",
        "a public header includes only public ones",
    ),
    Plant(
        "an example knows an internal header",
        "client_lib/example/example_client.cpp",
        '\n#include "messages/membership.h"\n',
        "arrows",
        "an example knows only public headers",
    ),
    Plant(
        "a public header by another name",
        "crypto/frame.cpp",
        '\n#include "messages/include/tagma/bytes.h"\n',
        "arrows",
        'is included as "tagma/bytes.h"',
    ),
    Plant(
        "one of ours in angle brackets",
        "crypto/record.cpp",
        "\n#include <crypto/digest.h>\n",
        "arrows",
        "our own files are included with",
    ),
    Plant(
        "a header that is not there",
        "crypto/handshake.cpp",
        '\n#include "crypto/planted_nowhere.h"\n',
        "arrows",
        "there is no such file",
    ),
    Plant(
        "a foreign library out of its room",
        "checkpoint/state_tree.cpp",
        "\n#include <openssl/evp.h>\n",
        "arrows",
        "may know this library",
    ),
    Plant(
        "a CMake link the wrong way",
        "messages/CMakeLists.txt",
        "\ntarget_link_libraries(tagma_messages PRIVATE tagma_crypto)\n",
        "arrows",
        "tagma_messages links tagma_crypto, but messages must not know crypto",
    ),
    Plant(
        "the product links a test",
        "client_lib/cli/CMakeLists.txt",
        "\ntarget_link_libraries(tagma PRIVATE tagma_checkers)\n",
        "arrows",
        "tagma links tagma_checkers, but nothing outside of test",
    ),
]

DEAD = [
    *(
        Plant(
            f"a source with the suffix {suffix}",
            # The name is not to be found in any text, this one included.
            "crypto/planted_" + suffix.strip(".").replace("+", "p") + suffix,
            "int planted;\n",
            "dead",
            "no rule looks at a source of this suffix",
        )
        for suffix in rules.FOREIGN_SOURCE_SUFFIXES.split()
    ),
    Plant(
        "code that is included from a text file",
        "crypto/handshake.cpp",
        '\n#include "crypto/CMakeLists.txt"\n',
        "dead",
        "only headers (.h) are included",
    ),
    Plant("a source in no target", "crypto/planted_source.cpp", "int planted;\n", "dead", "is in no CMake target"),
    Plant(
        "a header that nobody includes", "crypto/planted_header.h", "#pragma once\n", "dead", "is included by nobody"
    ),
    Plant("a document that nobody links", "docs/planted_document.md", "Planted.\n", "dead", "no other document links"),
    Plant(
        "a golden file that nothing names",
        "test/unit/messages/golden/" "planted_" "vector.hex",
        "00\n",
        "dead",
        "no other file names it",
    ),
]

LINKS = [
    Plant(
        "a broken link",
        "docs/protocol.md",
        "\nSee [there](planted_nowhere.md).\n",
        "links",
        "planted_nowhere.md leads nowhere",
    ),
    Plant(
        "a link to no heading",
        "docs/protocol.md",
        "\nSee [there](decisions.md#planted-heading).\n",
        "links",
        "has no heading of that name",
    ),
    Plant(
        "a path that does not exist",
        "docs/protocol.md",
        "\nSee `messages/planted_nowhere.h`.\n",
        "links",
        "names `messages/planted_nowhere.h`",
    ),
    Plant(
        "a file of the map that is not there",
        "README.md",
        "\n| planted | `planted.nowhere` | |\n| contribute |",
        "links",
        "the map names `planted.nowhere`",
        replaces="\n| contribute |",
    ),
    Plant(
        "a folder that the map lacks",
        "planted_folder/CMakeLists.txt",
        "",
        "links",
        "the map lacks the folder planted_folder/",
        reported_at="README.md",
    ),
    Plant(
        "a room without README",
        "test/planted_room/planted.py",
        "# named in test/planted_room/CMakeLists.txt\n",
        "links",
        "has no README.md",
        reported_at="test/planted_room",
    ),
    Plant("", "test/planted_room/CMakeLists.txt", "# planted.py\n", "", ""),
]

LENGTHS = [
    Plant(
        "an over-long function",
        "crypto/verifier.cpp",
        function("planted_long", 80),
        "lengths",
        "planted_long has 82 lines; at most 70",
    ),
    Plant(
        "an over-long function whose head a macro makes",
        "crypto/verifier.cpp",
        "\n#define PLANTED_HEAD(name) void name()\n"
        + function("planted", 80).replace("void planted()", "PLANTED_HEAD(planted_hidden)"),
        "lengths",
        "PLANTED_HEAD has 82 lines; at most 70",
    ),
    Plant(
        "an over-long function that is a macro's argument",
        "crypto/identity.cpp",
        "\n#define PLANTED_WRAP(head, body) head body\n"
        + function("planted", 80).replace("void planted()", "PLANTED_WRAP(void planted(), ").rstrip() + ")\n",
        "lengths",
        "PLANTED_WRAP void planted has 82 lines; at most 70",
    ),
    Plant(
        "an over-long macro",
        "crypto/handshake.cpp",
        function("planted", 80).replace("void planted()", "#define PLANTED_BODY()").rstrip().replace("\n", " \\\n")[2:]
        + "\n",
        "lengths",
        "macro PLANTED_BODY has 83 lines; at most 70",
    ),
    Plant(
        "an over-long test case",
        "test/unit/crypto/digest_test.cpp",
        function("planted", 80).replace("void planted()", 'TEST_CASE("planted")'),
        "lengths",
        'test case "planted" has 82 lines; at most 70',
    ),
    Plant(
        "an over-long shell function",
        "docker/base/make-base.sh",
        "\nplanted() {\n" + "  true\n" * 80 + "}\n",
        "lengths",
        "planted has 82 lines",
    ),
    Plant(
        "an over-long Python function",
        "test/tidy/house.py",
        "\n\ndef planted():\n" + "    pass\n" * 80,
        "lengths",
        "planted has 81 lines",
    ),
    Plant(
        "an over-long file",
        "test/unit/crypto/frame_test.cpp",
        "\n" + "// planted\n" * rules.FILE_LINES_MAX,
        "lengths",
        "the file has",
    ),
    Plant(
        "a listed function that grew",
        "crypto/digest.cpp",
        function("planted_grown", 90),
        "lengths",
        "the ratchet stands at 85",
    ),
    Plant(
        "a listed function that shrank",
        "crypto/frame.cpp",
        function("planted_shrunk", 78),
        "lengths",
        "lower the ratchet to 80",
        reported_at="test/tidy/lengths.txt",
    ),
    Plant(
        "a listed function that is short by now",
        "crypto/record.cpp",
        function("planted_short", 5),
        "lengths",
        "planted_short in crypto/record.cpp has 7 lines now: take it",
        reported_at="test/tidy/lengths.txt",
    ),
    Plant(
        "a listed function that is gone",
        "test/tidy/lengths.txt",
        "85 crypto/digest.cpp planted_grown\n85 crypto/frame.cpp planted_shrunk\n85 crypto/record.cpp planted_short\n"
        "85 crypto/record.cpp planted_gone\n",
        "lengths",
        "has no planted_gone any more",
    ),
]

FORMAT = [
    Plant("a source out of format", "test/unit/crypto/main.cpp", "\nint   planted ;\n", "format", "is not formatted"),
]

PLANTS = [*calls(), *ARROWS, *DEAD, *LINKS, *LENGTHS, *FORMAT]

# A product with everything that it must not have: compiled from a file in the test room, linked with a test library.
BINARY_SOURCE = "\n".join([*(ban.breach for ban in rules.PRODUCT_SYMBOLS_BANNED), "int main() {}", ""])
BINARY_WORDS = [*(ban.instead for ban in rules.PRODUCT_SYMBOLS_BANNED), "was made from", "links libgtest_planted.so"]


class Story(NamedTuple):
    """A document for commands.py and how that must end: "" for well, else words of the complaint, its line before."""

    what: str
    text: str
    ends: str
    timeout_s: float = 30  # short where the story is that something takes too long


STORIES = [
    Story(
        "all is well",
        """<!-- file: greeting.txt -->
```text
hello
```

```sh
cd .
greeting=$(cat greeting.txt)
echo "$greeting"            # hello
for name in a b; do
  echo "$name and \\
more"
done                        # a ... more
# a remark
sh -c 'echo begun; exec sleep 1000' &       # begun
echo to errors >&2
```

```text
to errors
```

<!-- skip: would fail -->
```sh
false
```

<!-- until: up and running -->
```sh
sh -c 'echo up and running; exec sleep 1000'
```

<!-- Of the table:
table: run
skip `false`: would fail
instead of `sleep 1000` run `true`: too long
-->
| see | run |
|---|---|
| `false` | `true`, `false`, `sleep 1000` |
""",
        "",
    ),
    Story("a command does not work", "```sh\ntrue\nfalse\n```\n", ":3: `false` ended with status 1"),
    Story("no such command", "```sh\nplanted-nowhere\n```\n", ":2: `planted-nowhere` ended with status 127"),
    Story("an output differs", "```sh\necho Nicaea   # Nikaia\n```\n", ":2: `echo Nicaea` prints"),
    Story("an output is only a part", "```sh\necho Nicaea   # Nicae\n```\n", ":2: `echo Nicaea` prints"),
    Story("a block of output differs", "```sh\necho a\n```\n```text\nb\n```\n", ":2: `echo a` prints"),
    Story(
        "a command in a table does not work",
        "# T\n\n<!-- table: run -->\n| run |\n|---|\n| `false` |\n",
        ":6: `false` ended",
    ),
    Story(
        "a table without that column", "# T\n\n<!-- table: go -->\n| run |\n|---|\n| `true` |\n", ":4: the table has no"
    ),
    Story("a command that does not end", "```sh\nsleep 1000\n```\n", ":2: `sleep 1000` did not end in", 1),
    Story(
        "a server that is never ready",
        "<!-- until: ready -->\n```sh\nsleep 1000\n```\n",
        ":3: `sleep 1000` did not say",
        1,
    ),
    Story("a server that says it in part", "```sh\necho already &   # ready\n```\n", ":2: `echo already ` did not say"),
    Story("a server that ends at once", "```sh\nfalse &   # ready\n```\n", ":2: `false ` did not say"),
    Story(
        "a server that ends badly",
        "```sh\nsh -c 'trap \"exit 7\" INT; echo ready; while :; do sleep 0.1; done' &   # ready\n```\n",
        "did not end well after Ctrl-C (7)",
    ),
    # It ends once the other one is what it is to become, and is named so.
    Story(
        "a process left behind",
        "```sh\nsh -c 'sleep 1000 & until grep -q sleep /proc/$!/comm; do :; done'\n```\n",
        "left processes behind: sleep 1000",
    ),
    Story("a command that is not complete", "```sh\nif true\n```\n", ":2: this command is not complete"),
    Story(
        "a reason for a command that is not there",
        "<!-- skip `false`: fails -->\n```sh\ntrue\n```\n",
        ":1: this speaks of `false`",
    ),
    Story("no command", "```cpp\nint x;\n```\n", "has no commands"),
]

# The same with the real README as far as its map: (what, text that is replaced, by what, how it must end).
README_STORIES = [
    ("a README command that does not work", "./tagma call kv get city", "./tagma cal kv get city", "ended with status"),
    ("a README output that differs", "# Nicaea", "# Nikaia", "`./tagma call kv get city` prints"),
]
