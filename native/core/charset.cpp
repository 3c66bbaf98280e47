#include "charset.hpp"

#include <algorithm>

namespace guided {

const CharSet& all_chars() {
    static const CharSet all{{0, 0xD7FF}, {0xE000, kMaxCodePoint}};
    return all;
}

namespace {

CharSet merged(std::vector<Range> ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.lo < b.lo; });
    CharSet out;
    for (const Range& r : ranges) {
        if (r.lo > r.hi) continue;
        if (!out.empty() && r.lo <= out.back().hi + 1) {
            out.back().hi = std::max(out.back().hi, r.hi);
        } else {
            out.push_back(r);
        }
    }
    return out;
}

}  // namespace

CharSet normalized(std::vector<Range> ranges) { return intersect(merged(std::move(ranges)), all_chars()); }

CharSet unite(Chars a, Chars b) {
    std::vector<Range> both(a.begin(), a.end());
    both.insert(both.end(), b.begin(), b.end());
    return merged(std::move(both));
}

CharSet intersect(Range a, Chars b) { return intersect(Chars(&a, 1), b); }

CharSet intersect(Chars a, Chars b) {
    CharSet out;
    std::size_t i = 0, j = 0;
    while (i < a.size() && j < b.size()) {
        const std::uint32_t lo = std::max(a[i].lo, b[j].lo), hi = std::min(a[i].hi, b[j].hi);
        if (lo <= hi) out.push_back({lo, hi});
        if (a[i].hi < b[j].hi) ++i; else ++j;
    }
    return out;
}

std::optional<std::uint32_t> first_shared(Chars a, Chars b) {
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        const std::uint32_t lo = std::max(a[i].lo, b[j].lo);
        if (lo <= std::min(a[i].hi, b[j].hi)) return lo;
        if (a[i].hi < b[j].hi) ++i; else ++j;
    }
    return std::nullopt;
}

bool intersects(Chars a, Chars b) { return first_shared(a, b).has_value(); }

CharSet complement(const CharSet& a) {
    CharSet gaps;
    std::uint32_t next = 0;
    for (const Range& r : a) {
        if (r.lo > next) gaps.push_back({next, r.lo - 1});
        next = r.hi + 1;
    }
    if (next <= kMaxCodePoint) gaps.push_back({next, kMaxCodePoint});
    return intersect(gaps, all_chars());
}

bool contains(Chars set, std::uint32_t c) {
    auto it = std::upper_bound(set.begin(), set.end(), c, [](std::uint32_t x, const Range& r) { return x < r.lo; });
    return it != set.begin() && c <= std::prev(it)->hi;
}

}  // namespace guided
