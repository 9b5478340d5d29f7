"""The house rules as data: the one place to read them and to change them. The modules beside this one apply them.

Paths are relative to the repository, with forward slashes. A pattern of paths is a glob in which `*` also crosses `/`.
"""

from typing import NamedTuple


class Ban(NamedTuple):
    """A pattern of code, the way out, and breaches that planted.py plants to prove that the pattern finds them."""

    pattern: str
    instead: str
    breach: str
    more: tuple = ()  # other shapes of the same breach


# ---------------------------------------------------------------------------------------------------------------------
# Arrows (arrows.py). A file belongs to the room with the longest name that its path begins with. A room knows itself
# and the rooms beside its name here, by #include and by CMake link alike; nothing else of ours.

MAY_KNOW = {
    "messages": "",
    "crypto": "messages",
    "checkpoint": "messages",
    "replica/service": "messages",
    "replica/core": "messages checkpoint replica/service",
    "replica/runtime": "messages crypto checkpoint replica/core replica/service",
    "replica": "client_lib/cli",  # main and what is installed; it wires nothing itself
    "client_lib/client_core": "messages",
    "client_lib": "messages crypto client_lib/client_core",
    "client_lib/cli": "messages crypto client_lib replica/runtime replica/service",
}

# Everything may be tested, but nobody outside of this folder may know it.
TEST_ROOM = "test"

# The same for the drills, which know the tests' doubles and judges besides; of them only the tests may know.
TEST_ROOMS = (TEST_ROOM, "docker/drills")

# What applications include. Such a header may include only its like and the standard library, and is included as
# "tagma/NAME.h".
PUBLIC_HEADERS = "*/include/tagma/*.h"
C_STANDARD_HEADERS = "assert.h errno.h limits.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h"

# What a user copies to begin with. It knows public headers of any room and its own files, or the copy would not compile
# elsewhere.
EXAMPLES = ["*/example/*"]

# Foreign libraries, by their headers, and the only folders (besides tests) that may know them.
LIBRARIES = {
    "capnp/*": "messages/wire",
    "kj/*": "messages/wire",
    "*.capnp.h": "messages/wire",
    "toml++/*": "messages/cluster_file",
    "openssl/*": "crypto",
    "spdlog/*": "replica/runtime",
    "zmq.*": "replica/runtime client_lib",
    "CLI/*": "client_lib/cli",
    "nlohmann/*": "client_lib/cli",
    "histedit.h": "client_lib/cli/shell",
    "editline/*": "client_lib/cli/shell",
    "readline/*": "client_lib/cli/shell",
    "doctest/*": TEST_ROOM,
    "benchmark/*": TEST_ROOM,
}

# ---------------------------------------------------------------------------------------------------------------------
# Banned calls (calls.py). Each is a pattern of code (comments and literals are never looked at) and the way out.

PURE = ["messages/*", "checkpoint/*", "replica/core/*", "replica/service/*", "client_lib/client_core.*",
        "client_lib/client_core/*"]

# Files in these folders that are not pure, and why they may be so.
NOT_PURE = {
    "messages/assert.*": "says what broke, then ends the process",
    "messages/cluster_file/*": "reads and writes the cluster's file",
    "checkpoint/posix_disk.*": "the log's files on a real disk, behind the interface of checkpoint/disk.h",
    "checkpoint/lmdb_*": "the state's files, behind the interface of checkpoint/state_store.h",
    "replica/service/example/vote_sensors.cpp": "an application's program, to copy: no part of any replica",
}

# Single calls that are all right in one place, by path and call, and why.
EXCUSED = {
    ("messages/wire/segment.cpp", "thread_local"): "a buffer for encoding, all zero between two uses",
    ("messages/wire/segment.cpp", "uintptr_t"): "whether the input lies at a word's border, which no value shows",
    ("replica/service/include/tagma/voting.h", "double"): "votes: compared, and once subtracted, as IEEE 754 alone says",
    ("replica/service/group_rules.cpp", "double"): "votes: read, compared and written as IEEE 754 and std::to_chars say",
}

BANNED_WHERE_PURE = [
    Ban(
        r"\b(system_clock|steady_clock|high_resolution_clock|utc_clock|file_clock)\b"
        r"|\b(clock_get\w+|gettimeofday|timespec_get|localtime(_r)?|gmtime(_r)?|nanosleep|usleep|__rdtscp?)\s*\("
        r"|(?<![\w.>])(clock|times|ftime)\s*\(|(?<![\w.>])time\s*\(\s*(nullptr|NULL|0|&)",
        "time comes in with the event: Now in replica/core, now_us in the client core, agreed_time_us() in a service",
        "auto now = std::chrono::steady_clock::now();",
        ("auto now = std::clock();", "auto now = clock();", "auto now = time(nullptr);", "auto now = __rdtsc();"),
    ),
    Ban(
        r"\bstd::(jthread|thread|this_thread|async|future|promise|packaged_task)\b|\bpthread_\w+",
        "a core has one thread, its caller's; what takes long goes out as an effect and comes back as an event",
        "std::thread worker;",
    ),
    Ban(
        r"\bstd::(mutex|recursive_mutex|shared_mutex|timed_mutex|lock_guard|unique_lock|scoped_lock|shared_lock"
        r"|condition_variable(_any)?|atomic\w*|atomic_ref|counting_semaphore|latch|barrier|call_once|once_flag)\b"
        r"|\bthread_local\b",
        "a core is used by one thread at a time: its caller's loop hands events over one after the other",
        "std::mutex gate;",
    ),
    Ban(
        r"\bstd::(i|o)?fstream\b|\bstd::filesystem\b|\bFILE\b|\b(fopen|freopen|fdopen|mmap|fsync|fdatasync)\s*\("
        r"|(?<![\w.>:])(::)?(open|openat|read|write|pread|pwrite|unlink|rename)\s*\(\s*[\w.:]*(fd|path|file)\w*",
        "files are the runtime's: emit a persist effect; the answer comes as Persisted or CheckpointWritten",
        "std::ofstream file;",
    ),
    Ban(
        r"(?<![\w.>:])(::)?(socket|connect|bind|listen|accept|recv|recvfrom|sendto|poll|epoll_\w+|select)\s*\("
        r"|\bzmq\w*\b",
        "sockets are the runtime's: a message comes in as Received and goes out as a send effect",
        "auto number = socket(1, 2, 3);",
    ),
    Ban(
        r"\bstd::(random_device|mt19937(_64)?|minstd_rand0?|knuth_b|ranlux\w+|\w+_engine|\w+_distribution)\b"
        r"|\bs?rand(om)?(_r)?\s*\(|\b([dejlmn]rand48|srand48|seed48|lcong48)(_r)?\s*\("
        r"|\b(getrandom|getentropy|arc4random\w*|RAND_bytes)\s*\(",
        "chance comes in: a seed in the constructor's configuration, or bytes in the event",
        "std::random_device device;",
        ("auto chance = random();", "auto chance = drand48();", "srand48(1);", "auto chance = std::rand();"),
    ),
    Ban(
        r"\bstd::(unordered_\w+|hash)\b|\bstd::pmr::unordered_\w+",
        "iteration must be the same on every replica: std::map, std::set or a sorted vector",
        "std::unordered_map<int, int> entries;",
    ),
    Ban(
        r"\bstd::(cout|cerr|clog|wcout|wcerr|print|println)\b|\b(f|v|vf)?printf\s*\(|\b(f?puts|perror|syslog)\s*\("
        r"|\bspdlog\b",
        "a core says nothing: return a typed refusal or count it; the runtime logs what it performs",
        "printf(text);",
    ),
    Ban(
        r"\b(secure_)?getenv\s*\(|\bsetlocale\s*\(|\bstd::locale\b|\b(gethostname|getpid|gettid|uname)\s*\(",
        "what depends on the machine comes in through the configuration",
        "auto home = getenv(name);",
    ),
    Ban(
        r"\bstd::(multi)?(map|set)\s*<\s*(std::(pair|tuple)\s*<[^<>]*)?[^<>,]*\*\s*(const\s*)?[,>]"
        r"|\bstd::(multi)?(map|set)\s*<\s*(const\s+)?std::(shared|unique)_ptr\b"
        r"|\bstd::(priority_queue|less|less_equal|greater|greater_equal)\s*<[^<>,]*\*\s*(const\s*)?[,>]"
        r"|\bstd::owner_less\b|\bu?intptr_t\b",
        "addresses differ from replica to replica, and so does their order: use a key that is replicated",
        "std::map<const int*, int> entries;",
        (
            "std::set<int*> entries;",
            "std::multimap<int* const, int> entries;",
            "std::set<std::shared_ptr<int>> entries;",
            "std::set<std::pair<int*, int>> entries;",
            "std::less<int*> before;",
            "auto place = std::uintptr_t{};",
        ),
    ),
    Ban(
        r"\b(float|double|float_t|double_t|_Float\d+x?|__float\d+|std::b?float\d+_t|std::floating_point)\b"
        r"|(?<![\w.])(\d[\d']*\.[\d']*([eE][+-]?\d+)?|\.\d[\d']*([eE][+-]?\d+)?|\d[\d']*[eE][+-]?\d+)[fFlL]?"
        r"|\b0[xX][\da-fA-F'.]+[pP][+-]?\d+"
        r"|(?<![\w.>])(sqrt|cbrt|pow|hypot|fabs|fmod|ldexp|strto(f|d|ld))\s*\("
        r"|\bstd::(exp2?|log(2|10|1p)?|a?sin|a?cos|a?tan2?|floor|ceil|trunc|l?l?round|l?l?rint|lerp|sto(f|d|ld))\s*\(",
        "replicas must agree to the last bit: integers in the smallest unit (_us, _bytes, per mille)",
        "double share = 1;",
        (
            "long double share = 1;",
            "auto share = 0.5;",
            "auto share = 1e3;",
            "auto share = .5f;",
            "auto share = 0x1p3;",
            "auto root = std::sqrt(2);",
            "auto share = std::stod(text);",
            "auto share = std::log2(3);",
        ),
    ),
    Ban(
        r"\bnamespace\s+\w+\s*=\s*(::)?std\b[\w:]*",
        "these rules go by full names: write std::",
        "namespace short_name = std;",
    ),
]

# Headers that bring the same things in; naming them is enough to be refused.
HEADERS_BANNED_WHERE_PURE = {
    "chrono ctime time.h sys/time.h": "time comes in with the event, as MonotonicUs or TimeUs",
    "thread future stop_token pthread.h threads.h": "a core has one thread, its caller's",
    "mutex shared_mutex atomic condition_variable semaphore latch barrier": "a core has one thread, its caller's",
    "fstream filesystem fcntl.h unistd.h sys/* dirent.h": "files and processes are the runtime's: emit an effect",
    "random": "a seed comes in through the configuration",
    "unordered_map unordered_set": "std::map or std::set, whose order is the same on every replica",
    "iostream print syslog.h syncstream": "a core says nothing: return a refusal, let the runtime log",
    "stdio.h": "<cstdio>, and of it std::snprintf alone",
    "locale clocale": "what depends on the machine comes in through the configuration",
    "cmath math.h complex valarray numbers": "integers: replicas must agree to the last bit",
}

# All else that a pure core may include besides our own headers and LIBRARIES: what has neither state nor surroundings.
HEADERS_ALLOWED_WHERE_PURE = """
    algorithm any array bit bitset cassert cctype cerrno charconv cinttypes climits compare concepts cstddef cstdint
    cstdio cstring deque exception expected format forward_list functional initializer_list iosfwd iterator
    limits list map memory new numeric optional queue ranges set span stack stdexcept string string_view
    system_error tuple type_traits typeinfo utility variant vector version xxhash.h
"""
HEADERS_NOT_ALLOWED = "it is not in HEADERS_ALLOWED_WHERE_PURE (test/tidy/rules.py): can it depend on the machine?"

BANNED_EVERYWHERE = [
    Ban(r"\b(strcpy|strcat|stpcpy)\s*\(", "std::string, or a copy with a checked size", "strcpy(to, from);"),
    Ban(r"\bv?sprintf\s*\(", "std::to_string, or snprintf with the room that there is", "sprintf(to, from);"),
    Ban(r"\bgets\s*\(", "std::getline", "gets(to);"),
    Ban(r"\b(std::)?ato(i|l|ll|f)\s*\(", "std::from_chars, which tells what is wrong", "auto number = atoi(text);"),
    Ban(
        r"(?<![\w.>])(std::|::)?system\s*\(|\bpopen\s*\(",
        "child_process.h starts a program without a shell",
        "system(words);",
    ),
    Ban(r"\b(std::)?strtok\s*\(", "std::string_view::find", "strtok(to, from);"),
    Ban(r"\bstd::auto_ptr\b|\bstd::bind\b", "std::unique_ptr, or a lambda", "auto bound = std::bind(call, 1);"),
    Ban(r"\.detach\s*\(\s*\)", "a thread has an owner that joins it", "worker.detach();"),
    Ban(
        r"\busing\s+namespace\s+(?!tagma\b)[\w:]+",
        "the rules and the readers go by full names: write std::, or using for one name",
        "using namespace std;",
        ("using namespace std::chrono_literals;", "using namespace ::std;"),
    ),
]

# Test sources may open the namespaces that they test; nobody else may, least of all a header.
BANNED_BUT_IN_TEST_SOURCES = [
    Ban(
        r"\busing\s+namespace\s+tagma\b[\w:]*",
        "the rules and the readers go by full names: open the namespace, or write using for one name",
        "using namespace tagma;",
        ("using namespace tagma::limits;",),
    ),
]

# What no other rule would look at, were it to hold code: a source has one of the names that all of them know.
FOREIGN_SOURCE_SUFFIXES = """
    .hpp .hh .hxx .h++ .H .cc .cxx .c++ .C .cp .ipp .inc .inl .ixx .cppm .tpp .tcc .txx .def .m .mm .cu .s .S .asm
"""

HEADERS_BANNED_EVERYWHERE = {"bits/* ext/* tr1/* experimental/*": "the standard's own headers, one by one"}

# Words that promise to finish later. Looked for in every text of ours, comments and documents too.
UNFINISHED_MARKS = ["TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK"]
UNFINISHED_INSTEAD = "finish it, or say it under the README's status"

# ---------------------------------------------------------------------------------------------------------------------
# The product binary (binary.py) is free of test code.

PRODUCT_SYMBOLS_BANNED = [
    Ban(r"\bdoctest::", "doctest: a test was linked into the product", "namespace doctest { void f() {} }"),
    Ban(
        r"\btagma::active_mutant\b",
        "the switch of the broken rules: TAGMA_MUTANTS must not be set for the product",
        "namespace tagma { int active_mutant; }",
    ),
    Ban(r"\btagma::sim::", "the simulator is an executable of its own", "namespace tagma::sim { void f() {} }"),
    Ban(r"\btagma::checkers::", "the oracles are the simulator's", "namespace tagma::checkers { void f() {} }"),
    Ban(
        r"\btagma::(end_to_end|fuzz|test)::|\bLLVMFuzzerTestOneInput\b|\bbenchmark::",
        "tests are executables of their own",
        "namespace tagma::end_to_end { void f() {} }",
    ),
    Ban(
        r"\b(Liar|LyingReplica|DivergingReplica)::",
        "test doubles are executables of their own",
        "struct Liar { void lie(); }; void Liar::lie() {}",
    ),
]
PRODUCT_LIBRARIES_BANNED = r"doctest|gtest|gmock|Catch2|benchmark|libFuzzer|unit_test_framework"

# ---------------------------------------------------------------------------------------------------------------------
# Dead files (dead.py). A source is in a CMake target, a header is included, a document is linked, any other file is
# named by some other file. These are found by a tool that knows the name by itself:

KNOWN_BY_TOOLS = [
    ".ci/*",
    ".clang-format",
    ".clang-tidy",
    ".dockerignore",
    ".editorconfig",
    ".gitignore",
    ".gitattributes",
    ".mailmap",
    "*CMakeLists.txt",
    "CMakePresets.json",
    "LICENSE",
    "*README.md",  # read by whoever opens the folder
]

# Folders whose files a program reads one and all: enough that something names the folder.
READ_AS_A_WHOLE = ["*/corpus/*", "*/regressions/*", "*.scenario", "*/scenarios/*.toml"]

# ---------------------------------------------------------------------------------------------------------------------
# Documents (links.py)

FOLDERS_WITHOUT_README = {
    "replica": "its parts have theirs",
    "test/unit": "each folder in it tests the room of its name",
}
MAP_HEADING = "Map"  # the table of README.md in which every top-level folder has to appear

# ---------------------------------------------------------------------------------------------------------------------
# The ratchet (lengths.py); what is longer stands in lengths.txt with its present length.

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800
