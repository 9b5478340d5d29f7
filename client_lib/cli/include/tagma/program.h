/**
 * @file
 * @brief A whole tagma program that hosts services of one's own: the entry of the service library.
 */
#pragma once

#include <vector>

#include "tagma/api.h"
#include "tagma/service.h"

namespace tagma {

/**
 * Runs the `tagma` command line, which besides the bundled services (kv, memory, counter) knows `services`: `up`,
 * `init` and `replica` can host them, `call` reaches them. A program of one's own is therefore
 *
 *     int main(int argument_count, char** arguments) {
 *       return tagma::run_program(argument_count, arguments, {{"tally", make_tally, "tally add NUMBER\ntally read"}});
 *     }
 *
 * and is used like tagma itself: `./my_program up --service tally`, `./my_program call tally add 3`. All replicas of a
 * cluster must run programs whose services behave alike, or those that differ count as faulty (Schneider 1990,
 * section 3).
 *
 * Call it from the main thread, once, before any other thread exists: it takes over SIGINT, SIGTERM and SIGPIPE. It
 * writes results to standard output and all else to standard error. It throws nothing.
 *
 * @param argument_count  that of main(); 0 is allowed
 * @param arguments       those of main(), borrowed until it returns; the first is how help texts call the program. The
 *                        program's own file is executed again for each replica of `up`
 * @param services        each with another name, and none of a bundled service
 * @return the exit status: 0 ok; 1 refused or failed; 2 bad arguments, files or services (a name that is ill formed,
 *         taken, or not that of the objects made); 3 no quorum in time, outcome unknown
 */
[[nodiscard]] TAGMA_API int run_program(int argument_count, char** arguments, std::vector<ServiceEntry> services = {});

}  // namespace tagma
