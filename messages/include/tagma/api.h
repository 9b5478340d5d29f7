// What the shared libraries export: the declarations that carry this mark, and nothing else.
#pragma once

#define TAGMA_API __attribute__((visibility("default")))
