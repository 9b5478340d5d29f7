/* A program of the C interface, compiled as C in two standards. Returns 0, or the number of the step that went wrong.
 */
#ifndef TAGMA_TEST_CLIENT_C_PROGRAM_H
#define TAGMA_TEST_CLIENT_C_PROGRAM_H

#ifdef __cplusplus
extern "C" {
#endif

int client_c_program_89(const char* cluster_file, const char* identity_file);
int client_c_program_11(const char* cluster_file, const char* identity_file);

#ifdef __cplusplus
}
#endif

#endif
