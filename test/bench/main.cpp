// Micro-benchmarks of tagma: what the parts of one operation cost, one by one. `microbench --help` lists the options of
// google-benchmark; README.md says how to read the figures.
#include "test/bench/fixture.h"

int main(int argument_count, char** arguments) {
  tagma::bench::register_codec();
  tagma::bench::register_crypto();
  tagma::bench::register_core();
  tagma::bench::register_state();
  tagma::bench::register_disk();
  tagma::bench::register_client();
  // google-benchmark tells its own build type as "library_build_type"; these are ours.
  benchmark::AddCustomContext("tagma_version", TAGMA_VERSION);
  benchmark::AddCustomContext("tagma_build_type", TAGMA_BUILD_TYPE);
  benchmark::AddCustomContext("tagma_sanitizers", TAGMA_SANITIZERS);
  benchmark::Initialize(&argument_count, arguments);
  if (benchmark::ReportUnrecognizedArguments(argument_count, arguments)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
