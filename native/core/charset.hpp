// Sets of Unicode scalar values as sorted, disjoint, non-adjacent inclusive ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace guided {

struct Range {
    std::uint32_t lo, hi;  // inclusive
    bool operator==(const Range&) const = default;
};

constexpr std::uint64_t hashed_word(Range r) { return (std::uint64_t(r.lo) << 32) | r.hi; }  // for ListIds

using CharSet = std::vector<Range>;
using Chars = std::span<const Range>;  // the same, held by somebody else

inline constexpr std::uint32_t kMaxCodePoint = 0x10FFFF;

// Every scalar value: all code points but the surrogates.
const CharSet& all_chars();

// Sorts, merges and clips to scalar values.
CharSet normalized(std::vector<Range> ranges);
CharSet unite(Chars a, Chars b);
CharSet intersect(Chars a, Chars b);
CharSet intersect(Range a, Chars b);
CharSet complement(const CharSet& a);
bool intersects(Chars a, Chars b);
std::optional<std::uint32_t> first_shared(Chars a, Chars b);  // the least character of both
bool contains(Chars set, std::uint32_t c);

}  // namespace guided
