// Sets of Unicode scalar values as sorted, disjoint, non-adjacent inclusive ranges.
#pragma once

#include <cstdint>
#include <vector>

namespace guided {

struct Range {
    std::uint32_t lo, hi;  // inclusive
    bool operator==(const Range&) const = default;
};

using CharSet = std::vector<Range>;

inline constexpr std::uint32_t kMaxCodePoint = 0x10FFFF;

// Every scalar value: all code points but the surrogates.
const CharSet& all_chars();

// Sorts, merges and clips to scalar values.
CharSet normalized(std::vector<Range> ranges);
CharSet unite(const CharSet& a, const CharSet& b);
CharSet intersect(const CharSet& a, const CharSet& b);
CharSet complement(const CharSet& a);
bool intersects(const CharSet& a, const CharSet& b);
bool contains(const CharSet& set, std::uint32_t c);

}  // namespace guided
