// The nodes that a grammar is built of, by id: expressions, JSON, sequences, choices, repetitions and rules.
#pragma once

#include <cstdint>
#include <vector>

#include "schema.hpp"

namespace guided {

struct GrammarNode {
    enum Kind : std::uint8_t { Lexeme, Raw, Json, Sequence, Choice, Repetition, Rule } kind;
    std::uint32_t a = 0;                // Lexeme: expression; Raw: text; Json: goal; Repetition: part; Rule: its number
    LexId lex = 0;                      // Lexeme: the start of its automaton
    std::uint32_t separator = kNone;    // Repetition
    std::uint32_t min = 0, max = 0;
    std::vector<std::uint32_t> parts;   // Sequence, Choice
    std::uint64_t cost = UINT64_MAX;    // bytes of a shortest text; UINT64_MAX: none
    std::uint32_t depth = 0;
    bool may_exceed = false;            // Json: limits may be met while a text is under way
};

}  // namespace guided
