/**
 * @file
 * @brief What the shared libraries export: the declarations that carry TAGMA_API, and nothing else.
 */
#pragma once

/** Marks what the shared libraries export. For the libraries' own headers; programs need not use it. */
#define TAGMA_API __attribute__((visibility("default")))
