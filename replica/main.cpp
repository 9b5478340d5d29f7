// The product binary: the command line with the bundled services.
#include "tagma/program.h"

int main(int argument_count, char** arguments) { return tagma::run_program(argument_count, arguments); }
