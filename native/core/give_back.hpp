// What a large structure leaves behind, given back to the system: the C library keeps freed memory between what is in use.
#pragma once

#include <cstddef>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace guided {

// The first member of a structure, so that it goes last.
struct GivesBack {
    static constexpr std::size_t kWorthIt = 4u << 20;  // giving back takes some milliseconds, making so much took a hundred
    std::size_t num_bytes = 0;                         // set by who goes

    GivesBack() = default;
    GivesBack(const GivesBack&) = delete;
    GivesBack& operator=(const GivesBack&) = delete;
    ~GivesBack() {
#ifdef __GLIBC__
        if (num_bytes >= kWorthIt) malloc_trim(0);
#endif
    }
};

}  // namespace guided
