#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "check.hpp"
#include "errors.hpp"
#include "expr.hpp"

using namespace guided;

namespace {

// Texts of a and b whose letters of one kind, or of both, leave this remainder.
struct Residue {
    std::uint32_t modulus, wanted;
    bool counts_a, counts_b;
    bool is_negated;
};

ExprId expression(ExprPool& pool, const Residue& r) {
    Automaton a;
    for (std::uint32_t s = 0; s < r.modulus; ++s) {
        const std::uint32_t next = (s + 1) % r.modulus;
        a.states.push_back({{{{'a', 'a'}}, r.counts_a ? next : s}, {{{'b', 'b'}}, r.counts_b ? next : s}});
        a.accepting.push_back(s == r.wanted);
    }
    const ExprId e = pool.automaton(a);
    return r.is_negated ? pool.negate(e) : e;
}

// The same question by all tuples of remainders, without expressions. Texts are of a and b alone.
bool some_text_fits(const std::vector<std::vector<Residue>>& all_of_any) {
    std::vector<Residue> flat;
    for (const auto& any : all_of_any) flat.insert(flat.end(), any.begin(), any.end());
    std::vector<std::vector<std::uint32_t>> pending{std::vector<std::uint32_t>(flat.size(), 0)};
    std::set<std::vector<std::uint32_t>> seen{pending[0]};
    for (std::size_t i = 0; i < pending.size(); ++i) {
        bool holds = true;
        std::size_t at = 0;
        for (const auto& any : all_of_any) {
            bool one = false;
            for (const Residue& r : any) one = ((pending[i][at++] == r.wanted) != r.is_negated) || one;
            holds = holds && one;
        }
        if (holds) return true;
        for (const bool is_a : {true, false}) {
            std::vector<std::uint32_t> next = pending[i];
            for (std::size_t k = 0; k < flat.size(); ++k)
                if (is_a ? flat[k].counts_a : flat[k].counts_b) next[k] = (next[k] + 1) % flat[k].modulus;
            if (seen.insert(next).second) pending.push_back(next);
        }
    }
    return false;
}

ExprId conjunction(ExprPool& pool, const std::vector<std::vector<Residue>>& all_of_any) {
    std::vector<ExprId> all{pool.repeat(pool.set({{'a', 'b'}}), 0, kUnbounded)};
    for (const auto& any : all_of_any) {
        std::vector<ExprId> parts;
        for (const Residue& r : any) parts.push_back(expression(pool, r));
        all.push_back(pool.alt(parts));
    }
    return pool.both(all);
}

}  // namespace

TEST(conjunctions_of_remainders_match_when_they_should) {
    std::mt19937 random(1);
    auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
    std::size_t num_empty = 0;
    for (int round = 0; round < 300; ++round) {
        const Limits limits;
        ExprPool pool{limits};
        std::vector<std::vector<Residue>> all_of_any(2 + below(4));
        for (auto& any : all_of_any) {
            any.resize(1 + below(2));
            for (Residue& r : any) {
                const std::uint32_t modulus = 2 + below(9);
                r = {modulus, below(modulus), below(2) == 0, true, below(4) == 0};
            }
        }
        const bool expected = some_text_fits(all_of_any);
        num_empty += !expected;
        CHECK(pool.nonempty(conjunction(pool, all_of_any)) == expected);
    }
    CHECK(num_empty > 30 && num_empty < 270);
}

TEST(ends_are_found_however_deep) {
    const Limits limits;
    ExprPool pool{limits};
    // a length of 1 modulo each, so 1 or 30,031; and not 1
    std::vector<std::vector<Residue>> all;
    for (std::uint32_t p : {2u, 3u, 5u, 7u, 11u, 13u}) all.push_back({{p, 1, true, true, false}});
    const ExprId length = pool.both({conjunction(pool, all), pool.repeat(pool.one('a'), 2, kUnbounded)});
    CHECK(pool.nonempty(length));
    ExprId rest = length;
    for (int i = 0; i < 1000; ++i) rest = pool.derive(rest, 'a');
    CHECK(pool.nonempty(rest));
    // the same, and a remainder by 4 that says the length is even
    all.push_back({{4, 2, true, true, false}});
    CHECK(!pool.nonempty(conjunction(pool, all)));
}

TEST(a_search_that_takes_too_long_is_refused) {
    Limits limits;
    limits.max_pattern_search = 300;
    ExprPool pool{limits};
    std::vector<std::vector<Residue>> all;
    for (std::uint32_t p : {31u, 37u, 41u, 43u, 47u, 53u}) all.push_back({{p, 1, true, true, false}}), all.push_back({{p, 3, true, false, false}});
    bool is_refused = false;
    try {
        pool.nonempty(pool.both({conjunction(pool, all), pool.repeat(pool.set({{'a', 'b'}}), 2, kUnbounded)}));
    } catch (const TooComplex&) {
        is_refused = true;
    }
    CHECK(is_refused);
}
