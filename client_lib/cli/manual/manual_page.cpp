#include "client_lib/cli/manual/manual_page.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>
#include <sstream>

#include "client_lib/cli/command_line.h"
#include "client_lib/cli/completion/vocabulary.h"
#include "client_lib/cli/shell/shell_session.h"

namespace tagma::cli {
namespace {

/// Text for man(7): nothing in it is taken for a request or an escape, and a dash is one that can be pasted.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char character : text) {
    const bool at_start = result.empty() || result.back() == '\n';
    if (at_start && (character == '.' || character == '\'')) result += "\\&";
    if (character == '\\') {
      result += "\\e";
    } else if (character == '-') {
      result += "\\-";
    } else if (character == '\'') {
      result += "\\(aq";
    } else {
      result += character;
    }
  }
  return result;
}

/// "-h, --help" in bold, the value's name in italics.
std::string option_heading(const CLI::Option& option) {
  std::string heading;
  const auto add = [&](const std::string& dashes, const std::vector<std::string>& names) {
    for (const auto& name : names) heading += (heading.empty() ? "" : ", ") + escaped(dashes + name);
  };
  add("-", option.get_snames());
  add("--", option.get_lnames());
  heading = "\\fB" + heading + "\\fR";
  const bool takes_value = option.get_items_expected_max() > 0;
  return takes_value ? heading + " \\fI" + escaped(option.get_type_name()) + "\\fR" : heading;
}

void write_options(const CLI::App& app, std::ostream& out) {
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    const bool positional = option->get_positional();
    out << ".TP\n"
        << (positional ? "\\fI" + escaped(option->get_name(true)) + "\\fR" : option_heading(*option)) << "\n"
        << escaped(option->get_description()) << (option->get_required() && !positional ? " (required)" : "") << ".\n";
  }
}

/// A filled paragraph; its lines are kept short, as the linters of manual pages want them.
void write_paragraph(const std::string& text, std::ostream& out) {
  constexpr std::size_t width = 72;
  std::istringstream words(text);
  std::string line;
  out << ".PP\n";
  for (std::string word; words >> word;) {
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      out << escaped(line) << "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  if (!line.empty()) out << escaped(line) << "\n";
}

/// The lines between "Examples:" and the next empty line as they are, all others as paragraphs.
void write_footer(const std::string& footer, std::ostream& out) {
  std::istringstream lines(footer);
  bool example = false;
  std::string paragraph;
  const auto end_paragraph = [&] {
    if (!paragraph.empty()) write_paragraph(paragraph, out);
    paragraph.clear();
  };
  for (std::string line; std::getline(lines, line);) {
    if (!example && line == "Examples:") {
      end_paragraph();
      out << ".PP\nExamples:\n.PP\n.RS 4\n.nf\n";
      example = true;
    } else if (example && line.empty()) {
      out << ".fi\n.RE\n";
      example = false;
    } else if (example) {
      out << escaped(line.substr(std::min(line.find_first_not_of(' '), line.size()))) << "\n";
    } else if (line.empty()) {
      end_paragraph();
    } else {
      paragraph += line + " ";
    }
  }
  if (example) out << ".fi\n.RE\n";
  end_paragraph();
}

std::string usage_of(const CLI::App& app) {
  std::string usage = "\\fB" + escaped(app.get_name()) + "\\fR [\\fIoptions\\fR]";
  for (const auto* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const std::string name = "\\fI" + escaped(option->get_name(true)) + "\\fR";
    usage += option->get_required() ? " " + name : " [" + name + "]";
    if (option->get_items_expected_max() > 1) usage += " ...";
  }
  return usage;
}

void write_command(const CLI::App& app, std::ostream& out) {
  out << ".SS \"" << escaped(app.get_name()) << "\"\n"
      << usage_of(app) << "\n.PP\n"
      << escaped(app.get_description()) << "\n";
  write_options(app, out);
  for (const auto* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    out << ".PP\n\\fB" << escaped(app.get_name() + " " + subcommand->get_name())
        << "\\fR: " << escaped(subcommand->get_description()) << "\n";
    write_options(*subcommand, out);
  }
  write_footer(app.get_footer(), out);
}

}  // namespace

void write_manual_page(const ManualText& text, std::ostream& out) {
  const ServiceCatalogue catalogue = bundled_services();
  out << ".TH TAGMA 1 \"" << text.date << "\" \"tagma " << TAGMA_VERSION << "\" \"User Commands\"\n" << text.head;
  out << ".SH COMMANDS\n";
  for (const auto& command : commands()) write_command(*command.describe(), out);
  out << ".SH OPERATIONS\nThe operations of the bundled services, as they stand behind \\fBtagma call\\fR:\n.PP\n.RS "
         "4\n.nf\n";
  for (const auto& service : service_usages(catalogue, catalogue.names())) {
    for (const auto& operation : service.operations) out << escaped(operation) << "\n";
  }
  out << ".fi\n.RE\n.SH \"WORDS OF THE SHELL\"\nBeside operations, \\fBtagma shell\\fR knows:\n";
  for (const auto& word : built_in_words()) {
    out << ".TP\n\\fB" << escaped(word.usage) << "\\fR\n" << escaped(word.meaning) << ".\n";
  }
  out << text.tail << std::flush;
}

}  // namespace tagma::cli
