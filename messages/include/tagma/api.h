/* What the shared libraries export: the declarations that carry this mark, and nothing else. C includes it too. */
#pragma once

#define TAGMA_API __attribute__((visibility("default")))
