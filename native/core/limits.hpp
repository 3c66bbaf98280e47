// How much work compiling and matching may take: guided.Limits, which documents each, without the parts Python counts itself.
#pragma once

#include <cstdint>

namespace guided {

#define GUIDED_LIMITS(LIMIT)            \
    LIMIT(max_expressions, 2'000'000)   \
    LIMIT(max_states, 1'000'000)        \
    LIMIT(max_pattern_search, 20'000)   \
    LIMIT(max_readings, 4'096)          \
    LIMIT(max_alternatives, 4'096)      \
    LIMIT(max_choices, 100'000)         \
    LIMIT(max_split, 8)                 \
    LIMIT(max_key_kinds, 256)           \
    LIMIT(max_witnesses, 6)             \
    LIMIT(max_counted_items, 6)         \
    LIMIT(max_plan_work, 50'000)        \
    LIMIT(max_unique_items, 1'000)      \
    LIMIT(max_required_items, 100'000)  \
    LIMIT(max_required_keys, 1'000)     \
    LIMIT(max_unordered_keys, 2'000)    \
    LIMIT(max_shortest_bytes, 1 << 20)  \
    LIMIT(max_goals, 20'000)

struct Limits {
#define LIMIT(name, value) std::uint64_t name = value;
    GUIDED_LIMITS(LIMIT)
#undef LIMIT
};

}  // namespace guided
