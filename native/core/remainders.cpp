#include "remainders.hpp"

#include <algorithm>
#include <bit>
#include <map>

namespace guided {

namespace {

// Where an automaton stands: the remainder so far, and the digits behind the point, or the zeros left out before it.
struct Standing {
    enum Kind : std::uint32_t { Start, Zero, Whole, Point, Part, Fine } kind;
    std::uint32_t remainder = 0, places = 0;
    bool is_padded = false;  // the last digit is a 0 behind the point

    std::uint64_t key() const { return (std::uint64_t(remainder) << 32) | (std::uint64_t(places) << 8) | (kind << 1) | is_padded; }
};

struct Explored {
    std::vector<Standing> order;  // of each state
    Automaton automaton;          // nothing accepts yet
};

// All states that can be reached; `step` says where a digit or the point leads, if anywhere.
template <class Step>
Explored explored(Step&& step) {
    Explored out;
    out.order.push_back({Standing::Start});
    FlatMap number;
    number.insert(out.order[0].key(), 0);
    for (std::size_t at = 0; at < out.order.size(); ++at) {
        std::vector<Automaton::Edge>& edges = out.automaton.states.emplace_back();
        for (const char c : {'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '.'}) {
            const auto to = step(Standing(out.order[at]), c);
            if (!to) continue;
            const auto [id, is_new] = number.try_insert(to->key(), static_cast<std::uint32_t>(out.order.size()));
            if (is_new) out.order.push_back(*to);
            const auto chr = static_cast<std::uint32_t>(c);
            if (!edges.empty() && edges.back().to == id && edges.back().chars.back().hi + 1 == chr) edges.back().chars.back().hi = chr;
            else edges.push_back({{{chr, chr}}, id});
        }
    }
    out.automaton.accepting.resize(out.order.size());
    return out;
}

// The remainder once so many zeros have followed.
std::uint32_t shifted(std::uint32_t remainder, std::uint32_t num_zeros, std::uint32_t p) {
    std::uint64_t out = remainder % p;
    for (std::uint32_t i = 0; i < num_zeros; ++i) out = out * 10 % p;
    return static_cast<std::uint32_t>(out);
}

std::uint32_t with_digit(std::uint32_t remainder, char digit, std::uint32_t p) {
    return static_cast<std::uint32_t>((std::uint64_t(remainder) * 10 + static_cast<std::uint32_t>(digit - '0')) % p);
}

std::optional<Standing> plain_step(const Standing& at, char c, std::uint32_t p, std::uint32_t places, std::uint32_t zeros) {
    const bool is_point = c == '.';
    switch (at.kind) {
        case Standing::Start:
            if (is_point) return {};
            return c == '0' ? Standing{Standing::Zero} : Standing{Standing::Whole, with_digit(0, c, p)};
        case Standing::Zero: return is_point ? std::optional(Standing{Standing::Point}) : std::nullopt;
        case Standing::Fine: return is_point ? std::nullopt : std::optional(at);
        case Standing::Whole:
            if (is_point) return at.places == zeros ? Standing{Standing::Point, at.remainder} : Standing{Standing::Fine};
            if (c != '0') return Standing{Standing::Whole, with_digit(shifted(at.remainder, at.places, p), c, p)};
            if (at.places < zeros) return Standing{Standing::Whole, at.remainder, at.places + 1};
            return Standing{Standing::Whole, shifted(at.remainder, 1, p), zeros};
        default:
            if (is_point) return {};
            if (at.places < places) return Standing{Standing::Part, with_digit(at.remainder, c, p), at.places + 1};
            return c == '0' ? Standing{Standing::Part, at.remainder, at.places} : Standing{Standing::Fine};
    }
}

bool is_multiple(const Standing& at, std::uint32_t p, std::uint32_t places, std::uint32_t zeros) {
    if (at.kind == Standing::Zero || at.kind == Standing::Fine) return at.kind == Standing::Zero;
    const bool is_part = at.kind == Standing::Part;
    return (is_part || at.places == zeros) && shifted(at.remainder, is_part ? places - at.places : places, p) == 0;
}

std::optional<Standing> mantissa_step(const Standing& at, char c, std::uint32_t p, std::uint32_t decimals) {
    const bool is_point = c == '.';
    if (at.kind == Standing::Start) return is_point || c == '0' ? std::nullopt : std::optional(Standing{Standing::Whole, with_digit(0, c, p)});
    if (at.kind == Standing::Whole) return is_point ? std::optional(Standing{Standing::Point, at.remainder}) : std::nullopt;
    if (is_point || at.places == decimals) return {};
    return Standing{Standing::Part, with_digit(at.remainder, c, p), at.places + 1, c == '0'};
}

// From which exponent on a mantissa with this remainder and so many decimals is a multiple of p / 10^q.
std::optional<std::int32_t> first_exponent(const Standing& at, std::uint32_t p, std::int32_t q) {
    const auto most = static_cast<std::uint32_t>(std::bit_width(p));
    for (std::uint32_t shift = 0; shift <= most; ++shift)
        if (shifted(at.remainder, shift, p) == 0) return static_cast<std::int32_t>(at.places + shift) - q;
    return {};
}

}  // namespace

ExprId plain_multiples(ExprPool& pool, std::uint32_t p, std::uint32_t places, std::uint32_t zeros, bool is_wanted) {
    Explored all = explored([&](const Standing& at, char c) { return plain_step(at, c, p, places, zeros); });
    for (std::size_t i = 0; i < all.order.size(); ++i) {
        const Standing& at = all.order[i];
        all.automaton.accepting[i] = at.kind != Standing::Start && at.kind != Standing::Point && is_multiple(at, p, places, zeros) == is_wanted;
    }
    return pool.automaton(all.automaton);
}

std::vector<std::pair<std::int32_t, ExprId>> mantissas_by_exponent(ExprPool& pool, std::uint32_t p, std::int32_t q, std::uint32_t decimals,
                                                                    std::int32_t low, std::int32_t high) {
    Explored all = explored([&](const Standing& at, char c) { return mantissa_step(at, c, p, decimals); });
    std::map<std::int32_t, std::vector<std::size_t>> ends;
    for (std::size_t i = 0; i < all.order.size(); ++i) {
        const Standing& at = all.order[i];
        if (at.kind != Standing::Whole && (at.kind != Standing::Part || at.is_padded)) continue;
        const auto first = first_exponent(at, p, q);
        ends[first ? std::clamp(*first, low, high + 1) : high + 1].push_back(i);
    }
    std::vector<std::pair<std::int32_t, ExprId>> out;
    for (const auto& [first, accepting] : ends) {
        all.automaton.accepting.assign(all.order.size(), false);
        for (const std::size_t i : accepting) all.automaton.accepting[i] = true;
        out.push_back({first, pool.automaton(all.automaton)});
    }
    return out;
}

}  // namespace guided
