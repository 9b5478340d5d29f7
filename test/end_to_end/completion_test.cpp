// TAB in a real bash and a real zsh, the launcher's answers, and the manual page as its readers take it.
#include <doctest/doctest.h>

#include <filesystem>

#include "test/end_to_end/harness/cluster.h"
#include "test/end_to_end/harness/terminal.h"

namespace tagma::end_to_end {
namespace {

const std::string source_folder = TAGMA_SOURCE_FOLDER;
const std::string completion_folder = source_folder + "/client_lib/cli/completion";

std::string folder_of_binary() { return std::filesystem::path(tagma_binary()).parent_path(); }

/// Whether a program is there; if not, says that the test is skipped.
bool present(const std::string& program) {
  if (std::filesystem::exists(program)) return true;
  MESSAGE("skipped: there is no ", program, " on this machine");
  return false;
}

/// What bash would offer for the word at the end of `line`. COMP_WORDS are given as bash parts them.
std::string bash_offers(const std::string& line, const std::string& comp_words, const std::string& folder = "/") {
  const std::string script = "source '" + completion_folder + "/tagma.bash' && cd '" + folder + "' && PATH='" +
                             folder_of_binary() + "':$PATH && COMP_WORDS=(" + comp_words + ") && COMP_LINE=" + line +
                             " && COMP_POINT=${#COMP_LINE} && COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && " +
                             "_tagma \"${COMP_WORDS[0]}\" && printf '%s\\n' \"${COMPREPLY[@]}\"";
  const Finished finished = run({"/bin/bash", "--noprofile", "--norc", "-c", script});
  INFO(finished.all());
  CHECK(finished.exit_status == 0);
  CHECK(finished.errors.empty());
  return finished.output;
}

/// In a shell at its prompt: a command, verb and file by TAB. The same for bash and zsh.
void complete_at_prompt(Terminal& terminal, const std::string& cluster_folder) {
  terminal.type("tagma st" + keys::tab);
  CHECK(terminal.await_text("tagma status "));
  terminal.type("--di" + keys::tab);
  CHECK(terminal.await_text("--dir "));
  terminal.type(keys::ctrl_u + "tagma call --dir " + cluster_folder + " kv g" + keys::tab);
  CHECK(terminal.await_text("kv get "));
  terminal.type(keys::ctrl_u + "tagma up --log-level=de" + keys::tab);
  CHECK(terminal.await_text("--log-level=debug"));
}

}  // namespace

TEST_SUITE("completion") {
  TEST_CASE("bash knows the function, and asks the program through it") {
    const Finished known =
        run({"/bin/bash", "--norc", "-c", "source '" + completion_folder + "/tagma.bash' && complete -p tagma"});
    CHECK(known.exit_status == 0);
    CHECK(known.output.find("-F _tagma tagma") != std::string::npos);

    const TemporaryFolder folder;
    std::filesystem::create_directory(folder.file("data"));
    write_file(folder.file("dates"), "x\n");
    CHECK(bash_offers("'tagma sta'", "tagma sta") == "status\n");
    CHECK(bash_offers("'tagma call kv g'", "tagma call kv g") == "get\n");
    CHECK(bash_offers("'tagma load da'", "tagma load da", folder.path()) == "data\ndates\n");
    CHECK(bash_offers("'tagma up --dir da'", "tagma up --dir da", folder.path()) == "data\n");
    // bash parts the word at the equals sign and replaces only what is behind it.
    CHECK(bash_offers("'tagma up --log-level=de'", "tagma up --log-level = de") == "debug\n");
    CHECK(bash_offers("'tagma up --dir=da'", "tagma up --dir = da", folder.path()) == "data\n");
    CHECK(bash_offers("'tagma nothing '", "tagma nothing ''") == "\n");
  }

  TEST_CASE("TAB at the prompt of a real bash") {
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    Terminal terminal({"/bin/bash", "--noprofile", "--norc", "-i"}, {{"PS1", "% "}});
    CAPTURE(terminal.shown());
    REQUIRE(terminal.await_text("% "));
    terminal.type("source " + completion_folder + "/tagma.bash; PATH=" + folder_of_binary() + ":$PATH; echo lo''aded" +
                  keys::enter);
    REQUIRE(terminal.await_text("loaded\r\n"));
    complete_at_prompt(terminal, cluster.directory());
  }

  TEST_CASE("TAB at the prompt of a real zsh") {
    if (!present("/usr/bin/zsh")) return;
    Cluster cluster;
    REQUIRE(cluster.init().exit_status == 0);
    const TemporaryFolder folder;
    Terminal terminal({"/usr/bin/zsh", "-f", "-i"}, {{"PS1", "@ "}, {"HOME", folder.path()}});
    CAPTURE(terminal.shown());
    REQUIRE(terminal.await_text("@ "));
    terminal.type("fpath=(" + completion_folder + " $fpath); path=(" + folder_of_binary() +
                  " $path); autoload -U compinit; compinit -u -d " + folder.file("dump") + "; echo lo''aded" +
                  keys::enter);
    REQUIRE(terminal.await_text("loaded\r\n", in(seconds(60))));
    complete_at_prompt(terminal, cluster.directory());
    terminal.type(keys::ctrl_u + "tagma call --dir " + cluster.directory() + " kv get " + keys::tab);
    CHECK(terminal.await_text("kv get KEY"));  // nothing to offer, but what goes there
  }

  TEST_CASE("the launcher answers for its own commands, and is silent where nothing is built") {
    const auto ask = [](const std::string& preset, const std::string& words) {
      return run({"/bin/bash", "-c", "TAGMA_PRESET=" + preset + " '" + source_folder + "/tagma' complete -- " + words});
    };
    const std::string nowhere = "completion-test-no-such-preset";
    for (const std::string words : {"''", "call kv ''", "sim --s"}) {
      const Finished silent = ask(nowhere, words);
      INFO(silent.all());
      CHECK(silent.exit_status == 0);
      CHECK(silent.output.empty());
      CHECK(silent.errors.empty());
    }
    CHECK_FALSE(std::filesystem::exists(source_folder + "/build/" + nowhere));
    CHECK(ask(nowhere, "test u").output == "word\tunit\n");
    CHECK(ask(nowhere, "test do").output == "word\tdocs\n");
    CHECK(ask(nowhere, "fuzz co").output == "word\tcodec\nword\tcommand_grammar\nword\tcore\n");

    // This build, if it is one of the launcher's.
    const auto preset_folder = std::filesystem::path(folder_of_binary()).parent_path();
    if (preset_folder.parent_path() != source_folder + "/build") return;
    const std::string preset = preset_folder.filename();
    CHECK(ask(preset, "sta").output.find("word\tstatus\t") == 0);
    CHECK(ask(preset, "sim --profile cr").output == "word\tcrash\t\n");
    CHECK(ask(preset, "te").output.find("word\ttest\t") == 0);
    CHECK(ask(preset, "''").output.find("word\tsim\t") != std::string::npos);
  }

  TEST_CASE("the launcher's own commands print their help and do nothing") {
    for (const std::string command : {"package", "packages", "microbench", "test", "fuzz"}) {
      const Finished help =
          run({"/bin/bash", "-c",
               "TAGMA_PRESET=completion-test-no-such-preset '" + source_folder + "/tagma' " + command + " --help"});
      INFO(help.all());
      CHECK(help.exit_status == 0);
      CHECK(help.output.find("usage: ./tagma " + command) == 0);
      CHECK(help.errors.empty());
    }
    CHECK_FALSE(std::filesystem::exists(source_folder + "/build/completion-test-no-such-preset"));
  }

  TEST_CASE("the manual page is clean") {
    REQUIRE(std::filesystem::exists(TAGMA_MANUAL_PAGE));
    if (!present("/usr/bin/mandoc")) return;
    const Finished lint = run({"/usr/bin/mandoc", "-Tlint", TAGMA_MANUAL_PAGE});
    INFO(lint.all());
    CHECK(lint.exit_status == 0);
    CHECK(lint.output.empty());
  }
}

}  // namespace tagma::end_to_end
