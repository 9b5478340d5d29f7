// The whole product, of the mutants' build: the same command line as tagma, with the rule broken that the environment
// variable TAGMA_MUTANT names (messages/mutant.h), or none. It proves that a drill can fail; and without a broken rule
// it is another build of the same program, as rolling upgrades meet one. Assertions of the pure rooms are off in it.
#include <cstdlib>
#include <iostream>

#include "tagma/program.h"
#include "test/sim/mutant_names.h"

int main(int count, char** words) {
  const char* wanted = std::getenv("TAGMA_MUTANT");
  if (wanted != nullptr) {
    const auto mutant = tagma::sim::mutant_named(wanted);
    if (!mutant) {
      std::cerr << "tagma_mutant: TAGMA_MUTANT: there is no mutant " << wanted << "; choose none";
      for (const auto& each : tagma::sim::all_mutants) std::cerr << ' ' << each.name;
      std::cerr << '\n';
      return 2;
    }
    tagma::active_mutant = *mutant;
  }
  return tagma::run_program(count, words);
}
