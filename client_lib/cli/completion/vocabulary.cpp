#include "client_lib/cli/completion/vocabulary.h"

#include <sstream>

#include "client_lib/cli/cluster_folder.h"
#include "client_lib/cli/command_line.h"

namespace tagma::cli {
namespace {

std::string used_directory(const std::string& given) {
  if (!given.empty()) return given;
  CLI::App app;
  std::string directory;
  add_directory_option(app, directory);
  return directory;
}

}  // namespace

std::vector<ServiceUsage> service_usages(const ServiceCatalogue& catalogue, const std::vector<std::string>& names) {
  std::vector<ServiceUsage> usages;
  for (const auto& name : names) {
    ServiceUsage usage{name, {}};
    std::istringstream lines{std::string(catalogue.usage(name))};
    for (std::string line; std::getline(lines, line);) usage.operations.push_back(line);
    usages.push_back(std::move(usage));
  }
  return usages;
}

ClusterWords words_of_cluster(const ServiceCatalogue& catalogue, const std::string& directory) {
  const auto file = open_cluster(used_directory(directory), {});
  if (!file) return {service_usages(catalogue, catalogue.names()), 0};
  return {service_usages(catalogue, file->services), file->membership.clients.size()};
}

Vocabulary program_vocabulary(const ServiceCatalogue& catalogue) {
  Vocabulary vocabulary;
  for (const auto& command : commands()) {
    vocabulary.commands.push_back({std::string(command.name), std::string(command.summary), command.describe()});
  }
  vocabulary.services = catalogue.names();
  vocabulary.cluster_words = [&catalogue](const std::string& directory) {
    return words_of_cluster(catalogue, directory);
  };
  return vocabulary;
}

}  // namespace tagma::cli
