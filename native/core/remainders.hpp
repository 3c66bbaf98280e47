// Automata over the digits of a number that carry the remainder by a divisor: what `multipleOf` is made of.
//
// guided/constraints/json_schema/multiples.py says how they are put together. A divisor of p has some p states for each
// place that matters, and ten edges in each.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "expr.hpp"

namespace guided {

// Plain decimals without a sign that are a multiple of p * 10^zeros / 10^places, or are none; of any length.
ExprId plain_multiples(ExprPool& pool, std::uint32_t p, std::uint32_t places, std::uint32_t zeros, bool is_wanted);

// Normalised mantissas of at most `decimals` decimals, ending in no needless 0, by the exponent from which on they are a
// multiple of p / 10^q, clipped to `low`; those that are none for any up to `high` come with high + 1.
std::vector<std::pair<std::int32_t, ExprId>> mantissas_by_exponent(ExprPool& pool, std::uint32_t p, std::int32_t q, std::uint32_t decimals,
                                                                    std::int32_t low, std::int32_t high);

}  // namespace guided
