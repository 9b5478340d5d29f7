#include "client_lib/cli/shell/line_editor.h"

#include <histedit.h>
#include <langinfo.h>

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstring>
#include <new>

#include "client_lib/cli/shell/line_words.h"
#include "client_lib/cli/text_format.h"

namespace tagma::cli {
namespace {

constexpr std::size_t listed_max = 40;

/// Letters beyond ASCII are typed and shown as what they are.
void use_utf8() {
  std::setlocale(LC_CTYPE, "");
  if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
}

/// What all candidates begin with.
std::string common_beginning(const std::vector<Candidate>& candidates) {
  std::string common = candidates.front().text;
  for (const auto& candidate : candidates) {
    const auto end = std::mismatch(common.begin(), common.end(), candidate.text.begin(), candidate.text.end()).first;
    common.erase(end, common.end());
  }
  // Not a part of a UTF-8 letter.
  while (common.size() < candidates.front().text.size() &&
         (static_cast<unsigned char>(candidates.front().text[common.size()]) & 0xC0U) == 0x80U) {
    common.pop_back();
  }
  return common;
}

}  // namespace

LineEditor::LineEditor(FILE* terminal, std::string prompt, LineHistory& history, Completer completer)
    : terminal_(terminal), prompt_(std::move(prompt)), completer_(std::move(completer)), editor_(nullptr, el_end) {
  sigemptyset(&interrupt_);
  sigaddset(&interrupt_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &interrupt_, &former_signals_);
  use_utf8();
  editor_.reset(el_init("tagma", stdin, terminal, stderr));
  if (editor_ == nullptr) throw std::bad_alloc();
  auto* editor = editor_.get();
  el_set(editor, EL_CLIENTDATA, this);
  el_set(editor, EL_PROMPT, prompt_of);
  el_set(editor, EL_HIST, ::history, history.handle());
  // SIGTERM and its like find the terminal as it was.
  el_set(editor, EL_SIGNAL, 1);
  el_set(editor, EL_EDITOR, "emacs");
  // The wide call keeps the texts; the narrow one would keep copies that nobody frees.
  el_wset(editor, EL_ADDFN, L"tagma-complete", L"Complete the word at the cursor", on_tab);
  el_wset(editor, EL_ADDFN, L"tagma-cancel", L"Give up the line", on_cancel);
  el_wset(editor, EL_ADDFN, L"tagma-suspend", L"Stop the shell until it is continued", on_suspend);
  el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_source(editor, nullptr);
  el_set(editor, EL_BIND, "^I", "tagma-complete", nullptr);
  // While a line is read Ctrl-C and Ctrl-Z are keys like others; at all other times they are signals.
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
  el_set(editor, EL_BIND, "^C", "tagma-cancel", nullptr);
  el_set(editor, EL_BIND, "^Z", "tagma-suspend", nullptr);
}

LineEditor::~LineEditor() {
  forget_interrupt();
  pthread_sigmask(SIG_SETMASK, &former_signals_, nullptr);
}

void LineEditor::forget_interrupt() const {
  const timespec at_once{};
  while (sigtimedwait(&interrupt_, nullptr, &at_once) == SIGINT) {
  }
}

LineEditor::Read LineEditor::read(std::string& line) {
  cancelled_ = false;
  // In this order no key can make a signal behind the second line.
  el_set(editor_.get(), EL_PREP_TERM, 1);
  forget_interrupt();
  int size = 0;
  const char* text = el_gets(editor_.get(), &size);
  if (cancelled_) {
    std::fputs("^C\n", terminal_);
    return Read::cancelled;
  }
  if (text == nullptr || size <= 0) {
    std::fputs("\n", terminal_);
    return Read::end;
  }
  line.assign(text, std::strlen(text));
  if (!line.empty() && line.back() == '\n') line.pop_back();
  return Read::line;
}

LineEditor& LineEditor::self_of(::editline* editor) {
  void* self = nullptr;
  el_get(editor, EL_CLIENTDATA, &self);
  return *static_cast<LineEditor*>(self);
}

char* LineEditor::prompt_of(::editline* editor) { return self_of(editor).prompt_.data(); }

unsigned char LineEditor::on_tab(::editline* editor, int /*character*/) { return self_of(editor).complete(); }

unsigned char LineEditor::on_cancel(::editline* editor, int /*character*/) {
  self_of(editor).cancelled_ = true;
  return CC_NEWLINE;
}

unsigned char LineEditor::on_suspend(::editline* editor, int /*character*/) {
  el_set(editor, EL_PREP_TERM, 0);
  std::raise(SIGTSTP);
  el_set(editor, EL_PREP_TERM, 1);
  return CC_REDISPLAY;
}

unsigned char LineEditor::complete() {
  const auto* line = el_line(editor_.get());
  const auto at_cursor = typed_line(std::string(line->buffer, line->cursor));
  if (!at_cursor) return CC_ERROR;
  const auto completion = completer_(at_cursor->before, at_cursor->typed);
  const auto& candidates = completion.candidates;
  if (candidates.empty()) {
    if (completion.hint.empty()) return CC_ERROR;
    list(completion);
    return CC_REDISPLAY;
  }
  const auto rest = common_beginning(candidates).substr(at_cursor->typed.size());
  std::string inserted = as_typed(rest, at_cursor->quote);
  if (candidates.size() == 1) {
    if (at_cursor->quote != 0) inserted += at_cursor->quote;
    inserted += ' ';
  }
  if (!inserted.empty()) return el_insertstr(editor_.get(), inserted.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  list(completion);
  return CC_REDISPLAY;
}

void LineEditor::list(const Completion& completion) {
  std::string text = "\n";
  if (!completion.hint.empty()) text += "  " + completion.hint + "\n";
  std::size_t width = 0;
  for (const auto& candidate : completion.candidates) width = std::max(width, candidate.text.size());
  const std::size_t shown = std::min(completion.candidates.size(), listed_max);
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& candidate = completion.candidates[i];
    text += "  " + (candidate.description.empty() ? candidate.text : left_aligned(candidate.text, width)) +
            (candidate.description.empty() ? "" : "   " + candidate.description) + "\n";
  }
  if (shown < completion.candidates.size()) text += "  ...\n";
  std::fputs(text.c_str(), terminal_);
}

}  // namespace tagma::cli
