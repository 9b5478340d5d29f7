// A line from somebody at a terminal: editing, history, completion, by libedit.
#pragma once

#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "client_lib/cli/completion/completion.h"
#include "client_lib/cli/shell/line_history.h"

struct editline;  // libedit's

namespace tagma::cli {

/// Used from one thread. Leaves the terminal as it was whenever no line is being read. While it lives SIGINT is held
/// back: Ctrl-C is a key as long as a line is read, and afterwards is kept for whoever waits for it (StopSignals); one
/// that no one waited for is forgotten at the next line.
class LineEditor {
 public:
  enum class Read : std::uint8_t {
    line,
    cancelled,  ///< Ctrl-C: the line is given up
    end,        ///< Ctrl-D, or the terminal is gone
  };
  /// What may stand at the cursor of a line with those words.
  using Completer = std::function<Completion(const std::vector<std::string>& before, const std::string& typed)>;

  /// Reads from standard input and draws on `terminal`. The history outlives the editor.
  LineEditor(FILE* terminal, std::string prompt, LineHistory& history, Completer completer);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  /// Waits for a line; it comes without its line feed.
  [[nodiscard]] Read read(std::string& line);

 private:
  static char* prompt_of(::editline* editor);
  static unsigned char on_tab(::editline* editor, int character);
  static unsigned char on_cancel(::editline* editor, int character);
  static unsigned char on_suspend(::editline* editor, int character);
  static LineEditor& self_of(::editline* editor);
  unsigned char complete();
  void forget_interrupt() const;
  void list(const Completion& completion);

  FILE* terminal_;
  std::string prompt_;
  Completer completer_;
  std::unique_ptr<::editline, void (*)(::editline*)> editor_;
  bool cancelled_ = false;
  sigset_t interrupt_{};
  sigset_t former_signals_{};
};

}  // namespace tagma::cli
